"""Looks for the order of a study when images come, and for images when an order comes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from pacs_gateway.audit.acts import SYSTEM
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.matching import DAYS_AROUND, StudyFacts
from pacs_gateway.ris.states import WAITING
from storage.completions import Completions
from storage.errors import NotFoundError
from storage.index import Index
from storage.orders import MATCH_STUDY
from storage.outbox import Task, Work
from storage.reach import EVERYTHING
from storage.records import (
    DicomJson,
    Found,
    InstanceRecord,
    Level,
    Match,
    MatchKind,
    QuerySpec,
)

AFTER_S = 3.0
"""After the last image of a burst; a study of 1,000 images is looked at a few times only."""
MAX_STUDIES = 100
"""Studies of one patient and day that an order may be looked for in."""

_log = structlog.get_logger(__name__)


def orders_ahead(records: Iterable[InstanceRecord], *, now: datetime) -> list[Work]:
    """Return the work of looking for the order of each of these studies."""
    due_at = now + timedelta(seconds=AFTER_S)
    return [
        Work(kind=MATCH_STUDY, about=uid, due_at=due_at, key=f"{MATCH_STUDY} {uid}")
        for uid in sorted({record.study_uid for record in records})
    ]


class MatchStudy:
    """Carries out the work of finding a study's order, and of moving that on."""

    def __init__(self, desk: Desk, index: Index, completions: Completions) -> None:
        self._desk = desk
        self._index = index
        self._completions = completions

    def __call__(self, task: Task) -> None:
        """Look for the order of the study that the work is about."""
        self.look(task.about)

    def look(self, study_uid: str) -> None:
        """Look for the order of one study."""
        if not self._desk.has_orders():
            return
        facts = facts_of(self._index, study_uid)
        if facts is None:
            return  # All of it was deleted.
        complete = self._completions.of(study_uid) is not None
        self._desk.find_order(facts, SYSTEM, complete=complete)


class MatchOrder:
    """Carries out the work of looking for images that came before their order."""

    def __init__(self, desk: Desk, index: Index, study: MatchStudy) -> None:
        self._desk = desk
        self._index = index
        self._study = study

    def __call__(self, task: Task) -> None:
        """Look at every study that may be of the order."""
        try:
            whole = self._desk.order(task.about)
        except NotFoundError:
            return
        order, person = whole.listed.order, whole.listed.person
        if order.state not in WAITING or person is None:
            return
        keys = [("StudyInstanceUID", order.study_uid), ("AccessionNumber", order.accession_number)]
        found = [uid for key in keys for uid in self._studies(*key)]
        days = _around(step.date for step in order.steps)
        for number in person.identifiers:
            found += self._studies("PatientID", number.value, days)
        for uid in dict.fromkeys(found):
            self._study.look(uid)

    def _studies(self, keyword: str, value: str, days: tuple[str, str] | None = None) -> list[str]:
        matches = [Match(keyword, MatchKind.EQUAL, (value,))]
        if days is not None:
            matches.append(Match("StudyDate", MatchKind.RANGE, days))
        spec = QuerySpec(level=Level.STUDY, matches=tuple(matches), limit=MAX_STUDIES)
        found = self._index.search(spec, reach=EVERYTHING)
        return [_text(each.attributes, "0020000D") for each in found]


def facts_of(index: Index, study_uid: str) -> StudyFacts | None:
    """Return what the images of a study say, None if there is no such study."""
    match = Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid,))
    found = index.search(QuerySpec(level=Level.STUDY, matches=(match,)), reach=EVERYTHING)
    return facts_in(found[0]) if found else None


def facts_in(found: Found) -> StudyFacts:
    """Return what the images of a study say, from an answer of the index."""
    said = found.attributes
    modalities = said.get("00080061", {}).get("Value", ())
    return StudyFacts(
        study_uid=_text(said, "0020000D"),
        accession_number=_text(said, "00080050"),
        patient_id=_text(said, "00100020"),
        issuer=_text(said, "00100021"),
        patient_name=_text(said, "00100010"),
        modalities=frozenset(str(each) for each in modalities),
        date=_text(said, "00080020"),
    )


def _around(days: Iterable[str]) -> tuple[str, str]:
    """Return the first and last day on which images of steps may have been made."""
    given = sorted(day for day in days if day)
    if not given:
        return ("", "")
    margin = timedelta(days=DAYS_AROUND)
    first = datetime.strptime(given[0], "%Y%m%d").astimezone() - margin
    last = datetime.strptime(given[-1], "%Y%m%d").astimezone() + margin
    return f"{first:%Y%m%d}", f"{last:%Y%m%d}"


def _text(attributes: DicomJson, tag: str) -> str:
    value = attributes.get(tag, {}).get("Value", [""])[0]
    if isinstance(value, dict):
        return str(value.get("Alphabetic", ""))
    return "" if value is None else str(value).strip()
