"""Protects the page of DICOM devices: one click lets in who waits, with no more than it needs."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from pacs_gateway.audit import acts
from storage.auditlog import Wanted
from storage.records import utc_now
from tests.integration.web.gateway import Answer, Gateway, running, settings_for

PATH = "/admin/peers"
REFUSED = acts.association_refused(
    acts.SYSTEM, reason="unknown peer", again_after=timedelta(hours=1)
)


@pytest.fixture
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("peers"))) as gateway:
        yield gateway


def post(hospital: Gateway, path: str, *fields: tuple[str, str]) -> Answer:
    headers = {"Content_Type": "application/x-www-form-urlencoded"}
    return hospital.client("admin")(path, "POST", urlencode(fields).encode(), **headers)


def test_who_waits_is_accepted_by_one_click(hospital: Gateway) -> None:
    hospital.archive.peers.hold("CT1", "10.0.0.7", utc_now(), REFUSED)
    page = hospital.client("admin")(PATH).body.decode()
    assert "CT1" in page
    form = (("ae_title", "CT1"), ("host", "10.0.0.7"), ("service", "echo"), ("service", "store"))
    for field in form:
        assert f'value="{field[1]}"' in page
    assert post(hospital, PATH, *form).status == 303
    (peer,) = hospital.archive.peers.peers()
    assert (peer.ae_title, peer.host, peer.port, peer.services) == (
        "CT1",
        "10.0.0.7",
        104,
        "echo store",
    )
    assert hospital.archive.peers.held() == []
    (row,) = hospital.archive.audit_log.rows(Wanted(verb="peer changed"), limit=9)
    assert row.actor == "admin"
    assert post(hospital, f"{PATH}/remove", ("ae_title", "CT1")).status == 303
    assert hospital.archive.peers.peers() == []


def test_who_waits_may_be_dismissed(hospital: Gateway) -> None:
    hospital.archive.peers.hold("SCANNER", "10.6.6.6", utc_now(), REFUSED)
    form = (("ae_title", "SCANNER"), ("host", "10.6.6.6"))
    assert post(hospital, f"{PATH}/forget", *form).status == 303
    assert hospital.archive.peers.held() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": ""},
        {"ae_title": "SEVENTEEN LETTERS"},
        {"ae_title": "BACK\\SLASH"},
        {"host": "10.0.0.0/33"},
        {"host": "<script>"},
        {"port": "70000"},
        {"port": "x"},
        {"service": "everything"},
        {"certificate_sha256": "abc"},
        {"max_instances_per_minute": "-1"},
        {"max_associations": "0"},
        {"sop_classes": "CT"},
    ],
)
def test_what_makes_no_sense_is_not_saved(hospital: Gateway, wrong: dict[str, str]) -> None:
    given = {"ae_title": "CT1", "host": "10.0.0.7", "port": "104", **wrong}
    answer = post(hospital, PATH, *given.items())
    assert answer.status == 400
    assert b"<script>" not in answer.body
    assert hospital.archive.peers.peers() == []


def test_only_administrators(hospital: Gateway) -> None:
    for role in ("reader", "doctor", "visitor", "device"):
        assert hospital.client(role)(PATH).status == 403
