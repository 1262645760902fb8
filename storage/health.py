"""What is known of the health of all hosts: findings, how full disks were, what was last done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Connection, Engine, reading, writing

BACKUP, DRILL = "backup", "restore rehearsal"
"""What operators must do again and again."""

_findings, _samples, _done = schema.host_findings, schema.disk_samples, schema.last_done


@dataclass(frozen=True, slots=True)
class HostReport:
    """What was last found on one host."""

    host: str
    examined_at: datetime
    findings: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class DiskSample:
    """How much of a disk was used at one moment."""

    at: datetime
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """When something was last done, and whether it went well."""

    at: datetime
    passed: bool


class Health:
    """The health of the hosts of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def report(self, report: HostReport) -> None:
        """Replace what was found on a host."""
        with writing(self._engine) as connection:
            row = {
                "host": report.host,
                "examined_at": report.examined_at,
                "findings": report.findings,
            }
            _put(connection, _findings, row, key=("host",))

    def reports(self) -> Sequence[HostReport]:
        """Return the last report of each host."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_findings).order_by(_findings.c.host)).all()
        return [HostReport(row.host, row.examined_at, row.findings) for row in rows]

    def forget_hosts(self, *, before: datetime) -> None:
        """Remove the reports of hosts that have been silent for so long that they are gone."""
        with writing(self._engine) as connection:
            connection.execute(delete(_findings).where(_findings.c.examined_at < before))

    def sample(self, host: str, place: str, sample: DiskSample, *, keep_since: datetime) -> None:
        """Keep a sample of a disk, and forget those before `keep_since`."""
        row = {"host": host, "place": place, "at": sample.at, "used_bytes": sample.used_bytes}
        with writing(self._engine) as connection:
            _put(connection, _samples, row, key=("host", "place", "at"))
            connection.execute(delete(_samples).where(_samples.c.at < keep_since))

    def samples(self, host: str, place: str) -> Sequence[DiskSample]:
        """Return the samples of a disk, the oldest first."""
        query = (
            select(_samples.c.at, _samples.c.used_bytes)
            .where(_samples.c.host == host, _samples.c.place == place)
            .order_by(_samples.c.at)
        )
        with reading(self._engine) as connection:
            return [DiskSample(row.at, row.used_bytes) for row in connection.execute(query)]

    def note(self, what: str, done: Done) -> None:
        """Note that something was done."""
        with writing(self._engine) as connection:
            row = {"what": what, "at": done.at, "passed": done.passed}
            _put(connection, _done, row, key=("what",))

    def last(self, what: str) -> Done | None:
        """Return when something was last done, None if never."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_done).where(_done.c.what == what)).first()
        return Done(row.at, row.passed) if row is not None else None


def _put(
    connection: Connection, table: Table, row: dict[str, object], *, key: Sequence[str]
) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=row))
