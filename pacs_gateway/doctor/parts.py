"""What came with the program, and what of it is missing."""

from collections.abc import Iterator
from importlib.util import find_spec

import viewer
from pacs_gateway import __version__
from pacs_gateway.doctor.findings import Finding, ok, warning, wrong
from pacs_gateway.doctor.subject import Subject

VERSION, DECODERS, VIEWER = "version", "decoders", "viewer"
_NEEDED = ("numpy", "imagecodecs", "PIL")


def check_parts(subject: Subject) -> Iterator[Finding]:
    """Look for decoders and for the reading viewer."""
    del subject
    yield ok(VERSION, "is", number=__version__)
    # Found and not loaded: this process must not carry the codecs in its memory.
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        yield wrong(DECODERS, "missing", names=", ".join(missing))
    else:
        yield ok(DECODERS, "fine")
    yield ok(VIEWER, "fine") if viewer.bundle_built() else warning(VIEWER, "missing")
