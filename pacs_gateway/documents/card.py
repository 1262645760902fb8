"""A plain card that stands for an object without a picture: a symbol and a word."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pacs_gateway.documents.drawing import Box, Drawing, Label, Line, Point, Shape

SIDE = 40.0
"""Millimetres; only the proportions matter."""

Symbol = Literal["page", "images", "wave", "film", "solid", "nothing"]

_GROUND = "#e8eef0"
_INK = "#33464d"
_PAPER = "#ffffff"
_FRAMES: Mapping[Symbol, tuple[Point, ...]] = {
    "wave": ((8, 16), (14, 16), (16, 18), (18, 6), (21, 24), (23, 16), (32, 16)),
    "solid": ((20, 5), (31, 10), (31, 20), (20, 26), (9, 20), (9, 10), (20, 5)),
}


def card(symbol: Symbol, word: str) -> Drawing:
    """Return the card of a kind of object."""
    # Long words get smaller letters rather than being cut.
    size = min(6.0, SIDE * 1.6 / max(len(word), 1))
    label = Label(
        left=SIDE / 2, baseline=SIDE - 5, text=word, size=size, colour=_INK, anchor="middle"
    )
    ground = Box(left=0, top=0, width=SIDE, height=SIDE, colour=_GROUND)
    return Drawing(width=SIDE, height=SIDE, shapes=[ground, *_symbol(symbol), label])


def _symbol(symbol: Symbol) -> Iterator[Shape]:
    match symbol:
        case "page":
            yield from _page(11, 4)
        case "images":
            yield from _framed(8, 4, 16, 14)
            yield from _framed(16, 12, 16, 14)
        case "film":
            yield from _framed(7, 6, 26, 20)
            yield _line((17, 11), (17, 21), (25, 16), (17, 11))
        case "wave" | "solid":
            yield _line(*_FRAMES[symbol])
            if symbol == "solid":
                yield _line((9, 10), (20, 15), (31, 10))
                yield _line((20, 15), (20, 26))
        case "nothing":
            yield from _framed(8, 6, 24, 20)
            yield _line((8, 26), (32, 6))


def _page(left: float, top: float) -> Iterator[Shape]:
    yield from _framed(left, top, 18, 23)
    for number in range(5):
        height = top + 5 + 3.5 * number
        yield _line((left + 3, height), (left + (15 if number < 4 else 10), height))  # noqa: PLR2004 - the last line is short.


def _framed(left: float, top: float, width: float, height: float) -> Iterator[Shape]:
    right, bottom = left + width, top + height
    yield Box(left=left, top=top, width=width, height=height, colour=_PAPER)
    yield _line((left, top), (right, top), (right, bottom), (left, bottom), (left, top))


def _line(*points: Point) -> Line:
    return Line(points=points, colour=_INK, width=0.9)
