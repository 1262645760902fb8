"""Invariant: a caller is who the credentials say or nobody; logging out ends a session for good;
secrets are kept as digests only."""

import base64
import json
import time
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from pacs_gateway.access import secondfactor
from pacs_gateway.access.accounts import ensure_administrator
from pacs_gateway.access.passwords import verify_password
from pacs_gateway.access.secrets import secret_sha256
from pacs_gateway.app import open_archive, prepare_database
from pacs_gateway.audit import acts
from pacs_gateway.web.authentication import ROWS_REMEMBERED_S
from storage.accounts import Session, Token
from storage.auditlog import Wanted
from storage.records import utc_now
from tests.integration.web.gateway import PASSWORD, Client, Gateway, running, settings_for

WHO = "/api/session"
CHANGED = acts.account_changed(acts.SYSTEM, username="", change="")


def log_in(client: Client, username: str = "reader", password: str = PASSWORD) -> Client:
    """Return a client with the session cookie of a login."""
    body = f'{{"username": "{username}", "password": "{password}"}}'.encode()
    answer = client(WHO, "POST", body, Content_Type="application/json")
    assert answer.status == 200, answer.body
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    return Client(client.port, {"Cookie": cookie.partition(";")[0]})


def test_a_session_from_login_to_logout(gateway: Gateway) -> None:
    client = log_in(gateway.client())
    assert client(WHO).json() == {
        "username": "reader",
        "role": "radiologist",
        "permissions": [
            *("measure", "logged in", "view", "download", "store", "annotate", "share"),
            *("order", "match"),
        ],
    }
    secret = client.headers["Cookie"].partition("=")[2]
    bearer = gateway.client(Authorization=f"Bearer {secret}")
    assert bearer(WHO).status == 200
    answer = client(WHO, "DELETE")
    assert answer.status == 204
    assert 'pacs_gateway_session=""' in answer.headers["Set-Cookie"]
    assert client(WHO).status == 401
    assert bearer(WHO).status == 401


def test_only_digests_are_stored(gateway: Gateway) -> None:
    client = log_in(gateway.client())
    secret = client.headers["Cookie"].partition("=")[2]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    session = gateway.archive.accounts.session(secret_sha256(secret))
    assert session is not None
    files = list(gateway.services.settings.data_dir.glob("index.sqlite*"))
    assert files
    assert not any(secret.encode() in path.read_bytes() for path in files)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)


def test_an_expired_session_is_worth_nothing(gateway: Gateway) -> None:
    past = utc_now() - timedelta(seconds=1)
    session = Session(
        token_sha256=secret_sha256("old"),
        username="reader",
        created_at=past,
        expires_at=past,
        id="old",
        seen_at=past,
    )
    gateway.archive.accounts.open_session(session, CHANGED)
    assert gateway.client(Cookie="pacs_gateway_session=old")(WHO).status == 401


@pytest.mark.parametrize(("days", "status"), [(None, 200), (1, 200), (-1, 401)])
def test_api_tokens(gateway: Gateway, days: int | None, status: int) -> None:
    secret = f"token {days}"
    expires_at = utc_now() + timedelta(days=days) if days else None
    token = Token(
        token_sha256=secret_sha256(secret),
        name="test",
        username="device",
        created_at=utc_now(),
        expires_at=expires_at,
        id=secret,
    )
    gateway.archive.accounts.add_token(token, CHANGED)
    answer = gateway.client(Authorization=f"Bearer {secret}")(WHO)
    assert answer.status == status


def test_basic_credentials(gateway: Gateway) -> None:
    assert gateway.client("admin")(WHO).json()["role"] == "administrator"


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic !",
        "Basic YQ==",
        "Basic /w==",
        "Bearer",
        "Bearer x",
        "Digest a=b",
        "",
        "Basic YWRtaW46",
    ],
)
def test_bad_credentials(gateway: Gateway, authorization: str) -> None:
    answer = gateway.client(Authorization=authorization)(WHO)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="PACS"')
    assert set(answer.json()) == {"error"}


def test_a_script_in_a_page_opens_no_password_box(gateway: Gateway) -> None:
    answer = gateway.client(Sec_Fetch_Mode="cors")(WHO)
    assert answer.status == 401
    assert "WWW-Authenticate" not in answer.headers


def test_people_are_sent_to_the_login_page(gateway: Gateway) -> None:
    answer = gateway.client(Accept="text/html,*/*")("/studies/1.2?series=1.3&x=%26")
    assert answer.status == 303
    assert answer.headers["Location"] == "/login?next=%2Fstudies%2F1.2%3Fseries%3D1.3%26x%3D%2526"


def test_a_disabled_user_stays_outside(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as gateway:
        client = log_in(gateway.client(), "device")
        gateway.archive.accounts.change("device", CHANGED, disabled=True)
        assert client(WHO).status == 401
        assert gateway.client("device")(WHO).status == 401


def test_wrong_passwords_are_slowed_down(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, login_attempts=2, login_pause_s=60)) as gateway:
        wrong = [gateway.client("admin", "wrong")(WHO) for _ in range(3)]
        assert [answer.status for answer in wrong] == [401, 401, 429]
        assert int(wrong[2].headers["Retry-After"]) > 0
        assert gateway.client("admin")(WHO).status == 429
        assert gateway.client("reader")(WHO).status == 200
        unknown = [gateway.client("nobody", "x")(WHO).status for _ in range(3)]
        assert unknown == [401, 401, 429]


