"""One strip of a tracing: the values of a channel as a line of true scale in millimetres."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pacs_gateway.documents.drawing import GREY, Label, Line, Point, Shape

SPEED = 25.0
"""Millimetres of a second, the paper speed of ECG recorders."""
GAIN = 10.0
"""Millimetres of a millivolt in an ECG."""
COLUMN = 0.1
"""Millimetres within which a line keeps only its lowest and its highest sample."""

_MILLIVOLTS = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "\N{MICRO SIGN}V": 1e-3, "nV": 1e-6}
_STEP = 10.0
"""Millimetres between the two marked values of a scale."""
_PULSE_LEAD = 2.0
_PULSE_WIDTH = 5.0
_PULSE_MILLIVOLTS = 1.0

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a value becomes a height: `zero` stands in the middle, or at the foot if `marked`."""

    gain: float
    """Millimetres of one unit."""
    zero: float
    """The value at the reference height of the strip."""
    marked: tuple[float, float] | None
    """Two values to be marked, ten millimetres apart; None for millivolts of an ECG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The place of a strip on the paper."""

    left: float
    top: float
    height: float
    highest: float
    """A line goes no further up than this,"""
    lowest: float
    """and no further down than this; between them strips may overlap, as on paper."""


def voltage_scale(unit: str, values: Values, *, height: float) -> Scale | None:
    """Return the scale of an ECG, None if `unit` is no voltage.

    Zero stands in the middle, unless a constant offset of the electrodes would carry the line out
    of its strip; then its median does.
    """
    millivolts = _MILLIVOLTS.get(unit)
    if millivolts is None:
        return None
    gain = GAIN * millivolts
    middle = median([value for value in values if value is not None] or [0.0])
    return Scale(gain=gain, zero=middle if abs(middle * gain) > height / 2 else 0.0, marked=None)


def fitting_scale(values: Values) -> Scale:
    """Return a scale of 1, 2 or 5 times a power of ten that uses most of a strip of 30 mm."""
    known = [value for value in values if value is not None] or [0.0]
    lowest, highest = min(known), max(known)
    unit = _round_step((highest - lowest) / 2) if highest > lowest else 1.0
    foot = math.floor(lowest / unit) * unit
    return Scale(gain=_STEP / unit, zero=foot, marked=(foot + unit, foot + 2 * unit))


def trace(values: Values, rate: float, scale: Scale, frame: Frame) -> Iterator[Line]:
    """Yield the line of a channel, in several pieces where values are missing."""
    at = frame.top + (frame.height if scale.marked else frame.height / 2)

    def point(index: int, value: float) -> Point:
        y = at - (value - scale.zero) * scale.gain
        return frame.left + index / rate * SPEED, min(max(y, frame.highest), frame.lowest)

    piece: list[Point] = []
    for index in _kept(values, rate):
        value = values[index]
        if value is not None:
            piece.append(point(index, value))
        elif piece:
            yield Line(points=piece)
            piece = []
    if piece:
        yield Line(points=piece)


def calibration(frame: Frame, width: float) -> Line:
    """Return the pulse of 1 mV and 0.2 s that ends left of a strip."""
    left, zero = frame.left - width, frame.top + frame.height / 2
    rise, fall = left + _PULSE_LEAD, left + _PULSE_LEAD + _PULSE_WIDTH
    top = zero - _PULSE_MILLIVOLTS * GAIN
    end = fall + _PULSE_LEAD
    return Line(
        points=((left, zero), (rise, zero), (rise, top), (fall, top), (fall, zero), (end, zero))
    )


def scale_marks(scale: Scale, unit: str, frame: Frame) -> Iterator[Shape]:
    """Yield the bar between the two marked values of a strip, with both in words."""
    assert scale.marked is not None
    bar = frame.left - 2
    heights = [
        frame.top + frame.height - (value - scale.zero) * scale.gain for value in scale.marked
    ]
    yield Line(points=[(bar, height) for height in heights], colour=GREY, width=0.5)
    for value, height in zip(scale.marked, heights, strict=True):
        yield Label(left=bar - 1, baseline=height + 0.8, text=f"{value:g}", size=2.5, anchor="end")
    yield Label(left=bar - 1, baseline=sum(heights) / 2 + 0.8, text=unit, size=2.5, anchor="end")


def _kept(values: Values, rate: float) -> Iterator[int]:
    """Yield the samples that shape the line: all, or the extremes of every column of the paper."""
    per_column = rate / SPEED * COLUMN
    if per_column <= 2:  # noqa: PLR2004 - two of a column are its extremes already.
        yield from range(len(values))
        return
    columns = math.ceil(len(values) / per_column)
    for start, end in pairwise(int(column * per_column) for column in range(columns + 1)):
        column = values[start:end]
        known = [value for value in column if value is not None]
        kept = {column.index(None)} if None in column else set()
        if known:
            kept |= {column.index(min(known)), column.index(max(known))}
        yield from (start + index for index in sorted(kept))


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
