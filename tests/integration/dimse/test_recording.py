"""Protects the record of what peers search and fetch: one row an act, written before the answer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.auditlog import Wanted
from tests.integration.dimse.pacs import Pacs, running, shipped
from tests.integration.dimse.test_query_retrieve import run_scu


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running(tmp_path / "pacs") as found:
        found.keep(shipped("CT_small.dcm"), shipped("MR_small.dcm"))
        yield found


def test_searches_and_transfers_are_on_record(pacs: Pacs, tmp_path: Path) -> None:
    log = pacs.archive.audit_log
    study = pacs.archive.index.instances(None)[0].study_uid
    wanted = ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={study}"]
    for _ in range(2):
        run_scu("findscu", pacs, wanted, "-S")
    run_scu("getscu", pacs, wanted, "-S", "-od", str(tmp_path))
    (searched,) = log.rows(Wanted(verb="searched"), limit=9)
    assert searched.role == "peer"
    assert json.loads(searched.detail)["where"] == "C-FIND STUDY"
    assert study in json.loads(searched.detail)["query"]
    (sent,) = log.rows(Wanted(verb="instances sent"), limit=9)
    assert (sent.study_uid, json.loads(sent.detail)["instances"]) == (study, 1)
    assert json.loads(sent.detail)["service"] == "C-GET"
    received = log.rows(Wanted(verb="instances received"), limit=9)
    assert len({row.study_uid for row in received}) == len(received) == len(["CT", "MR"])
    assert log.check() is None
