"""A drawing as SVG whose units are millimetres, so that print and screen keep its scale.

Invariant: the file is well-formed XML without scripts, styles or references, whatever its texts
hold; a strict Content-Security-Policy blocks nothing of it.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from pacs_gateway.documents.drawing import (
    GRID_FINE,
    GRID_FINE_WIDTH,
    GRID_STRONG,
    GRID_STRONG_WIDTH,
    WHITE,
    Box,
    Drawing,
    Grid,
    Label,
    Line,
    Shape,
    grid_lines,
)

# Characters that no XML 1.0 document may hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(drawing: Drawing) -> str:
    """Return the drawing as an SVG file."""
    size = f'width="{_n(drawing.width)}mm" height="{_n(drawing.height)}mm"'
    box = f'viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}"'
    background = _box(Box(left=0, top=0, width=drawing.width, height=drawing.height, colour=WHITE))
    pieces = (piece for shape in drawing.shapes for piece in _shape(shape))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>',
            background,
            *pieces,
            "</svg>\n",
        )
    )


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Line():
            yield _line(shape)
        case Box():
            yield _box(shape)
        case Grid():
            yield from _grid(shape)
        case Label():
            yield _label(shape)


def _line(line: Line) -> str:
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in line.points)
    return (
        f'<polyline points="{points}" fill="none" stroke="{line.colour}"'
        f' stroke-width="{_n(line.width)}" stroke-linejoin="round"/>'
    )


def _box(box: Box) -> str:
    return (
        f'<rect x="{_n(box.left)}" y="{_n(box.top)}" width="{_n(box.width)}"'
        f' height="{_n(box.height)}" fill="{box.colour}"/>'
    )


def _grid(grid: Grid) -> Iterator[str]:
    for strong, lines in groupby(grid_lines(grid), key=lambda line: line[2]):
        path = "".join(
            f"M{_n(start[0])} {_n(start[1])}L{_n(end[0])} {_n(end[1])}" for start, end, _ in lines
        )
        colour = GRID_STRONG if strong else GRID_FINE
        width = GRID_STRONG_WIDTH if strong else GRID_FINE_WIDTH
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"/>'


def _label(label: Label) -> str:
    text = escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", label.text))
    return (
        f'<text x="{_n(label.left)}" y="{_n(label.baseline)}" font-size="{_n(label.size)}"'
        f' font-family="sans-serif" fill={quoteattr(label.colour)}'
        f' text-anchor="{label.anchor}">{text}</text>'
    )


def _n(number: float) -> str:
    """Return a number of millimetres to the hundredth, which no printer can tell from more."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
