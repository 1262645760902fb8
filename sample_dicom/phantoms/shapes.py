"""Soft-edged solids in patient coordinates: millimetres, x to the left, y to the back, z up."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Vector = tuple[float, float, float]
Window = tuple[slice, slice]


class Points(NamedTuple):
    """Where the pixels of one image are; the three broadcast to (rows, columns).

    x is (1, columns); y and z are (rows, 1) or (1, 1), so most arithmetic stays on short arrays.
    """

    x: Field
    y: Field
    z: Field

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = np.broadcast_shapes(self.x.shape, self.y.shape, self.z.shape)
        return rows, columns

    def window(self, low: Vector, high: Vector) -> Window:
        """Return the rows and columns that lie within a box; empty slices where none does."""
        rows = _between(self.y, low[1], high[1]) & _between(self.z, low[2], high[2])
        rows = np.broadcast_to(rows, (self.shape[0], 1))
        return _extent(rows), _extent(_between(self.x, low[0], high[0]))

    def cropped(self, window: Window) -> "Points":
        rows, columns = window
        y, z = (axis[rows] if len(axis) > 1 else axis for axis in (self.y, self.z))
        return Points(self.x[:, columns], y, z)


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A solid with half axes in mm; an infinite half axis makes it a cylinder."""

    centre: Vector
    half: Vector

    def depth(self, points: Points) -> Field:
        """Return about how many mm each point is inside; negative outside."""
        return (1.0 - np.sqrt(self._radius2(points))) * min(self.half)

    def chord(self, points: Points) -> Field:
        """Return how many mm of the solid a ray along y passes, whatever the y of the points."""
        flat = Points(points.x, np.full((1, 1), self.centre[1]), points.z)
        rest: Field = 1.0 - self._radius2(flat)
        return 2.0 * self.half[1] * np.sqrt(np.maximum(rest, 0.0))

    def _radius2(self, points: Points) -> Field:
        x, y, z = (
            ((axis - centre) / half) ** 2
            for axis, centre, half in zip(points, self.centre, self.half, strict=True)
        )
        return x + y + z


@dataclass(frozen=True, slots=True)
class Tube:
    """A straight tube with round ends."""

    start: Vector
    end: Vector
    radius: float

    def window(self, points: Points, *, flat: bool = False) -> Window:
        """Return the pixels that the tube may touch; `flat` ignores y, as a projection does."""
        reach = self.radius + 3.0
        pairs = list(zip(self.start, self.end, strict=True))
        low, high = ([pick(pair) for pair in pairs] for pick in (min, max))
        wide = np.inf if flat else reach
        return points.window(
            (low[0] - reach, low[1] - wide, low[2] - reach),
            (high[0] + reach, high[1] + wide, high[2] + reach),
        )

    def depth(self, points: Points) -> Field:
        """Return how many mm each point is inside; negative outside."""
        along = [b - a for a, b in zip(self.start, self.end, strict=True)]
        away = [axis - a for axis, a in zip(points, self.start, strict=True)]
        dot = sum(d * v for d, v in zip(away, along, strict=True))
        share = np.clip(np.asarray(dot) / sum(v * v for v in along), 0.0, 1.0)
        distance2 = sum((d - share * v) ** 2 for d, v in zip(away, along, strict=True))
        return self.radius - np.sqrt(np.asarray(distance2, np.float64))


def cover(depth: Field, edge: float) -> Field:
    """Return 0 outside to 1 inside, over an edge of `edge` mm: what keeps borders smooth."""
    return np.clip(0.5 + depth / edge, 0.0, 1.0)


def paint(image: Field, coverage: Field, value: float | Field) -> None:
    """Lay `value` over the image where there is coverage."""
    image += coverage * (value - image)


def axis(count: int, spacing: float) -> Field:
    """Return `count` coordinates in mm, symmetric about 0."""
    return (np.arange(count, dtype=np.float64) - (count - 1) / 2.0) * spacing


def _between(values: Field, low: float, high: float) -> NDArray[np.bool_]:
    return (values >= low) & (values <= high)


def _extent(flags: NDArray[np.bool_]) -> slice:
    hits = np.flatnonzero(flags)
    return slice(int(hits[0]), int(hits[-1]) + 1) if len(hits) else slice(0, 0)
