"""Patients in HL7 messages: PID and MRG as values of ours."""

from collections.abc import Mapping

from pacs_gateway.emr.segments import Field, Segment
from pacs_gateway.ris.values import PatientTold
from storage.patients import Identifier, NumberKind

_KINDS: Mapping[str, NumberKind] = {
    "": NumberKind.MRN,
    "MR": NumberKind.MRN,
    "MRN": NumberKind.MRN,
    "PI": NumberKind.MRN,
    "PT": NumberKind.MRN,
    "PN": NumberKind.MRN,
    "NI": NumberKind.CITIZEN,
    "NNVNM": NumberKind.CITIZEN,
    "CZ": NumberKind.CITIZEN,
    "CCCD": NumberKind.CITIZEN,
    "CMND": NumberKind.CITIZEN,
    "HC": NumberKind.INSURANCE,
    "NIIP": NumberKind.INSURANCE,
    "BHYT": NumberKind.INSURANCE,
    "BHXH": NumberKind.INSURANCE,
}
"""CX-5 (HL7 2.5.1, table 0203), or the issuer that Vietnamese systems write instead of it."""
_SEXES = {"M": "M", "F": "F", "O": "O", "A": "O", "NAM": "M", "NU": "F", "NỮ": "F"}
_NAMES = str.maketrans({"^": " ", "=": " ", "\\": " "})
"""What separates parts of a DICOM person name, and so may be in none of them."""


def patient(pid: Segment | None, *, issuer: str) -> PatientTold:
    """Return whom a PID names; `issuer` is of hospital numbers that come without one."""
    if pid is None:
        return PatientTold()
    found = [_identifier(each, issuer) for each in pid.repetitions(3)]
    if pid.text(19):
        found.append(Identifier(NumberKind.CITIZEN, pid.text(19)))
    names = pid.repetitions(5)
    return PatientTold(
        name=person_name(names[0].components()) if names else "",
        birth_date=_birth_date(pid.text(7)),
        sex=_SEXES.get(pid.text(8).upper(), ""),
        identifiers=tuple(each for each in dict.fromkeys(found) if each.value),
    )


def merged(mrg: Segment, *, issuer: str) -> tuple[Identifier, ...]:
    """Return the identifiers of the patient whom a merge ends (MRG-1)."""
    found = [_identifier(each, issuer) for each in mrg.repetitions(1)]
    return tuple(each for each in found if each.value)


def person_name(parts: list[str]) -> str:
    """Return a DICOM person name of family, given, middle, suffix, prefix (HL7 2.5.1, XPN)."""
    family, given, middle, suffix, prefix = (
        each.translate(_NAMES).strip() for each in (*parts, "", "", "", "", "")[:5]
    )
    return f"{family}^{given}^{middle}^{prefix}^{suffix}".rstrip("^")


def doctor(field: Field) -> str:
    """Return the name of a doctor (XCN): what comes after the number, else the number."""
    parts = field.components()
    return person_name(parts[1:]) or parts[0].translate(_NAMES).strip()


def _identifier(field: Field, issuer: str) -> Identifier:
    told = field.text(4)
    kind = _KINDS.get(field.text(5).upper() or told.upper(), None)
    if kind is None:
        kind = _KINDS.get(told.upper(), NumberKind.OTHER if field.text(5) else NumberKind.MRN)
    number = Identifier(kind, field.text(1), told)
    if kind is NumberKind.MRN and not told:
        return Identifier(kind, number.value, issuer)
    return number


def _birth_date(text: str) -> str:
    """Return a day; of those who know the year of their birth alone, nothing is made up."""
    digits = text[:8]
    return digits if len(digits) == len("YYYYMMDD") and digits.isdigit() else ""
