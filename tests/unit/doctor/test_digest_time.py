"""Invariant: each morning has one digest under one name, a missed one is made up for, and the first
day of an installation has none."""

from datetime import datetime

import pytest

from pacs_gateway.config import GuardSettings, Settings
from pacs_gateway.doctor.digest import due_digest


def at(hour: int) -> datetime:
    return datetime(2026, 11, 23, hour, 30).astimezone()


@pytest.mark.parametrize(
    ("hour", "any_before", "day"),
    [
        (5, True, "2026-11-23"),
        (5, False, "2026-11-23"),
        (9, True, "2026-11-23"),
        (9, False, "2026-11-24"),
    ],
)
def test_a_morning_has_one_name(hour: int, day: str, *, any_before: bool) -> None:
    work = due_digest(Settings(guard=GuardSettings(digest_hour=6)), at(hour), any_before=any_before)
    assert work is not None
    assert work.about == day
    assert work.key == f"morning digest {day}"
    assert work.due_at.astimezone().hour == 6


def test_none_is_made_where_none_is_wanted() -> None:
    assert (
        due_digest(Settings(guard=GuardSettings(digest_hour=None)), at(5), any_before=True) is None
    )
