"""Files that other users of this machine can read, and should not.

Invariant: what the gateway keeps about patients is for its own account and group; a file that is
not ours is never changed, only refused.
"""

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from pacs_gateway.config import Settings
from pacs_gateway.errors import ConfigurationError

_OTHERS = stat.S_IRWXO


def check_file(path: Path, settings: Settings) -> None:
    """Refuse the configuration file of these settings if it tells secrets to everybody here.

    Raises ConfigurationError.
    """
    if not others_reach(path):
        return
    written = tomllib.loads(path.read_text("utf-8"))
    if any(_secrets_in(settings, written)):
        raise ConfigurationError(
            f"The configuration file {path} has secrets in it and every user of this machine can"
            f" read it: run `chmod o= {path}`."
        )


def keep_private(settings: Settings) -> None:
    """Take other users of this machine the access to images, index and pictures.

    What an earlier version left open is closed; ConfigurationError if it belongs to somebody else.
    """
    for path in _own_paths(settings):
        # What is not there yet will be made private (__main__).
        with suppress(FileNotFoundError):
            _close_to_others(path)


def others_reach(path: Path) -> bool:
    """Return whether users who are neither owner nor group can read a file or enter a folder."""
    resolved = path.resolve()
    if not resolved.stat().st_mode & stat.S_IROTH:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in resolved.parents)


def password_in(url: str) -> str:
    """Return the password of a database URL; the one in `.env` may have any sign but `@`."""
    found = re.search(r"://[^:/]*:([^@]*)@", url)
    return unquote(found[1]) if found else ""


def _close_to_others(path: Path) -> None:
    mode = path.stat().st_mode
    if not mode & _OTHERS:
        return
    try:
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    except PermissionError as error:
        if others_reach(path):
            raise ConfigurationError(
                f"Every user of this machine can read {path}, where patients' data is kept: have"
                f" its owner run `chmod o= {path}`."
            ) from error


def _secrets_in(section: BaseModel, written: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the secrets that a file gives a value."""
    for name, value in written.items():
        setting = getattr(section, name)
        if isinstance(setting, BaseModel) and isinstance(value, Mapping):
            yield from _secrets_in(setting, value)
        elif isinstance(setting, SecretStr) or (isinstance(value, str) and password_in(value)):
            yield name


def _own_paths(settings: Settings) -> Iterator[Path]:
    """Yield the places where the gateway keeps data, and nobody else does."""
    yield settings.spool_dir
    yield settings.cache_dir
    if settings.objects_url.startswith("file:"):
        yield Path(settings.objects_url.removeprefix("file:").removeprefix("//"))
    database = settings.index_url.removeprefix("sqlite:///")
    if database != settings.index_url:
        yield from (Path(f"{database}{ending}") for ending in ("", "-wal", "-shm"))
