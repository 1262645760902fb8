"""The codes of PS3.16 that measurements and selections are written in, and those they are read by."""

from collections.abc import Mapping
from typing import NamedTuple

from pacs_gateway.annotation.values import Kind, Quantity, Title, Unit

OURS = "99PACSGW"
"""Scheme of what the standard has no code for: which tool drew a shape."""


class Code(NamedTuple):
    """A coded concept (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


QUANTITIES: Mapping[Quantity, Code] = {
    Quantity.LENGTH: Code("410668003", "SCT", "Length"),
    Quantity.ANGLE: Code("1483009", "SCT", "Angle"),
    Quantity.AREA: Code("42798000", "SCT", "Area"),
    Quantity.MEAN: Code("373098007", "SCT", "Mean"),
    Quantity.DEVIATION: Code("386136009", "SCT", "Standard Deviation"),
    Quantity.MINIMUM: Code("255605001", "SCT", "Minimum"),
    Quantity.MAXIMUM: Code("56851009", "SCT", "Maximum"),
    Quantity.VALUE: Code("value", OURS, "Pixel value"),
}
COBB_ANGLE = Code("285285000", "SCT", "Cobb angle")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
"""Of values in Hounsfield units."""

_OTHERS: Mapping[tuple[str, str], Quantity] = {
    ("285285000", "SCT"): Quantity.ANGLE,
    ("110859", "DCM"): Quantity.ANGLE,
    ("112031", "DCM"): Quantity.VALUE,
    ("113061", "DCM"): Quantity.DEVIATION,
    ("103339001", "SCT"): Quantity.LENGTH,
    ("103340004", "SCT"): Quantity.LENGTH,
    ("103355008", "SCT"): Quantity.LENGTH,
    ("81827009", "SCT"): Quantity.LENGTH,
    ("131184002", "SCT"): Quantity.AREA,
    ("G-A16A", "SRT"): Quantity.AREA,
    ("G-D7FE", "SRT"): Quantity.LENGTH,
    ("G-A185", "SRT"): Quantity.LENGTH,
    ("G-A186", "SRT"): Quantity.LENGTH,
    ("G-A166", "SRT"): Quantity.AREA,
    ("R-00317", "SRT"): Quantity.MEAN,
    ("R-10047", "SRT"): Quantity.DEVIATION,
    ("R-404FB", "SRT"): Quantity.MINIMUM,
    ("G-A437", "SRT"): Quantity.MAXIMUM,
}
"""What others write: long and short axis, diameters, areas of regions, and the older codes of the same concepts."""

UNITS: Mapping[Unit, Code] = {
    Unit.MILLIMETRE: Code("mm", "UCUM", "millimeter"),
    Unit.PIXEL: Code("{pixels}", "UCUM", "pixels"),
    Unit.DEGREE: Code("deg", "UCUM", "degree"),
    Unit.SQUARE_MILLIMETRE: Code("mm2", "UCUM", "square millimeter"),
    # In UCUM what stands in braces is a remark and has no power of its own.
    Unit.SQUARE_PIXEL: Code("{square pixels}", "UCUM", "square pixels"),
    Unit.HOUNSFIELD: Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    Unit.NONE: Code("1", "UCUM", "no units"),
}
_READ_UNITS: Mapping[str, tuple[Unit, float]] = {
    **{code.value: (unit, 1.0) for unit, code in UNITS.items()},
    "cm": (Unit.MILLIMETRE, 10.0),
    "cm2": (Unit.SQUARE_MILLIMETRE, 100.0),
    "{pixel}": (Unit.PIXEL, 1.0),
    "px": (Unit.PIXEL, 1.0),
    "{HU}": (Unit.HOUNSFIELD, 1.0),
    "°": (Unit.DEGREE, 1.0),
}

_KINDS: Mapping[str, Kind] = {kind.value: kind for kind in Kind}

TITLES: Mapping[Title, Code] = {
    Title.KEY: Code("113000", "DCM", "Of Interest"),
    Title.REFERRING: Code("113002", "DCM", "For Referring Provider"),
    Title.SURGERY: Code("113003", "DCM", "For Surgery"),
    Title.TEACHING: Code("113004", "DCM", "For Teaching"),
    Title.REJECTED: Code("113001", "DCM", "Rejected for Quality Reasons"),
}
_READ_TITLES: Mapping[tuple[str, str], Title] = {
    **{(code.value, code.scheme): title for title, code in TITLES.items()},
    ("113010", "DCM"): Title.REJECTED,
    ("113037", "DCM"): Title.REJECTED,
    ("113038", "DCM"): Title.REJECTED,
}


def method_of(kind: Kind) -> Code:
    """Return the code of the tool that draws a kind of shape."""
    return Code(kind.value, OURS, kind.value.capitalize())


def kind_of(method: tuple[str, str]) -> Kind | None:
    """Return the kind that a method of ours names."""
    value, scheme = method
    return _KINDS.get(value) if scheme == OURS else None


def quantity_code(kind: Kind, quantity: Quantity, unit: Unit) -> Code:
    """Return the concept name under which a value is written."""
    if kind is Kind.COBB:
        return COBB_ANGLE
    if quantity is Quantity.VALUE and unit is Unit.HOUNSFIELD:
        return ATTENUATION
    return QUANTITIES[quantity]


def quantity_of(name: tuple[str, str], derivation: tuple[str, str]) -> Quantity | None:
    """Return what a value says, by its concept name and derivation; None if nothing of ours."""
    return _READ_QUANTITIES.get(derivation) or _READ_QUANTITIES.get(name)


def in_unit(number: float, unit: str) -> tuple[float, Unit] | None:
    """Return a number in one of our units; None if its own is another."""
    found = _READ_UNITS.get(unit)
    return (number * found[1], found[0]) if found else None


def title_of(code: tuple[str, str]) -> Title:
    """Return why images are selected; titles that are not ours mark them all the same."""
    return _READ_TITLES.get(code, Title.KEY)


_READ_QUANTITIES: Mapping[tuple[str, str], Quantity] = {
    **{(code.value, code.scheme): quantity for quantity, code in QUANTITIES.items()},
    **_OTHERS,
}
