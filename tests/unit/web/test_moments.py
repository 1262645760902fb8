"""Dates and times of DICOM read as dates and times, and what is none stays what was sent."""

import pytest

from pacs_gateway.web.language import texts_of
from pacs_gateway.web.moments import shown_date, shown_moment, shown_time

ENGLISH = texts_of("en")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("20260203", "3 Feb 2026"),
        ("2026.02.03", "3 Feb 2026"),
        ("20260231", "20260231"),
        ("", ""),
        ("soon", "soon"),
        ("202602", "202602"),
    ],
)
def test_dates(value: str, shown: str) -> None:
    assert shown_date(value, ENGLISH) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0102", "01:02"),
        ("010203", "01:02:03"),
        ("010203.123456", "01:02:03"),
        ("01:02:03", "01:02:03"),
        ("2560", "2560"),
        ("", ""),
        ("now", "now"),
    ],
)
def test_times(value: str, shown: str) -> None:
    assert shown_time(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("20260203040506.5+0700", "3 Feb 2026 04:05:06 +0700"),
        ("202602030405", "3 Feb 2026 04:05"),
        ("20260203", "3 Feb 2026"),
        ("2026", "2026"),
        ("x", "x"),
    ],
)
def test_moments(value: str, shown: str) -> None:
    assert shown_moment(value, ENGLISH) == shown
