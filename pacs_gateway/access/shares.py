"""Sharing studies with a patient: what is asked besides the address, and what counts as the answer.

The address alone shows nothing: slips are lost and photographed. The second factor is something
that the patient knows and the finder of a slip does not, and there are five tries.
"""

import re
from datetime import date
from enum import StrEnum

TRIES = 5
"""Wrong answers before a share is closed; 4 digits are guessed with 1 in 2,000."""
MAX_DAYS = 30
DIGITS = 4
"""Last digits of an identifier that are asked for."""
_NOT_DIGIT = re.compile("[^0-9]+")


class Question(StrEnum):
    """What a share asks for."""

    BIRTH_DATE = "birth_date"
    """The full date of birth."""
    ID_DIGITS = "id_digits"
    """The last digits of the patient's identifier in the hospital."""


def right_answer(question: Question, *, birth_date: str, patient_id: str) -> str | None:
    """Return the answer that opens a share, None if the images do not carry it.

    `birth_date` is a DICOM date (DA).
    """
    if question is Question.BIRTH_DATE:
        return given_answer(question, birth_date) if len(birth_date) == len("YYYYMMDD") else None
    digits = _NOT_DIGIT.sub("", patient_id)
    return digits[-DIGITS:] if len(digits) >= DIGITS else None


def given_answer(question: Question, text: str) -> str | None:
    """Return what somebody typed in the form it is compared in, None if it cannot be an answer.

    Dates are taken as people in Vietnam write them (day, month, year) with any separator or none,
    and as computers do (year first).
    """
    digits = _NOT_DIGIT.sub("", text)
    if question is Question.ID_DIGITS:
        return digits if len(digits) == DIGITS else None
    parts = [part for part in _NOT_DIGIT.split(text) if part]
    if len(parts) == len(("day", "month", "year")):
        first, second, third = parts
        year_first = len(first) == len("2026")
        year, month, day = (first, second, third) if year_first else (third, second, first)
        return _date(year, month, day)
    if len(digits) != len("DDMMYYYY"):
        return None
    return _date(digits[4:], digits[2:4], digits[:2]) or _date(digits[:4], digits[4:6], digits[6:])


def _date(year: str, month: str, day: str) -> str | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if date(1880, 1, 1) <= found else None
