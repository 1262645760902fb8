"""Protects the keys of other systems: only an administrator makes or removes one, its secret is shown
once, and a system never has more than two."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from pacs_gateway.access.links import LIVE_KEYS
from storage.auditlog import Wanted
from tests.integration.web.gateway import Answer, Client, Gateway, running, settings_for

PAGE = "/admin/link-keys"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("keys"))) as gateway:
        yield gateway


def add(client: Client, issuer: str) -> Answer:
    body = urlencode({"issuer": issuer}).encode()
    return client(PAGE, "POST", body, Content_Type="application/x-www-form-urlencoded")


def test_a_secret_is_shown_once(hospital: Gateway) -> None:
    admin = hospital.client("admin")
    shown = re.findall("<code>(.*?)</code>", add(admin, "Once").body.decode())
    key = hospital.archive.links.key(shown[0])
    assert key is not None
    assert (key.issuer, key.secret) == ("Once", shown[1])
    later = admin(PAGE).body.decode()
    assert key.id in later
    assert key.secret not in later
    made = hospital.archive.audit_log.rows(Wanted(verb="key changed"), limit=1)[0]
    assert made.actor == "admin"
    assert key.secret not in made.detail


def test_a_system_has_two_keys_at_most(hospital: Gateway) -> None:
    admin = hospital.client("admin")
    answers = [add(admin, "Busy  system") for _ in range(LIVE_KEYS + 1)]
    assert [answer.status for answer in answers] == [200, 200, 400]
    live = [key for key in hospital.archive.links.all_keys() if key.issuer == "Busy system"]
    assert len(live) == LIVE_KEYS
    assert admin(f"{PAGE}/{live[0].id}/remove", "POST").status == 303
    assert hospital.archive.links.key(live[0].id) is None
    assert admin(f"{PAGE}/{live[0].id}/remove", "POST").status == 404
    assert add(admin, "Busy system").status == 200


@pytest.mark.parametrize("issuer", ["", "   ", "x" * 65])
def test_a_key_has_a_name(hospital: Gateway, issuer: str) -> None:
    before = len(hospital.archive.links.all_keys())
    assert add(hospital.client("admin"), issuer).status == 400
    assert len(hospital.archive.links.all_keys()) == before


def test_script_in_a_name_stays_text(hospital: Gateway) -> None:
    page = add(hospital.client("admin"), "<script>alert(1)</script>").body.decode()
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in unescape(page)


@pytest.mark.parametrize(
    "username", ["reader", "operator", "records", "doctor", "device", "visitor"]
)
def test_nobody_else_sees_or_makes_keys(hospital: Gateway, username: str) -> None:
    client = hospital.client(username)
    assert client(PAGE).status == 403
    assert add(client, "Forged").status == 403
    assert client(f"{PAGE}/any/remove", "POST").status == 403
