"""What modalities report of their examinations by MPPS (PS3.4 F), as they reported it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select, update

from storage import schema
from storage.database import Connection
from storage.records import DicomJson

_performed, _of_orders = schema.performed_steps, schema.performed_orders


class PerformedState(StrEnum):
    """(0040,0252) Performed Procedure Step Status (PS3.3 C.4.14)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """One Modality Performed Procedure Step."""

    uid: str
    state: PerformedState
    ae_title: str
    """Of the device that reports."""
    study_uid: str
    attributes: DicomJson
    changed_at: datetime


def add(connection: Connection, performed: Performed) -> None:
    """Add a step that begins."""
    row = _row(performed) | {"SOPInstanceUID": performed.uid, "created_at": performed.changed_at}
    connection.execute(_performed.insert().values(row))


def change(connection: Connection, performed: Performed) -> None:
    """Write a step as it stands now."""
    this = _performed.c.SOPInstanceUID == performed.uid
    connection.execute(update(_performed).where(this).values(_row(performed)))


def get(connection: Connection, uid: str) -> Performed | None:
    """Return a step by its SOP Instance UID."""
    query = select(_performed).where(_performed.c.SOPInstanceUID == uid)
    row = connection.execute(query).first()
    return _found(row) if row is not None else None


def of_study(connection: Connection, study_uid: str) -> Sequence[Performed]:
    """Return the steps of a study, the first first."""
    query = (
        select(_performed)
        .where(_performed.c.StudyInstanceUID == study_uid)
        .order_by(_performed.c.created_at, _performed.c.SOPInstanceUID)
    )
    return [_found(row) for row in connection.execute(query)]


def link(connection: Connection, uid: str, order_id: str, step_ids: Collection[str]) -> None:
    """Note which steps of an order a performed step carries out."""
    rows = [{"SOPInstanceUID": uid, "order_id": order_id, "step_id": each} for each in step_ids]
    if rows:
        connection.execute(_of_orders.insert(), rows)


def orders_of(connection: Connection, uid: str) -> dict[str, list[str]]:
    """Return the orders that a performed step carries out, with the ids of their steps."""
    found: dict[str, list[str]] = {}
    query = select(_of_orders).where(_of_orders.c.SOPInstanceUID == uid)
    for row in connection.execute(query.order_by(*_of_orders.primary_key)):
        found.setdefault(row.order_id, []).append(row.step_id)
    return found


def of_step(connection: Connection, order_id: str, step_id: str) -> Sequence[Performed]:
    """Return all that was performed of one step of an order, the first first."""
    query = (
        select(_performed)
        .join_from(
            _performed, _of_orders, _of_orders.c.SOPInstanceUID == _performed.c.SOPInstanceUID
        )
        .where(_of_orders.c.order_id == order_id, _of_orders.c.step_id == step_id)
        .order_by(_performed.c.created_at, _performed.c.SOPInstanceUID)
    )
    return [_found(row) for row in connection.execute(query)]


def _row(performed: Performed) -> dict[str, Any]:
    return {
        "state": performed.state,
        "ae_title": performed.ae_title,
        "StudyInstanceUID": performed.study_uid,
        "attributes": json.dumps(performed.attributes, ensure_ascii=False),
        "changed_at": performed.changed_at,
    }


def _found(row: Row[Any]) -> Performed:
    return Performed(
        uid=row.SOPInstanceUID,
        state=PerformedState(row.state),
        ae_title=row.ae_title,
        study_uid=row.StudyInstanceUID,
        attributes=json.loads(row.attributes),
        changed_at=row.changed_at,
    )
