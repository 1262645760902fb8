"""Times as HL7 writes them (HL7 2.5.1, 2.A.77): YYYY[MM[DD[HH[MM[SS]]]]] with or without a zone."""

import re
from datetime import datetime, timedelta, timezone

_TS = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})"
    r"(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:\.[0-9]{1,4})?)?)?)?"
    r")?)?(?P<zone>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)


def moment(text: str) -> datetime | None:
    """Return a point in time, None if it is none; without a zone it is this machine's."""
    found = _TS.fullmatch(text)
    if found is None or found["day"] is None:
        return None
    year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
    try:
        naive = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - zoned below.
        return naive.replace(tzinfo=_zone(found["zone"])) if found["zone"] else naive.astimezone()
    except (ValueError, OverflowError):
        return None


def day_and_time(text: str) -> tuple[str, str]:
    """Return YYYYMMDD and HHMMSS of this place, empty where nothing is told."""
    found = moment(text)
    if found is None:
        return "", ""
    local = found.astimezone()
    has_time = len(text) > len("YYYYMMDD") and text[8].isdigit()
    return f"{local:%Y%m%d}", f"{local:%H%M%S}" if has_time else ""


def _zone(text: str) -> timezone:
    ahead = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return timezone(ahead if text[0] == "+" else -ahead)