def test_login_from_another_site_is_refused(gateway: Gateway) -> None:
    answer = gateway.client()(WHO, "POST", b"{}", Origin="http://evil")
    assert answer.status == 403


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"username": 1}', b"\xff"])
def test_a_login_that_is_none(gateway: Gateway, body: bytes) -> None:
    answer = gateway.client()(WHO, "POST", body, Content_Type="application/json")
    assert answer.status == 400
    assert set(answer.json()) == {"error"}


def test_cookies_are_secure_behind_a_proxy(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, behind_proxy=True)) as gateway:
        body = f'{{"username": "admin", "password": "{PASSWORD}"}}'.encode()
        answer = gateway.client()(WHO, "POST", body, Content_Type="application/json")
        assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("chosen", [None, "chosen by the hospital"])
def test_the_first_administrator(tmp_path: Path, chosen: str | None) -> None:
    settings = settings_for(tmp_path)
    prepare_database(settings)
    accounts = open_archive(settings).accounts
    made_up = ensure_administrator(accounts, chosen)
    assert (made_up is None) == (chosen is not None)
    user = accounts.user("admin")
    assert user is not None
    assert user.role == "administrator"
    assert verify_password(user.password_hash, chosen or made_up or "")
    # Another start changes nothing.
    assert ensure_administrator(accounts, chosen) is None
    assert accounts.user("admin") == user


def test_a_login_that_is_not_used_ends(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as gateway:
        now = utc_now()
        for name, idle in (("used", timedelta(minutes=119)), ("unused", timedelta(minutes=121))):
            session = Session(
                token_sha256=secret_sha256(name),
                username="reader",
                created_at=now - timedelta(hours=3),
                expires_at=now + timedelta(hours=3),
                id=name,
                seen_at=now - idle,
            )
            gateway.archive.accounts.open_session(session, CHANGED)
        assert gateway.client(Cookie="pacs_gateway_session=used")(WHO).status == 200
        assert gateway.client(Cookie="pacs_gateway_session=unused")(WHO).status == 401
        seen = gateway.archive.accounts.session(secret_sha256("used"))
        assert seen is not None
        assert seen.seen_at is not None
        assert seen.seen_at >= now


def test_a_code_is_asked_for_and_counts_once(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as gateway:
        secret = secondfactor.new_secret()
        gateway.archive.accounts.change("admin", CHANGED, totp_secret=secret)
        code = pyotp.TOTP(secret).now()

        def log_in_with(code: str) -> int:
            body = json.dumps({"username": "admin", "password": PASSWORD, "code": code}).encode()
            return gateway.client()(WHO, "POST", body, Content_Type="application/json").status

        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        assert [log_in_with(each) for each in ("", wrong, "x", code, code)] == [
            401, 401, 401, 200, 401,
        ]  # fmt: skip
        assert gateway.client("admin")(WHO).status == 401
        assert gateway.client("reader")(WHO).status == 200


def test_too_many_wrong_passwords_close_the_account_for_all(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, login_attempts=100)
    access = settings.access.model_copy(update={"lock_after": 3})
    with running(settings.model_copy(update={"access": access})) as gateway:
        assert {gateway.client("reader", "wrong")(WHO).status for _ in range(3)} == {401}
        closed = gateway.client("reader")(WHO)
        unknown = gateway.client("nobody")(WHO)
        assert (closed.status, closed.body) == (401, unknown.body)
        assert gateway.client("admin")(WHO).status == 200
        verbs = [
            row.verb for row in gateway.archive.audit_log.rows(Wanted(actor="reader"), limit=9)
        ]
        assert verbs.count("account locked") == 1
        assert verbs.count("logged in") == 4


def test_a_token_does_what_it_is_for(gateway: Gateway) -> None:
    token = Token(
        token_sha256=secret_sha256("narrow"),
        name="HIS",
        username="admin",
        created_at=utc_now(),
        expires_at=None,
        id="narrow",
        permissions="view",
    )
    gateway.archive.accounts.add_token(token, CHANGED)
    client = gateway.client(Authorization="Bearer narrow")
    assert client("/dicom-web/studies").status in (200, 204)
    assert client("/api/deletions").status == 403
    used = gateway.archive.accounts.token(secret_sha256("narrow"))
    assert used is not None
    assert used.last_used_at is not None


def test_another_password_counts_at_once_for_basic_too(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as gateway:
        assert gateway.client("reader")(WHO).status == 200
        gateway.archive.accounts.change("reader", CHANGED, password_hash="!")
        time.sleep(ROWS_REMEMBERED_S)
        assert gateway.client("reader")(WHO).status == 401


def test_logins_are_on_record_once(tmp_path: Path) -> None:
    with running(settings_for(tmp_path)) as gateway:
        client = log_in(gateway.client())
        client(WHO)
        client(WHO, "DELETE")
        gateway.client("device")(WHO)
        gateway.client("device")(WHO)
        rows = gateway.archive.audit_log.rows(Wanted(), limit=50)
        logins = [(row.actor, row.verb, row.role) for row in reversed(rows) if "log" in row.verb]
        assert logins == [
            ("reader", "logged in", "radiologist"),
            ("reader", "logged out", "radiologist"),
            ("device", "logged in", "device"),
        ]
        assert gateway.archive.audit_log.check() is None


def test_many_names_from_one_address_are_slowed_down_too(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, login_attempts=2)) as gateway:
        statuses = [gateway.client(f"name{n}", "wrong")(WHO).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
