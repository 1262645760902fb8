"""Media types as clients write them in Accept and Content-Type (RFC 9110 12.5.1, PS3.18 8.7)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from pacs_gateway.errors import BadRequestError, NotAcceptableError

MULTIPART = "multipart/related"
JSON_TYPES = ("application/dicom+json", "application/json")
Specificity = tuple[int, ...]
Wish = tuple[float, int]
"""Quality, and the negative place in the header."""

MAX_ACCEPT_CHARACTERS = 8192
"""An Accept header longer than any client's; parsing it would only cost time."""

# A comma or semicolon inside quotes separates nothing.
_PIECES = {mark: re.compile(rf'(?:[^{mark}"]|"(?:[^"\\]|\\.)*"?)+') for mark in ",;"}
_MISSPELT = {"image/jpg": "image/jpeg"}
"""Names that clients write, and what they mean."""
_WEIGHT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
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
        """The relative wish of the client from 0 to 1, 1 unless it says otherwise."""
        weight = self.parameters.get("q", "1")
        return min(float(weight), 1.0) if _WEIGHT.fullmatch(weight) else 0.0

    @property
    def specificity(self) -> int:
        """How narrow the range is: anything, a kind, or one type (RFC 9110 12.5.1)."""
        return 2 - self.name.count("*")


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
    lower = name.lower()
    return MediaType(_MISSPELT.get(lower, lower), parameters)


@lru_cache(maxsize=256)
def ranges(accept: str) -> Sequence[MediaType]:
    """Return what an Accept header or `accept` parameter names, also what it refuses, in order.

    Raises BadRequestError if it cannot be understood.
    """
    if len(accept) > MAX_ACCEPT_CHARACTERS:
        raise BadRequestError("The Accept header is too long.")
    # Query strings turn the plus of `dicom+json` into a space.
    pieces = (re.sub(r"dicom (json|xml)", r"dicom+\1", piece.strip()) for piece in _split(accept))
    return tuple(parse_media_type(piece) for piece in pieces if piece) or (ANYTHING,)


def accepted(accept: str) -> Sequence[MediaType]:
    """Return what an Accept header or `accept` parameter asks for, the most wanted first.

    Raises BadRequestError if it cannot be understood.
    """
    wanted = [each for each in ranges(accept) if each.quality > 0]
    return tuple(sorted(wanted, key=lambda each: -each.quality))


def wish(
    wanted: Sequence[MediaType], specificity: Callable[[MediaType], Specificity | None]
) -> Wish | None:
    """Return how much a client wants one representation; a greater wish counts before a lesser.

    `specificity` says how narrowly a range covers the representation, None for not at all. The
    narrowest range decides (RFC 9110 12.5.1), of several the most wanted; of two representations
    wanted as much, the one named first is the greater wish. None: the client does not accept it.
    """
    covering = [
        (narrowness, each.quality, -place)
        for place, each in enumerate(wanted)
        if (narrowness := specificity(each)) is not None
    ]
    if not covering:
        return None
    _, quality, place = max(covering)
    return (quality, place) if quality > 0 else None


def choose(accept: str, offered: Sequence[str]) -> str:
    """Return the media type of `offered` that the client wants most, the first of equals.

    Raises NotAcceptableError if it wants none of them.
    """
    wishes: dict[str, Wish] = {}
    for name in offered:
        found = wish(ranges(accept), partial(_narrowness, name=name))
        if found is not None:
            wishes.setdefault(name, found)
    if not wishes:
        raise NotAcceptableError(f"This resource comes as {' or '.join(offered)} only.")
    return max(wishes, key=wishes.__getitem__)


def takes(coding: str, accept_encoding: str) -> bool:
    """Return whether a client takes a content coding (RFC 9110 12.5.3); all browsers take gzip."""
    for item in accept_encoding.lower().split(","):
        name, _, weight = item.replace(" ", "").partition(";q=")
        if name == coding:
            return weight.strip("0.") != "" or not weight
    return False


def _narrowness(wanted: MediaType, *, name: str) -> Specificity | None:
    return (wanted.specificity,) if wanted.matches(name) else None


def _split(text: str) -> list[str]:
    return [str(piece) for piece in _PIECES[","].findall(text)]


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return value
