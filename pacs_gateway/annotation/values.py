"""Measurements and selections of images, as people make them.

Points are [column, row] in the coordinates of PS3.3 C.18.6.1.2: 0, 0 is the top left corner of the
top left pixel, whose middle is 0.5, 0.5.
"""

from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]


class Kind(StrEnum):
    """What is drawn; behind each, its points."""

    LENGTH = "length"
    """Both ends."""
    ANGLE = "angle"
    """An end, the vertex, the other end."""
    COBB = "cobb"
    """Both ends of one line, then of the other."""
    ELLIPSE = "ellipse"
    """The ends of the major axis, then of the minor one."""
    RECTANGLE = "rectangle"
    """The corners, one after the other."""
    FREEHAND = "freehand"
    """The corners of a polygon that closes by itself."""
    ARROW = "arrow"
    """The tip, then the other end."""
    PROBE = "probe"
    """One point."""


class Quantity(StrEnum):
    """What a value says."""

    LENGTH = "length"
    ANGLE = "angle"
    AREA = "area"
    MEAN = "mean"
    DEVIATION = "deviation"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    VALUE = "value"
    """Of the pixel at a point."""


class Unit(StrEnum):
    """Units of values."""

    MILLIMETRE = "mm"
    PIXEL = "px"
    DEGREE = "deg"
    SQUARE_MILLIMETRE = "mm2"
    SQUARE_PIXEL = "px2"
    HOUNSFIELD = "HU"
    NONE = "1"


class Title(StrEnum):
    """Why images are selected (PS3.16 CID 7010)."""

    KEY = "key"
    REFERRING = "referring"
    SURGERY = "surgery"
    TEACHING = "teaching"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of an image, the first being 1."""

    series_uid: str
    sop_instance_uid: str
    number: int


@dataclass(frozen=True, slots=True)
class Value:
    """One result of a measurement."""

    quantity: Quantity
    number: float
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Something drawn on one frame, with what it says."""

    uid: str
    """Tracking Unique Identifier: stays the same from one report to the next."""
    kind: Kind
    frame: Frame
    points: tuple[Point, ...]
    values: tuple[Value, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementReport:
    """The measurements of one Structured Report."""

    sop_instance_uid: str
    created: str
    """ISO 8601 without zone, in the time of whoever made it; empty if unknown."""
    author: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Images that somebody selected."""

    sop_instance_uid: str
    created: str
    title: Title
    note: str
    frames: tuple[Frame, ...]
