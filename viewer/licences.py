"""The licences of the JavaScript packages that a bundle is made of, as one text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PREFIX = "node_modules/"
_NAMES = ("license", "licence", "copying", "notice")
_MAX_CHARACTERS = 100_000
"""Of one licence; the longest in use have some 35,000."""


def licences_of(lock_file: Path) -> str:
    """Return name, version and licence of each package that may be in the bundle.

    What only builds or checks it (`dev` in the lock file) is not in it. The packages lie in
    `node_modules` beside the lock file.
    """
    packages: Mapping[str, Any] = json.loads(lock_file.read_text("utf-8"))["packages"]
    beginning = (
        "The reading viewer is made of these packages, each under its own licence.\n"
        "The programs in WebAssembly among them name their sources in their own texts below.\n"
    )
    return "\n".join([beginning, *_entries(packages, lock_file.parent)])


def _entries(packages: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for place, package in sorted(packages.items()):
        # Optional ones are programs for other systems, and the empty place is ourselves.
        if not place or any(package.get(each) for each in ("dev", "link", "devOptional")):
            continue
        if not (folder / place).is_dir():
            continue
        name = place.rpartition(_PREFIX)[2]
        licence = package.get("license") or "see below"
        title = f"{name} {package.get('version', '')} ({licence})"
        yield "\n".join(["=" * 80, title, "=" * 80, *_texts(folder / place), ""])


def _texts(folder: Path) -> Iterator[str]:
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.lower().startswith(_NAMES):
            yield file.read_text("utf-8", "replace")[:_MAX_CHARACTERS].strip()
