"""Invariant (T24): of 10,000 changed secrets of logins, API tokens, guests and shares none is taken;
with the 90,000 forged links of tests/unit/access it makes a hundred thousand."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import pytest
from starlette.requests import HTTPConnection

from pacs_gateway.access.roles import Caller
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.audit import acts
from pacs_gateway.web.access import GUEST_COOKIE, SESSION_COOKIE
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.login import LoginRules, Logins
from pacs_gateway.web.problems import UnauthenticatedError
from storage.accounts import Token
from storage.records import utc_now
from storage.shares import Share
from tests import mutants
from tests.acceptance.day import image
from tests.integration.web.gateway import PASSWORD, Client, Gateway, running, settings_for

FORGED = 2500
"""Of each kind of secret."""
STUDY = "1.2.826.0.1.77"


@dataclass(frozen=True, slots=True)
class Doors:
    """A gateway's ways of knowing people, and one right secret for each."""

    gateway: Gateway
    authenticator: Authenticator
    runner: asyncio.Runner
    session: str
    token: str
    guest: str
    share: str

    def caller(self, headers: dict[str, str]) -> Caller | None:
        """Return whom a request with these headers comes from."""
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "client": ("10.0.0.9", 1), "headers": pairs}
        try:
            return self.runner.run(self.authenticator.identify(HTTPConnection(scope)))
        except UnauthenticatedError:
            return None

    def opens(self, kind: str, secret: str) -> bool:
        """Return whether a secret opens anything."""
        if kind == "share":
            return self.gateway.services.shares.of_token(secret_sha256(secret)) is not None
        if kind == "token":
            return self.caller({"authorization": f"Bearer {secret}"}) is not None
        name = SESSION_COOKIE if kind == "session" else GUEST_COOKIE
        return self.caller({"cookie": f"{name}={secret}"}) is not None


@pytest.fixture(name="doors", scope="module")
def fixture_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    with asyncio.Runner() as runner, running(settings_for(folder)) as gateway:
        device = gateway.client("device")
        assert device.store(image(STUDY)).status == 200
        yield Doors(
            gateway,
            _authenticator(gateway),
            runner,
            session=_session(gateway),
            token=_token(gateway),
            guest=_guest(gateway, device),
            share=_share(gateway),
        )


def _authenticator(gateway: Gateway) -> Authenticator:
    minute = timedelta(minutes=1)
    rules = LoginRules(
        session=minute, attempts=9, pause_s=1, lock_after=9, lock=minute, behind_proxy=False
    )
    services = gateway.services
    logins = Logins(services.accounts, rules)
    return Authenticator(services.accounts, services.guests, logins, scopes={}, idle=60 * minute)


def _session(gateway: Gateway) -> str:
    body = json.dumps({"username": "reader", "password": PASSWORD}).encode()
    answer = gateway.client()("/api/session", "POST", body, Content_Type="application/json")
    return _cookie(answer.headers["Set-Cookie"])


def _token(gateway: Gateway) -> str:
    secret = new_secret()
    token = Token(
        token_sha256=secret_sha256(secret),
        name="his",
        username="device",
        created_at=utc_now(),
        expires_at=None,
        id="t1",
    )
    entry = acts.token_changed(acts.SYSTEM, token="his", username="device", change="added")
    gateway.services.accounts.add_token(token, entry)
    return secret


def _guest(gateway: Gateway, device: Client) -> str:
    asked = json.dumps({"parameters": {"requestType": "STUDY", "studyUID": STUDY}}).encode()
    made = device("/api/links", "POST", asked, Content_Type="application/json").json()
    answer = gateway.client()("/view" + made["url"].partition("/view")[2])
    return _cookie(answer.headers["Set-Cookie"])


def _share(gateway: Gateway) -> str:
    secret, now = new_secret(), utc_now()
    share = Share(
        id="s1",
        token_sha256=secret_sha256(secret),
        patient_key="",
        created_by="reader",
        created_at=now,
        expires_at=now + timedelta(days=1),
        question="birth_date",
        answer_hash="",
        tries_left=5,
    )
    gateway.services.shares.add(share, [STUDY], [])
    return secret


def _cookie(text: str) -> str:
    return text.partition("=")[2].partition(";")[0]


@pytest.mark.parametrize("kind", ["session", "token", "guest", "share"])
def test_the_secret_itself_opens(doors: Doors, kind: str) -> None:
    assert doors.opens(kind, getattr(doors, kind))


@pytest.mark.parametrize("kind", ["session", "token", "guest", "share"])
def test_of_changed_secrets_none_opens(doors: Doors, kind: str) -> None:
    secret: str = getattr(doors, kind)
    # What a header or a cookie loses on its way is no change.
    changed = (
        each
        for each in mutants.of_text(secret, seed=3)
        if each.partition(";")[0].strip(' \t\r\n"') != secret
    )
    opened = [each for each in islice(changed, FORGED) if doors.opens(kind, each)]
    assert opened == []


@pytest.mark.parametrize("kind", ["session", "token", "guest", "share"])
def test_no_secret_opens_another_door(doors: Doors, kind: str) -> None:
    others = {"session", "token", "guest", "share"} - {kind}
    if kind in ("session", "token"):
        # A session's secret is also a bearer token: programs log in too.
        others -= {"session", "token"}
    for other in others:
        assert not doors.opens(kind, getattr(doors, other))


def test_what_is_kept_of_a_secret_opens_nothing(doors: Doors) -> None:
    for kind in ("session", "token", "guest", "share"):
        assert not doors.opens(kind, secret_sha256(getattr(doors, kind)))
