"""Invariant: over HTTP too, an instance is told to be kept only if its object was read back whole,
every instance asked for is in the answer, and nobody learns of another's transaction."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pacs_gateway.background import handlers
from pacs_gateway.outbox.tries import Patience, Tries
from storage.commitments import CHECK
from storage.outbox import UNFINISHED
from storage.records import utc_now
from tests.integration.web.gateway import Answer, Gateway, running, sample, settings_for

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
CT_INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
ABSENT = "1.2.3.4"
PATH = "/dicom-web/commitment-requests/"
JSON = "application/dicom+json"
REFERENCED, FAILED, REASON, INSTANCE = "00081199", "00081198", "00081197", "00081155"


@pytest.fixture(name="own")
def fixture_own(tmp_path: Path) -> Iterator[Gateway]:
    with running(settings_for(tmp_path, visible_wait_s=0.5)) as gateway:
        assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
        yield gateway


def work(gateway: Gateway) -> None:
    """Do once what is due now."""
    archive = gateway.archive
    limits = archive.settings.commitment.model_copy(update={"wait_s": 0.0})
    settings = archive.settings.model_copy(update={"commitment": limits})
    archive = replace(archive, settings=settings)
    tries = Tries(archive.outbox, handlers(archive), Patience(1, 1, 72))
    for task in archive.outbox.due(utc_now(), limit=9):
        tries.carry_out(task.id, task.attempt)


def ask(gateway: Gateway, *uids: str, transaction: str = "1.9.1", user: str = "device") -> Answer:
    entries = [
        {"00081150": {"vr": "UI", "Value": [CT_IMAGE]}, INSTANCE: {"vr": "UI", "Value": [uid]}}
        for uid in uids
    ]
    body = json.dumps({REFERENCED: {"vr": "SQ", "Value": entries}}).encode()
    return gateway.client(user)(PATH + transaction, "POST", body, Content_Type=JSON)


def outcome(answer: Answer) -> dict[str, int]:
    module: dict[str, Any] = answer.json()
    kept = {each[INSTANCE]["Value"][0]: 0 for each in module.get(REFERENCED, {}).get("Value", [])}
    failed = {
        each[INSTANCE]["Value"][0]: each[REASON]["Value"][0]
        for each in module.get(FAILED, {}).get("Value", [])
    }
    return kept | failed


def test_there_is_no_outcome_until_the_objects_were_read(own: Gateway) -> None:
    answer = ask(own, CT_INSTANCE, ABSENT)
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (202, b"", "2")
    reader = own.client("device")
    assert reader(f"{PATH}1.9.1").status == 202
    work(own)
    answer = reader(f"{PATH}1.9.1")
    assert (answer.status, answer.headers["Content-Type"]) == (200, JSON)
    assert outcome(answer) == {CT_INSTANCE: 0, ABSENT: 0x0112}
    assert b"NativeDicomModel" in reader(f"{PATH}1.9.1", Accept="application/dicom+xml").body


def test_a_damaged_object_is_not_kept(own: Gateway) -> None:
    (stored,) = own.archive.index.known([CT_INSTANCE])[CT_INSTANCE]
    path = own.archive.settings.data_dir / "objects" / stored.object_key
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.unlink()
    path.write_bytes(data)
    ask(own, CT_INSTANCE)
    work(own)
    assert outcome(own.client("device")(f"{PATH}1.9.1")) == {CT_INSTANCE: 0x0110}


def test_another_request_under_the_uid_is_a_conflict_and_the_first_stands(own: Gateway) -> None:
    ask(own, CT_INSTANCE)
    work(own)
    assert ask(own, CT_INSTANCE, ABSENT).status == 409
    work(own)
    assert outcome(own.client("device")(f"{PATH}1.9.1")) == {CT_INSTANCE: 0}


def test_a_transaction_is_seen_by_who_asked_only(own: Gateway) -> None:
    ask(own, CT_INSTANCE)
    assert own.client("admin")(f"{PATH}1.9.1").status == 404
    assert own.client("device")(f"{PATH}1.9.2").status == 404
    assert ask(own, CT_INSTANCE, user="doctor").status == 403


@pytest.mark.parametrize(
    ("path", "body", "content_type", "status"),
    [
        ("1.9.5", b"{}", JSON, 400),
        ("1.9.5", b"[" * 100_000, JSON, 400),
        ("1.9.5", b'{"00081199":{"Value":[{"00081150":{"Value":["../x"]}}]}}', JSON, 400),
        ("1.9..5", b"{}", JSON, 400),
        ("1.9.5", b"{}", "text/plain", 415),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_kept(
    own: Gateway, path: str, body: bytes, content_type: str, status: int
) -> None:
    answer = own.client("device")(PATH + path, "POST", body, Content_Type=content_type)
    assert answer.status == status
    kinds = {task.kind for task in own.archive.outbox.tasks(UNFINISHED, limit=9)}
    assert CHECK not in kinds
