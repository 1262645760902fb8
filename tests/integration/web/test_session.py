"""Invariant: a caller is who the credentials say or nobody; logging out ends a session for good;
secrets are kept as digests only."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pacs_gateway.app import open_archive, prepare_database
from pacs_gateway.web.accounts import ensure_administrator, verify_password
from pacs_gateway.web.authentication import token_sha256
from storage.records import utc_now
from storage.registry import Token
from tests.integration.web.gateway import PASSWORD, Client, Gateway, running, settings_for

WHO = "/api/session"


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
    assert client(WHO).json() == {"username": "reader", "role": "radiologist"}
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
    session = gateway.archive.registry.session(token_sha256(secret), utc_now())
    assert session is not None
    files = list(gateway.services.settings.data_dir.glob("index.sqlite*"))
    assert files
    assert not any(secret.encode() in path.read_bytes() for path in files)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)


def test_an_expired_session_is_worth_nothing(gateway: Gateway) -> None:
    past = utc_now() - timedelta(seconds=1)
    gateway.archive.registry.open_session(token_sha256("old"), "reader", past)
    assert gateway.client(Cookie="pacs_gateway_session=old")(WHO).status == 401


@pytest.mark.parametrize(("days", "status"), [(None, 200), (1, 200), (-1, 401)])
def test_api_tokens(gateway: Gateway, days: int | None, status: int) -> None:
    secret = f"token {days}"
    expires_at = utc_now() + timedelta(days=days) if days else None
    token = Token(
        token_sha256=token_sha256(secret),
        name="test",
        username="device",
        created_at=utc_now(),
        expires_at=expires_at,
    )
    gateway.archive.registry.add_token(token)
    answer = gateway.client(Authorization=f"Bearer {secret}")(WHO)
    assert answer.status == status


def test_basic_credentials(gateway: Gateway) -> None:
    assert gateway.client("admin")(WHO).json() == {"username": "admin", "role": "administrator"}


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
        gateway.archive.registry.disable_user("device")
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
    secret = SecretStr(chosen) if chosen else None
    settings = settings_for(tmp_path).model_copy(update={"admin_password": secret})
    prepare_database(settings)
    registry = open_archive(settings).registry
    made_up = ensure_administrator(registry, settings)
    assert (made_up is None) == (chosen is not None)
    user = registry.user("admin")
    assert user is not None
    assert user.role == "administrator"
    assert verify_password(user.password_hash, chosen or made_up or "")
    # Another start changes nothing.
    assert ensure_administrator(registry, settings) is None
    assert registry.user("admin") == user
