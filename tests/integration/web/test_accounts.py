"""Protects administration over HTTP: accounts, tokens and one's own password and second factor are
changed by those who may, at once, and every change is on record."""

import json
import re
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pyotp
import pytest

from storage.auditlog import Wanted
from tests.integration.web.gateway import PASSWORD, Answer, Client, Gateway, running, settings_for

WHO = "/api/session"
NEW = "mat khau moi 2026"


@pytest.fixture
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("accounts"))) as gateway:
        yield gateway


def post(client: Client, path: str, **fields: str) -> Answer:
    headers = {"Content_Type": "application/x-www-form-urlencoded"}
    return client(path, "POST", urlencode(fields).encode(), **headers)


def browser(hospital: Gateway, username: str, password: str = PASSWORD, code: str = "") -> Client:
    """Return a browser in which somebody has logged in."""
    body = json.dumps({"username": username, "password": password, "code": code}).encode()
    answer = hospital.client()(WHO, "POST", body, Content_Type="application/json")
    assert answer.status == 200, answer.body
    return Client(hospital.port, {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]})


def changes(hospital: Gateway, verb: str = "account changed") -> list[str]:
    rows = hospital.archive.audit_log.rows(Wanted(verb=verb, actor="admin"), limit=99)
    return [json.loads(row.detail)["change"] for row in reversed(rows)]


def test_an_account_from_its_making_to_its_end(hospital: Gateway) -> None:
    admin = browser(hospital, "admin")
    made = post(
        admin,
        "/admin/users",
        username="bs.an",
        password=NEW,
        role="referring",
        physician_name="Trần Thị Bình",
        ward="Khoa Nội",
    )
    assert made.status == 303, made.body
    user = hospital.archive.accounts.user("bs.an")
    assert user is not None
    assert (user.physician_folded, user.ward_folded) == ("tran thi binh", "khoa noi")
    an = browser(hospital, "bs.an", NEW)
    assert an(WHO).json()["role"] == "referring"
    assert b"bs.an" in admin("/admin/users").body
    assert admin("/admin/users/bs.an").status == 200
    base = "/admin/users/bs.an"
    assert post(admin, f"{base}/profile", role="radiologist", ward="Khoa Nội").status == 303
    assert an(WHO).status == 401
    assert post(admin, f"{base}/password", password="another password").status == 303
    an = browser(hospital, "bs.an", "another password")
    assert post(admin, f"{base}/disable").status == 303
    assert an(WHO).status == 401
    assert post(admin, f"{base}/enable").status == 303
    assert browser(hospital, "bs.an", "another password")(WHO).status == 200
    assert changes(hospital)[0] == "added as referring"
    assert changes(hospital)[-1] == "enabled"


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": ""},
        {"username": "admin"},
        {"username": "<script>"},
        {"username": "share:1"},
        {"password": "short"},
        {"password": "bs.an bs.an"},
        {"role": "king"},
        {"ward": "x" * 129},
    ],
)
def test_what_makes_no_account(hospital: Gateway, wrong: dict[str, str]) -> None:
    given = {"username": "bs.an", "password": NEW, "role": "guest", **wrong}
    answer = post(browser(hospital, "admin"), "/admin/users", **given)
    assert answer.status == 400
    assert b"<script>" not in answer.body
    assert hospital.archive.accounts.user("bs.an") is None


def test_one_administrator_remains(hospital: Gateway) -> None:
    admin = browser(hospital, "admin")
    assert post(admin, "/admin/users/admin/disable").status == 400
    assert post(admin, "/admin/users/admin/profile", role="guest").status == 400
    assert admin("/api/users/admin", "DELETE").status == 400
    assert admin(WHO).status == 200


def test_accounts_and_tokens_by_the_api(hospital: Gateway) -> None:
    admin = hospital.client("admin", Content_Type="application/json")
    body = json.dumps({"username": "his", "password": NEW, "role": "device"}).encode()
    assert admin("/api/users", "POST", body).status == 201
    assert "his" in {user["username"] for user in admin("/api/users").json()}
    wanted = {"name": "HIS", "username": "his", "days": 30, "permissions": ["view"]}
    made = admin("/api/tokens", "POST", json.dumps(wanted).encode())
    assert made.status == 201
    program = hospital.client(Authorization=f"Bearer {made.json()['secret']}")
    assert program("/dicom-web/studies").status == 204
    assert program("/dicom-web/studies", "POST", b"").status == 403
    assert program("/account").status == 404
    (listed,) = admin("/api/tokens").json()
    assert (listed["name"], listed["secret"]) == ("HIS", None)
    assert admin(f"/api/tokens/{listed['id']}", "DELETE").status == 204
    assert program("/dicom-web/studies").status == 401
    assert admin("/api/users/his", "DELETE").status == 204
    assert changes(hospital, "token changed") == ["added", "revoked"]


def test_a_token_by_the_page_is_shown_once(hospital: Gateway) -> None:
    admin = browser(hospital, "admin")
    page = post(
        admin, "/admin/tokens", name="script", username="device", days="7", permission="store"
    )
    (secret,) = re.findall(r"<code>([A-Za-z0-9_-]{43})</code>", page.body.decode())
    assert hospital.client(Authorization=f"Bearer {secret}")("/dicom-web/studies").status == 403
    again = admin("/admin/tokens").body.decode()
    assert secret not in again
    (identifier,) = re.findall(r'name="id" value="([^"]+)"', again)
    assert post(admin, "/admin/tokens/revoke", id=identifier).status == 303
    assert hospital.client(Authorization=f"Bearer {secret}")(WHO).status == 401
    assert post(admin, "/admin/tokens", name="", username="device", days="7").status == 400


def test_one_s_own_password(hospital: Gateway) -> None:
    reader = browser(hospital, "reader")
    assert post(reader, "/account/password", old="wrong", new=NEW).status == 400
    assert post(reader, "/account/password", old=PASSWORD, new="short").status == 400
    assert post(reader, "/account/password", old=PASSWORD, new=NEW).status == 303
    assert reader(WHO).status == 401
    assert browser(hospital, "reader", NEW)(WHO).status == 200


def test_a_second_factor_is_turned_on_and_taken_off(hospital: Gateway) -> None:
    admin = browser(hospital, "admin")
    page = admin("/account").body.decode()
    (secret,) = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    assert "data:image/png;base64," in page
    assert post(admin, "/account/second-factor", code="000000").status == 400
    code = pyotp.TOTP(secret).at(time.time())
    assert post(admin, "/account/second-factor", code=code).status == 303
    form = post(hospital.client(), "/login", username="admin", password=PASSWORD, next="/")
    (half_way,) = re.findall(r'name="half_way" value="([^"]+)"', form.body.decode())
    wrong = post(hospital.client(), "/login", half_way=half_way, code="123456", next="/")
    assert wrong.status == 403
    done = post(hospital.client(), "/login", half_way=half_way, code=code, next="/admin/users")
    assert (done.status, done.headers["Location"]) == (303, "/admin/users")
    inside = Client(hospital.port, {"Cookie": done.headers["Set-Cookie"].partition(";")[0]})
    assert post(inside, "/admin/users/admin/reset-second-factor").status == 303
    assert browser(hospital, "admin")(WHO).status == 200


def test_nobody_else_administers(hospital: Gateway) -> None:
    for role in ("reader", "doctor", "visitor", "device"):
        client = hospital.client(role)
        for path in (
            "/admin/users",
            "/admin/tokens",
            "/api/users",
            "/api/tokens",
            "/admin/users/admin",
        ):
            assert client(path).status == 403
