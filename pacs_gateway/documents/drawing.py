"""A drawing in millimetres, apart from any file format: what tracings and cards are made of.

The origin is the top left corner; colours are `#rrggbb`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]

BLACK = "#000000"
GREY = "#596165"
WHITE = "#ffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points joined by straight lines."""

    points: Sequence[Point]
    colour: str = BLACK
    width: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A filled rectangle."""

    left: float
    top: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Millimetre paper: fine lines every millimetre, strong ones every fifth."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One line of text on its baseline."""

    left: float
    baseline: float
    text: str
    size: float = 3.0
    """Height of a line of letters."""
    colour: str = BLACK
    anchor: Literal["start", "middle", "end"] = "start"
    """Which part of the text `left` is."""


Shape = Line | Box | Grid | Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Shapes on white paper, the first at the bottom."""

    width: float
    height: float
    shapes: Sequence[Shape]


GRID_FINE = "#f6d9d6"
GRID_STRONG = "#e9a9a3"
GRID_FINE_WIDTH = 0.1
GRID_STRONG_WIDTH = 0.2
GRID_STRONG_STEP = 5


def grid_lines(grid: Grid) -> Sequence[tuple[Point, Point, bool]]:
    """Return both ends of every line of a grid and whether it is a strong one, fine ones first."""
    right, bottom = grid.left + grid.width, grid.top + grid.height
    lines = [
        ((grid.left + x, grid.top), (grid.left + x, bottom), x % GRID_STRONG_STEP == 0)
        for x in range(int(grid.width) + 1)
    ]
    lines += [
        ((grid.left, grid.top + y), (right, grid.top + y), y % GRID_STRONG_STEP == 0)
        for y in range(int(grid.height) + 1)
    ]
    return sorted(lines, key=lambda line: line[2])
