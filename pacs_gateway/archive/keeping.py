"""Small records of our own, kept in the object store beside the images."""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from storage.errors import UnavailableError
from storage.objects import ObjectStore


def keep(store: ObjectStore, key: str, content: bytes, *, scratch: Path) -> None:
    """Put a record durably; `scratch` is a folder on this host's own disk.

    Raises UnavailableError, FullError.
    """
    try:
        with NamedTemporaryFile(dir=scratch, suffix=".record") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            store.put(key, Path(file.name), sha256=sha256(content).hexdigest())
    except OSError as error:
        raise UnavailableError(
            f"The folder {scratch} cannot be written: {error.strerror}."
        ) from error
