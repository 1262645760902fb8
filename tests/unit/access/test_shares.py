"""Protects the second factor of shares: what people may type, and what counts as right."""

import pytest

from pacs_gateway.access.shares import Question, given_answer, right_answer

BIRTH, DIGITS = Question.BIRTH_DATE, Question.ID_DIGITS


@pytest.mark.parametrize(
    "text",
    ["05/11/1967", "5/11/1967", "5.11.1967", "05-11-1967", "05 11 1967", "05111967", "1967-11-05", "19671105", " 05/11/1967 "],
)  # fmt: skip
def test_dates_as_people_write_them(text: str) -> None:
    expected = right_answer(BIRTH, birth_date="19671105", patient_id="")
    assert expected == "1967-11-05"
    assert given_answer(BIRTH, text) == expected


@pytest.mark.parametrize(
    "text", ["", "1967", "11/1967", "31/02/1967", "32/01/1967", "05/11/67", "x", "00/00/0000", "9" * 30]
)  # fmt: skip
def test_what_is_no_date_is_no_answer(text: str) -> None:
    assert given_answer(BIRTH, text) is None


@pytest.mark.parametrize(
    ("birth_date", "known"), [("19671105", True), ("1967", False), ("", False), ("19671399", False)]
)
def test_a_birth_date_that_is_not_full_asks_nothing(birth_date: str, *, known: bool) -> None:
    assert (right_answer(BIRTH, birth_date=birth_date, patient_id="") is not None) is known


@pytest.mark.parametrize(
    ("patient_id", "expected"),
    [("BN26-000417", "0417"), ("123", None), ("ABC", None), ("12-34", "1234")],
)
def test_the_last_digits_of_an_identifier(patient_id: str, expected: str | None) -> None:
    assert right_answer(DIGITS, birth_date="", patient_id=patient_id) == expected
    if expected:
        assert given_answer(DIGITS, f" {expected} ") == expected
        assert given_answer(DIGITS, patient_id + "0000") is None
