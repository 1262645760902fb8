"""Media types as clients write them in Accept and Content-Type (RFC 9110 12.5.1, PS3.18 8.7)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pacs_gateway.errors import BadRequestError, NotAcceptableError

JSON_TYPES = ("application/dicom+json", "application/json")
MAX_ACCEPT_CHARACTERS = 8192
"""An Accept header longer than any client's; parsing it would only cost time."""

# A comma or semicolon inside quotes separates nothing.
_PIECES = {mark: re.compile(rf'(?:[^{mark}"]|"(?:[^"\\]|\\.)*"?)+') for mark in ",;"}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class MediaType:
    """One media type or range, in lower case, with its parameters."""

    name: str
    parameters: Mapping[str, str]

    def matches(self, name: str) -> bool:
        """Return whether this range covers the media type `name`."""
        if self.name in ("*/*", name):
            return True
        kind, _, subtype = self.name.partition("/")
        return subtype == "*" and name.startswith(f"{kind}/")

    @property
    def quality(self) -> float:
        """The relative wish of the client, 1 unless it says otherwise."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


ANYTHING = MediaType("*/*", {})


def parse_media_type(text: str) -> MediaType:
    """Return the media type in `text`, its parameter values without quotes.

    Raises BadRequestError if it is none.
    """
    name, *rest = [piece.strip() for piece in _PIECES[";"].findall(text)] or [""]
    if _TOKEN.fullmatch(name) is None:
        raise BadRequestError("A media type in the request cannot be understood.")
    parameters: dict[str, str] = {}
    for piece in rest:
        key, _, value = piece.partition("=")
        parameters[key.strip().lower()] = _unquoted(value.strip())
    return MediaType(name.lower(), parameters)


@lru_cache(maxsize=256)
def accepted(accept: str) -> Sequence[MediaType]:
    """Return what an Accept header or `accept` parameter asks for, the most wanted first.

    Raises BadRequestError if it cannot be understood.
    """
    if len(accept) > MAX_ACCEPT_CHARACTERS:
        raise BadRequestError("The Accept header is too long.")
    # Query strings turn the plus of `dicom+json` into a space.
    pieces = (piece.strip().replace("dicom json", "dicom+json") for piece in _split(accept))
    types = [parse_media_type(piece) for piece in pieces if piece]
    wanted = [each for each in types or [ANYTHING] if each.quality > 0]
    return tuple(sorted(wanted, key=lambda each: -each.quality))


def choose(accept: str, offered: Sequence[str]) -> str:
    """Return the media type of `offered` that the client wants most.

    Raises NotAcceptableError if it wants none of them.
    """
    for wanted in accepted(accept):
        for name in offered:
            if wanted.matches(name):
                return name
    raise NotAcceptableError(f"This resource comes as {' or '.join(offered)} only.")


def _split(text: str) -> list[str]:
    return [str(piece) for piece in _PIECES[","].findall(text)]


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return value
