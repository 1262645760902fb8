"""Waveforms on millimetre paper: 25 mm/s, an ECG at 10 mm/mV, as cardiologists read it.

A group of the twelve standard leads of up to ten seconds is laid out in three rows of four leads
of 2.5 s with a rhythm strip of lead II below (AHA/ACC/HRS 2007); every other group as strips of
ten seconds below each other, all channels of the same ten seconds together.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs_gateway.documents.drawing import GREY, Drawing, Grid, Label, Line, Shape
from pacs_gateway.documents.samples import channel_values, sample_bytes
from pacs_gateway.documents.strips import (
    SPEED,
    Frame,
    Scale,
    calibration,
    fitting_scale,
    scale_marks,
    trace,
    voltage_scale,
)
from pacs_gateway.documents.waveform import Group
from pacs_gateway.errors import UnrenderableError

STRIP_SECONDS = 10.0
CELL_SECONDS = 2.5
ROWS = (
    ("I", "aVR", "V1", "V4"),
    ("II", "aVL", "V2", "V5"),
    ("III", "aVF", "V3", "V6"),
)
RHYTHM_LEAD = "II"

MARGIN = 10.0
SCALE_WIDTH = 15.0
"""Left of the strips, for the calibration pulse or the marked values."""
PAPER_WIDTH = STRIP_SECONDS * SPEED
STRIP_HEIGHT = 30.0
_OVERLAP = 2 * STRIP_HEIGHT
"""How far a line may reach into its neighbours' strips: 7.5 mV from the middle of its own."""
_LINE_HEIGHT = 5.0
_GAP = 5.0
_TOLERANCE_S = 0.5
"""Recorders announce ten seconds and send a few samples more."""
_LONGEST_NAME = 40
MINIATURE = 40.0
"""Side of the square that stands for a whole tracing, in millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What is drawn of one group."""

    twelve_leads: bool
    systems: int
    """How many times all channels are drawn, ten seconds each."""

    def seconds(self, group: Group) -> float:
        """Return how much of the group's time is drawn."""
        return min(group.seconds, self.systems * STRIP_SECONDS)

    def samples(self, group: Group) -> int:
        """Return how many samples of each channel are drawn."""
        return math.ceil(self.seconds(group) * group.rate)

    def strips(self, group: Group) -> int:
        """Return how many strips the group takes."""
        if not self.systems:
            return 0
        return twelve_strips(group) if self.twelve_leads else self.systems * len(group.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """The words of a tracing, in the reader's language."""

    head: Sequence[str]
    groups: Sequence[str]


def twelve_strips(group: Group) -> int:
    """Return the strips of twelve leads: what fits into the rows needs no rhythm strip."""
    return len(ROWS) + (1 if group.seconds > CELL_SECONDS else 0)


def portions(groups: Sequence[Group], *, max_strips: int) -> Sequence[Portion]:
    """Return what is drawn of each group, the first ones first.

    Raises UnrenderableError if the channels of the first group alone are more than `max_strips`.
    """
    left, found = max_strips, []
    for group in groups:
        portion = _portion(group, left)
        left -= portion.strips(group)
        found.append(portion)
    if found[0].systems == 0:
        raise UnrenderableError(f"This waveform has more than {max_strips} channels.")
    return found


def drawn_bytes(group: Group, portion: Portion) -> int:
    """Return how much of the group's data is needed; raises UnrenderableError as `sample_bytes`."""
    return portion.samples(group) * len(group.channels) * sample_bytes(group)


def _portion(group: Group, strips: int) -> Portion:
    leads = {channel.lead for channel in group.channels}
    short = group.seconds <= STRIP_SECONDS + _TOLERANCE_S
    if short and leads.issuperset(lead for row in ROWS for lead in row):
        return Portion(twelve_leads=True, systems=1 if strips >= twelve_strips(group) else 0)
    systems = 1 if short else math.ceil(group.seconds / STRIP_SECONDS)
    return Portion(twelve_leads=False, systems=min(systems, strips // len(group.channels)))


def tracing(
    groups: Sequence[Group],
    data: Sequence[bytes],
    drawn: Sequence[Portion],
    captions: Captions,
    *,
    ecg: bool,
) -> Drawing:
    """Return all groups as a drawing; `data` has the Waveform Data of each, or its beginning.

    `ecg`: voltages are drawn at 10 mm/mV whatever they reach; else every channel fills its strip.
    """
    shapes: list[Shape] = []
    top = MARGIN
    for number, line in enumerate(captions.head):
        size = 4.0 if number == 0 else 3.2
        shapes.append(Label(left=MARGIN, baseline=top + 3.5, text=line, size=size))
        top += _LINE_HEIGHT
    for group, values, portion, caption in zip(groups, data, drawn, captions.groups, strict=True):
        top += _GAP
        shapes.append(Label(left=MARGIN, baseline=top, text=caption, size=3.2, colour=GREY))
        top += 2
        block = _Block(group, values, portion, top=top, ecg=ecg)
        shapes += block.shapes()
        top += block.height
    width = MARGIN + SCALE_WIDTH + PAPER_WIDTH + MARGIN
    return Drawing(width=width, height=top + MARGIN, shapes=shapes)


def miniature(group: Group, data: bytes, *, ecg: bool) -> Drawing:
    """Return a square that stands for the whole tracing: a moment of lead II or the first channel."""
    channel = _index(group, RHYTHM_LEAD) or 0
    end = math.ceil(MINIATURE / SPEED * group.rate)
    values = channel_values(group, data, channel, first=0, end=end)
    frame = Frame(left=0, top=5, height=STRIP_HEIGHT, highest=0, lowest=MINIATURE)
    scale = _scale(group, channel, values, ecg=ecg)
    paper = Grid(left=0, top=0, width=MINIATURE, height=MINIATURE)
    # Seen small, a line as fine as on paper would fade away.
    lines = [
        Line(points=line.points, width=0.6) for line in trace(values, group.rate, scale, frame)
    ]
    return Drawing(width=MINIATURE, height=MINIATURE, shapes=[paper, *lines])


class _Block:
    """One group on its own piece of paper."""

    def __init__(
        self, group: Group, data: bytes, portion: Portion, *, top: float, ecg: bool
    ) -> None:
        self._group = group
        self._data = data
        self._portion = portion
        self._top = top
        self._ecg = ecg
        self._left = MARGIN + SCALE_WIDTH
        self.height = portion.strips(group) * STRIP_HEIGHT

    def shapes(self) -> Iterator[Shape]:
        if not self._portion.systems:
            return
        width = SCALE_WIDTH + PAPER_WIDTH
        yield Grid(left=MARGIN, top=self._top, width=width, height=self.height)
        yield from self._twelve_leads() if self._portion.twelve_leads else self._stacked()

    def _twelve_leads(self) -> Iterator[Shape]:
        sequential = self._group.seconds >= STRIP_SECONDS - _TOLERANCE_S
        for row, leads in enumerate(ROWS):
            yield calibration(self._frame(row), SCALE_WIDTH - 3)
            for column, lead in enumerate(leads):
                # Each column goes on where the one before it stopped, if there is so much.
                first = column * CELL_SECONDS if sequential else 0.0
                offset = column * CELL_SECONDS * SPEED
                yield from self._lead(row, lead, first, CELL_SECONDS, offset)
        if twelve_strips(self._group) == len(ROWS):
            return
        yield calibration(self._frame(len(ROWS)), SCALE_WIDTH - 3)
        yield from self._lead(len(ROWS), RHYTHM_LEAD, 0.0, STRIP_SECONDS, 0.0)

    def _lead(
        self, row: int, lead: str, first: float, seconds: float, offset: float
    ) -> Iterator[Shape]:
        channel = _index(self._group, lead)
        assert channel is not None
        frame = self._frame(row, offset)
        yield from self._strip(channel, lead, first, seconds, frame)

    def _stacked(self) -> Iterator[Shape]:
        count = len(self._group.channels)
        for system in range(self._portion.systems):
            for channel, facts in enumerate(self._group.channels):
                frame = self._frame(system * count + channel)
                name = (facts.lead or facts.name)[:_LONGEST_NAME]
                first = system * STRIP_SECONDS
                yield from self._strip(channel, name, first, STRIP_SECONDS, frame, scaled=True)

    def _strip(
        self,
        channel: int,
        name: str,
        first: float,
        seconds: float,
        frame: Frame,
        *,
        scaled: bool = False,
    ) -> Iterator[Shape]:
        """`scaled`: the strip's own scale stands left of it."""
        start = round(first * self._group.rate)
        end = start + math.ceil(seconds * self._group.rate)
        values = channel_values(self._group, self._data, channel, first=start, end=end)
        scale = _scale(self._group, channel, values, ecg=self._ecg)
        if scale.marked and scaled:
            yield from scale_marks(scale, self._group.channels[channel].unit, frame)
        elif scaled:
            yield calibration(frame, SCALE_WIDTH - 3)
        yield Label(left=frame.left + 1, baseline=frame.top + 5, text=name, size=3.5)
        yield from trace(values, self._group.rate, scale, frame)

    def _frame(self, row: int, offset: float = 0.0) -> Frame:
        top = self._top + row * STRIP_HEIGHT
        return Frame(
            left=self._left + offset,
            top=top,
            height=STRIP_HEIGHT,
            highest=max(self._top, top - _OVERLAP),
            lowest=min(self._top + self.height, top + STRIP_HEIGHT + _OVERLAP),
        )


def _scale(group: Group, channel: int, values: Sequence[float | None], *, ecg: bool) -> Scale:
    unit = group.channels[channel].unit
    found = voltage_scale(unit, values, height=STRIP_HEIGHT) if ecg else None
    return found or fitting_scale(values)


def _index(group: Group, lead: str) -> int | None:
    found = (n for n, channel in enumerate(group.channels) if channel.lead == lead)
    return next(found, None)
