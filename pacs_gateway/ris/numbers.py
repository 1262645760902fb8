"""Numbers that an order gets from us: accession number, study UID, ids of its steps."""

import uuid
from dataclasses import replace
from datetime import datetime

from storage import orders
from storage.database import Connection
from storage.orders import Step

_DIGITS = 5
_OTHERS = 100
"""Numbers with letters that may stand above our last one."""


def accession_number(connection: Connection, now: datetime) -> str:
    """Return the next accession number of a day: YYMMDD and five digits, as a barcode takes it.

    The caller has its turn (storage.orders.take_turn), so nobody else gets the same. Numbers of
    others may look alike, so those with letters in them are passed over.
    """
    day = f"{now.astimezone():%y%m%d}"
    known = orders.accessions(connection, day, len(day) + _DIGITS, limit=_OTHERS)
    last = next((each for each in known if each.isdigit()), day)
    return f"{day}{int(last[len(day) :] or 0) + 1:0{_DIGITS}}"


def study_uid() -> str:
    """Return a new Study Instance UID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def with_ids(steps: tuple[Step, ...], accession: str) -> tuple[Step, ...]:
    """Give each step that has none an id that is unique in the hospital and fits SH."""
    return tuple(
        step if step.step_id else replace(step, step_id=f"{accession[-12:]}.{number}")
        for number, step in enumerate(steps, 1)
    )
