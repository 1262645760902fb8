"""Studies that are shared with a patient.

Invariant: a try is counted before its answer is looked at, so that no number of requests at once
gets more tries; whatever revokes or renews a share ends the sessions it has opened, also one that
is being opened at that moment.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Engine, reading, writing
from storage.guests import Guest, end_guests, open_guest

_shares, _studies = schema.shares, schema.shared_studies


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Access to some studies for whoever has the address and knows the answer."""

    id: str
    token_sha256: str
    patient_key: str
    """Patient ID, as the list of shares shows it."""
    created_by: str
    created_at: datetime
    expires_at: datetime
    question: str
    answer_hash: str
    tries_left: int
    revoked_at: datetime | None = None


class Shares:
    """The shares of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, share: Share, study_uids: Collection[str], entries: Collection[Entry]) -> None:
        """Remember a share."""
        with writing(self._engine) as connection:
            connection.execute(_shares.insert().values(asdict(share)))
            rows = [{"share_id": share.id, "StudyInstanceUID": uid} for uid in study_uids]
            connection.execute(_studies.insert(), rows)
            for entry in entries:
                append(connection, entry)

    def of_token(self, token_sha256: str) -> Share | None:
        """Return the share of an address, whatever its state."""
        return self._one(_shares.c.token_sha256 == token_sha256)

    def of_guest(self, guest_id: str) -> Share | None:
        """Return the share that a guest came by, None for guests of links and for nobody."""
        guests = schema.guests.c
        by_share = (guests.id == guest_id) & (guests.source == "share")
        return self._one(_shares.c.id.in_(select(guests.source_id).where(by_share)))

    def share(self, share_id: str) -> Share | None:
        """Return a share, whatever its state."""
        return self._one(_shares.c.id == share_id)

    def studies(self, share_id: str) -> Sequence[str]:
        """Return the UIDs of the studies of a share."""
        query = select(_studies.c.StudyInstanceUID).where(_studies.c.share_id == share_id)
        with reading(self._engine) as connection:
            return connection.scalars(query.order_by(_studies.c.StudyInstanceUID)).all()

    def listed(self, *, limit: int, before: str | None = None) -> Sequence[Share]:
        """Return shares, the newest first, below the identifier `before` if one is given."""
        query = select(_shares).order_by(_shares.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_shares.c.id < before)
        with reading(self._engine) as connection:
            return [Share(**row._mapping) for row in connection.execute(query)]

    def count_try(self, share_id: str) -> bool:
        """Take one of the tries that are left; return False if there is none."""
        left = (_shares.c.id == share_id) & (_shares.c.tries_left > 0)
        fewer = update(_shares).where(left).values(tries_left=_shares.c.tries_left - 1)
        with writing(self._engine) as connection:
            return connection.execute(fewer).rowcount > 0

    def open(
        self, share: Share, guest: Guest, study_uids: Collection[str], *, entry: Entry
    ) -> bool:
        """Let in somebody who knew the answer, and give the try back that they took.

        Returns False if the share was revoked or renewed since it was found.
        """
        same = (_shares.c.id == share.id) & (_shares.c.token_sha256 == share.token_sha256)
        with writing(self._engine) as connection:
            if not _change(connection, same, tries_left=_shares.c.tries_left + 1):
                return False
            open_guest(connection, guest, study_uids)
            append(connection, entry)
            return True

    def renew(self, share_id: str, token_sha256: str, *, tries: int, entry: Entry) -> bool:
        """Give a share another address; the old one opens nothing any more.

        Returns False if the share is revoked.
        """
        with writing(self._engine) as connection:
            one = _shares.c.id == share_id
            if not _change(connection, one, token_sha256=token_sha256, tries_left=tries):
                return False
            end_guests(connection, "share", share_id)
            append(connection, entry)
            return True

    def revoke(self, share_id: str, at: datetime, entry: Entry) -> bool:
        """Take a share back; return False if it is revoked already."""
        with writing(self._engine) as connection:
            if not _change(connection, _shares.c.id == share_id, revoked_at=at):
                return False
            end_guests(connection, "share", share_id)
            append(connection, entry)
            return True

    def _one(self, condition: ColumnElement[bool]) -> Share | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(_shares).where(condition)).first()
        return Share(**row._mapping) if row is not None else None


def _change(connection: Connection, which: ColumnElement[bool], **values: Any) -> bool:
    """Change a share unless it is revoked; return whether it was changed."""
    live = which & _shares.c.revoked_at.is_(None)
    return connection.execute(update(_shares).where(live).values(values)).rowcount > 0
