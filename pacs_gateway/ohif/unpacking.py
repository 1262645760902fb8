"""Takes the files out of an npm package, and trusts none of its names, kinds or sizes.

Invariant: whatever the package says, nothing is written outside of the folder, nothing but
regular files of ours, and no more than the limits; else PackageError, never another error.
"""

import gzip
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pacs_gateway.ohif.errors import PackageError

PREFIX = "package/"
"""npm puts everything below this folder."""

_SAFE_NAME = r"\w[\w.-]{0,100}"
"""Neither empty nor beginning with a dot, so that none is `..`."""
_SAFE_PATH = re.compile(rf"(?:{_SAFE_NAME}/){{0,8}}{_SAFE_NAME}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a package may grow to."""

    unpacked_bytes: int
    files: int


def unpack(
    package: Path, folder: Path, *, limits: Limits, place: Callable[[str], str | None]
) -> None:
    """Write the files of a gzipped tar file into a new `folder`.

    `place` says below which path of the folder a file of the package goes, None for nowhere.

    Raises PackageError; the folder is of no use then.
    """
    folder.mkdir()
    try:
        # Not tarfile's own "r|gz": it stops without a word where a file is cut short.
        with gzip.open(package) as content, tarfile.open(fileobj=content, mode="r|") as archive:
            _unpack_members(archive, folder, limits, place)
    except (tarfile.TarError, zlib.error, EOFError, UnicodeError) as error:
        raise PackageError(f"{package.name} cannot be read to its end as a package.") from error
    except OSError as error:
        # gzip reports damage by an OSError without number; with one, our own disk is meant.
        if error.errno is not None:
            raise
        raise PackageError(f"{package.name} is not a gzipped package.") from error


def _unpack_members(
    archive: tarfile.TarFile,
    folder: Path,
    limits: Limits,
    place: Callable[[str], str | None],
) -> None:
    files = size = 0
    for member in archive:
        files += 1
        size += max(member.size, 0)
        if files > limits.files or size > limits.unpacked_bytes:
            raise PackageError(
                f"The package holds more than {limits.files} files"
                f" or {limits.unpacked_bytes} bytes; it is not OHIF."
            )
        if member.isdir():
            continue
        path = place(_safe_path(member))
        if path is None:
            continue
        content = archive.extractfile(member)
        assert content is not None
        _write(content, folder / path)


def _safe_path(member: tarfile.TarInfo) -> str:
    path = member.name.removeprefix(PREFIX)
    if not member.isreg() or path == member.name or not _SAFE_PATH.fullmatch(path):
        raise PackageError(f"The package holds something that is no plain file: {member.name!r}.")
    return path


def _write(content: IO[bytes], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            shutil.copyfileobj(content, target)
    except (FileExistsError, NotADirectoryError) as error:
        raise PackageError(f"The package holds {path.name} twice.") from error
