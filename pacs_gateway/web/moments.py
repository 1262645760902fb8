"""Dates and times of DICOM (DA, TM, DT; PS3.5 6.2) in the reader's language.

What is no date or time is shown as it was sent.
"""

import re
from datetime import date, time

from pacs_gateway.web.language import Texts

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2}))?(?:\.\d+)?")
_DATE_TIME = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?")


def shown_date(value: str, texts: Texts) -> str:
    """Return a DA as a date."""
    day = day_of(value)
    return texts.date(day) if day else value


def shown_time(value: str) -> str:
    """Return a TM as hours, minutes and, if there are any, seconds."""
    match = _TIME.fullmatch(value)
    if match is None:
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        clock = time(hours, minutes, seconds)
    except ValueError:
        return value
    return f"{clock:%H:%M:%S}" if match[3] else f"{clock:%H:%M}"


def shown_moment(value: str, texts: Texts) -> str:
    """Return a DT as date, time and offset from UTC."""
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return value
    day, clock, offset = match.groups(default="")
    return " ".join(filter(None, (shown_date(day, texts), shown_time(clock), offset)))


def day_of(value: str) -> date | None:
    """Return the day a DA names, None if it names none."""
    match = _DATE.fullmatch(value)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None
