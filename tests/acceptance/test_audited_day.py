"""Invariant (T29): after a day of a thousand acts by 25 people at once the audit trail has exactly
one row for each act - none missing, none too many, whatever is asked again - and whatever is done
to its rows afterwards is found."""

import json
import random
import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydicom.uid import generate_uid

from pacs_gateway.audit import acts
from storage.accounts import User
from storage.auditlog import AuditLog, Recorded
from storage.database import open_engine
from storage.grants import Grants
from storage.records import utc_now
from tests.acceptance.day import ACTS_EACH, Act, Person, Ward, image, names
from tests.integration.web.gateway import PASSWORD, Gateway, running, settings_for
from tests.servers import wait_until

STUDIES = 40
AT_ONCE = 5
TAMPERINGS = 60
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Cheap to check: people log in a hundred times, and how well they are kept is not the matter."""


@pytest.fixture(name="people", scope="module")
def fixture_people(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Person], list[Recorded], Path]:
    """Return everybody after the day, the trail of it, and the folder of a copy of the database."""
    folder = tmp_path_factory.mktemp("hospital")
    with running(settings_for(folder)) as gateway:
        ward = _ward(gateway)
        people = [Person(name, role, ward) for name, role in names()]
        morning = gateway.archive.audit_log.head().seq
        with ThreadPoolExecutor(AT_ONCE) as together:
            for working in [together.submit(person.work) for person in people]:
                working.result()
        assert wait_until(lambda: not any((folder / "spool" / "ready").iterdir()), deadline_s=30)
        trail = list(gateway.archive.audit_log.after(morning))
    return people, trail, folder


def _ward(gateway: Gateway) -> Ward:
    studies = [generate_uid(entropy_srcs=["day", str(number)]) for number in range(STUDIES)]
    answer = gateway.client("device").store(*map(image, studies))
    assert answer.status == 200
    grants = Grants(gateway.archive.engine)
    for name, role in names():
        user = User(username=name, password_hash=HASH, role=role, created_at=utc_now())
        entry = acts.account_changed(acts.SYSTEM, username=name, change="added")
        assert gateway.archive.accounts.add(user, entry)
        if role == "referring":
            grants.give(f"user:{name}", studies[::2], utc_now())

    # The first link makes the gateway's own key, which is an act by itself.
    asked = json.dumps({"parameters": {"requestType": "STUDY", "studyUID": studies[0]}}).encode()
    device = gateway.client("device")
    assert device("/api/links", "POST", asked, Content_Type="application/json").status == 201
    return Ward(gateway.port, studies, frozenset(studies[::2]))


def test_the_day_was_long_enough(people: tuple[list[Person], list[Recorded], Path]) -> None:
    assert len(people[0]) == 25
    assert sum(person.acts for person in people[0]) >= 1000 == 25 * ACTS_EACH
    done = sum((person.done for person in people[0]), Counter[Act]())
    assert len({(verb, outcome) for verb, outcome, _, _ in done}) >= 22


def test_every_act_has_exactly_one_row(people: tuple[list[Person], list[Recorded], Path]) -> None:
    done = sum((person.done for person in people[0]), Counter[Act]())
    told = Counter((row.verb, row.outcome, row.actor, row.study_uid) for row in people[1])
    assert {"missing": done - told, "too many": told - done} == {
        "missing": Counter(),
        "too many": Counter(),
    }


def test_the_chain_is_whole(people: tuple[list[Person], list[Recorded], Path]) -> None:
    assert _check(people[2]) is None


@pytest.mark.parametrize("number", range(TAMPERINGS))
def test_tampering_is_found(
    people: tuple[list[Person], list[Recorded], Path], tmp_path: Path, number: int
) -> None:
    for name in ("index.sqlite", "index.sqlite-wal"):
        if (people[2] / name).exists():
            shutil.copy(people[2] / name, tmp_path / name)
    chance = random.Random(number)
    victim, other = chance.sample(people[1], 2)
    statement = TAMPERED[number % len(TAMPERED)]
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        values = {"victim": victim.seq, "other": other.seq}
        assert connection.execute(statement, values).rowcount > 0
    connection.close()
    assert _check(tmp_path) is not None


TAMPERED = (
    *(
        f"UPDATE audit_log SET {column} = {column} || 'x' WHERE seq = :victim"
        for column in ("at", "verb", "outcome", "actor", "role", "address", "study_uid")
    ),
    "UPDATE audit_log SET patient_id = patient_id || 'x' WHERE seq = :victim",
    "UPDATE audit_log SET detail = detail || ' ' WHERE seq = :victim",
    "UPDATE audit_log SET act = 'x' WHERE seq = :victim",
    "UPDATE audit_log SET previous = digest WHERE seq = :victim",
    "UPDATE audit_log SET digest = previous WHERE seq = :victim",
    "UPDATE audit_log SET seq = seq + 1000000 WHERE seq = :victim",
    "DELETE FROM audit_log WHERE seq = :victim",
    "DELETE FROM audit_log WHERE seq >= :victim",
    "DELETE FROM audit_log WHERE seq <= :victim",
    "DELETE FROM audit_log WHERE actor = (SELECT actor FROM audit_log WHERE seq = :victim)",
    (
        "UPDATE audit_log SET actor = (SELECT actor || '-' FROM audit_log WHERE seq = :other)"
        " WHERE seq = :victim"
    ),
    (
        "UPDATE audit_head SET seq = seq - 1, digest = (SELECT previous FROM audit_log"
        " WHERE seq = (SELECT max(seq) FROM audit_log))"
    ),
    "UPDATE audit_head SET digest = (SELECT digest FROM audit_log WHERE seq = :victim)",
)
"""What somebody does who can write to the database, and knows how the chain is made."""


def _check(folder: Path) -> str | None:
    engine = open_engine(f"sqlite:///{folder / 'index.sqlite'}", busy_deadline_s=5)
    try:
        return AuditLog(engine).check()
    finally:
        engine.dispose()
