"""Where the programs are, and the one rule about those that are missing.

A missing program skips the test with a line that says what to install; with `CI=true` it fails,
so that continuous integration never passes by not looking.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

_PINS = Path(__file__).with_name("go_programs.txt")


def require_program(name: str, hint: str, *, folders: Sequence[Path] = ()) -> Path:
    """Return the program `name` from `folders` or PATH; skip the test (CI: fail it) without it.

    `hint` completes the sentence "install it with ...".
    """
    search = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=search)
    if found is None:
        message = f"{name} is missing; install it with: {hint}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return Path(found)


def require_go_program(name: str) -> Path:
    """Return a program that `tests/install_servers` builds, at its pinned version if there."""
    pins = dict(_pin(line) for line in _PINS.read_text("utf-8").splitlines())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "pacs-gateway" / "bin" / f"{name}-{pins[name]}"
    return require_program(name, "tests/install_servers (needs Go)", folders=[folder])


def _pin(line: str) -> tuple[str, str]:
    name, _module, version = line.split()
    return name, version
