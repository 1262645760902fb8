"""Which studies answer which orders: links that count, and those that somebody has ended.

The functions work within a transaction of the caller's, who took its turn if it writes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select, update

from storage import orders, schema
from storage.database import Connection
from storage.errors import NotFoundError
from storage.orders import Order

_links = schema.order_studies


class How(StrEnum):
    """By what a study was linked to an order."""

    STUDY_UID = "study uid"
    ACCESSION = "accession"
    SCHEDULE = "schedule"
    """Person, modality and day."""
    HAND = "hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLink:
    """A study that answers an order."""

    id: int
    order_id: str
    study_uid: str
    how: How
    linked_by: str
    linked_at: datetime


def link(connection: Connection, order_id: str, study_uid: str, *, how: How, who: str,
         now: datetime) -> None:  # fmt: skip
    """Note that a study answers an order."""
    row = {
        "order_id": order_id,
        "StudyInstanceUID": study_uid,
        "how": how,
        "linked_by": who,
        "linked_at": now,
    }
    connection.execute(_links.insert().values(row))


def unlink(
    connection: Connection, order_id: str, study_uid: str, *, who: str, now: datetime
) -> None:
    """End the link of a study. Raises NotFoundError if there is none."""
    this = (
        _links.c.order_id == order_id,
        _links.c.StudyInstanceUID == study_uid,
        _links.c.undone_at.is_(None),
    )
    ended = connection.execute(update(_links).where(*this).values(undone_by=who, undone_at=now))
    if not ended.rowcount:
        raise NotFoundError("This study does not belong to this order.")


def links(
    connection: Connection, *, order_ids: Collection[str] = (), study_uids: Collection[str] = ()
) -> Sequence[StudyLink]:
    """Return the links of some orders or some studies that count."""
    query = (
        select(_links)
        .where(
            _links.c.undone_at.is_(None),
            or_(_links.c.order_id.in_(order_ids), _links.c.StudyInstanceUID.in_(study_uids)),
        )
        .order_by(_links.c.id)
    )
    return [
        StudyLink(
            id=row.id,
            order_id=row.order_id,
            study_uid=row.StudyInstanceUID,
            how=How(row.how),
            linked_by=row.linked_by,
            linked_at=row.linked_at,
        )
        for row in connection.execute(query)
    ]


def was_undone(connection: Connection, order_id: str, study_uid: str) -> bool:
    """Return whether a person has said that a study does not answer an order."""
    query = select(_links.c.id).where(
        _links.c.order_id == order_id,
        _links.c.StudyInstanceUID == study_uid,
        _links.c.undone_at.is_not(None),
    )
    return connection.execute(query.limit(1)).first() is not None


def of_study(connection: Connection, study_uid: str) -> Sequence[Order]:
    """Return the orders that a study answers: those linked, else the one that gave its UID."""
    ids = [each.order_id for each in links(connection, study_uids=[study_uid])]
    if ids:
        return orders.get_all(connection, ids)
    own = orders.by_study_uid(connection, study_uid)
    return [own] if own is not None else []
