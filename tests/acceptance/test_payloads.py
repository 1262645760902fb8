"""Invariant (T26): no text that somebody sends - in an image, a report, an address or a form - runs
as a script, fetches from elsewhere or even becomes markup, in a real browser on every page that
shows it; the policy against scripts is never needed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from pacs_gateway.access.roles import Role
from pacs_gateway.app import Archive
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.web.access import TABLE
from storage.accounts import Token, User
from storage.links import StoredKey
from storage.peers import Peer
from storage.records import utc_now
from tests.acceptance.gateway import PASSWORD, Gateway, running_gateway
from tests.acceptance.payloads import BIRTH_DATE, PAYLOADS, SCRIPT, images, report, study_uid

pytestmark = pytest.mark.server("chromium")

WITNESS = """
Object.defineProperty(window, 'pwned', {
  set() { console.error('a payload ran') }, get() { return undefined }
})
"""
"""Reports scripts that run; `top.pwned` from a frame is reported too."""
AT_ONCE = 12
"""Payloads that are tried in one address."""


class Watched:
    """A browser that is logged in, and remembers what should not have happened."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.complaints: list[str] = []
        self._url = url
        context.add_init_script(WITNESS)
        # There are hundreds, and pictures show no markup.
        context.route("**/thumbnail*", lambda route: route.fulfill(status=204))
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self._check(request.url))
        self.page.on("response", self._refuse_faults)
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def visit(self, path: str) -> str:
        """Return the text of a page that has loaded; it must show no markup of others."""
        self.page.goto(self._url + path)
        self.complaints += self.page.evaluate(FOREIGN_MARKUP)
        return self.page.content()

    def visit_together(self, paths: list[str]) -> list[str]:
        """Return the texts of several pages that have loaded beside one another."""
        self.visit("/login")
        texts = self.page.evaluate(BESIDE_ONE_ANOTHER, paths)
        for frame in self.page.frames:
            self.complaints += frame.evaluate(FOREIGN_MARKUP)
        assert isinstance(texts, list)
        return texts

    def _check(self, url: str) -> None:
        if not url.startswith((self._url, "data:", "blob:")):
            self.complaints.append(f"request to {url}")

    def _refuse_faults(self, response: Response) -> None:
        """Complain of a fault of ours: its page shows no text, so it would pass unseen."""
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.complaints.append(f"{response.status} at {response.url}")

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "the server responded with a status of" not in text:
            self.complaints.append(text)


FOREIGN_MARKUP = """
[...document.querySelectorAll('*')].filter(element =>
  [...element.attributes].some(({name, value}) =>
    name.startsWith('on') || name === 'srcdoc' ||
    (['src', 'href', 'action', 'formaction', 'data', 'srcset'].includes(name) &&
      /^\\s*(javascript:|\\/\\/)/i.test(value))
  ) || (element.localName === 'script' && !element.src && element.type !== 'application/json') || element.localName === 'style'
).map(element => element.outerHTML)
"""
"""Elements that none of our templates makes."""


BESIDE_ONE_ANOTHER = """
paths => Promise.all(paths.map(path => new Promise(resolve => {
  const frame = document.createElement('iframe')
  frame.addEventListener('load', () =>
    resolve(frame.contentWindow.location.pathname + frame.contentDocument.body.innerHTML))
  frame.src = path
  document.body.append(frame)
})))
"""


@pytest.fixture(name="attacked", scope="module")
def fixture_attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("attacked")
    with running_gateway(folder) as gateway:
        gateway.store((*images(), report()))
        yield gateway


@pytest.fixture(name="watched", scope="module")
def fixture_watched(browser: Browser, attacked: Gateway) -> Iterator[Watched]:
    context = browser.new_context()
    watched = Watched(context, attacked.url)
    watched.page.goto(f"{attacked.url}/login")
    watched.page.fill("input[name=username]", "admin")
    watched.page.fill("input[name=password]", PASSWORD)
    watched.page.press("input[name=password]", "Enter")
    yield watched
    context.close()


@pytest.fixture(autouse=True)
def _nothing_happened(watched: Watched) -> Iterator[None]:
    watched.complaints.clear()
    yield
    assert watched.complaints == []


def groups() -> list[str]:
    """Return all payloads, some at a time, as a part of an address."""
    return [
        quote(" ".join(PAYLOADS[start : start + AT_ONCE]))
        for start in range(0, len(PAYLOADS), AT_ONCE)
    ]


def test_there_are_as_many_as_promised() -> None:
    assert len(set(PAYLOADS)) == 120


def test_a_witness_would_tell(watched: Watched) -> None:
    watched.page.goto("about:blank")
    watched.page.set_content("<script>pwned=1</script>")
    watched.page.set_content("<img src=//evil.test/x.png>")
    assert watched.page.evaluate(FOREIGN_MARKUP)
    assert "a payload ran" in watched.complaints
    watched.complaints.clear()


def test_the_list_of_studies(watched: Watched) -> None:
    shown, path = "", "/"
    while path:
        page = watched.visit(path)
        shown += page
        further = re.search(r'rel="next"[^>]* href="([^"]*)"', page)
        path = unescape(further[1]) if further else ""
    assert sum(study_uid(number) in shown for number in range(len(PAYLOADS))) == len(PAYLOADS)


def test_the_pages_of_every_fourth_study(watched: Watched) -> None:
    # The list shows all of them; a page of one study takes the browser half a second.
    addresses = [f"/studies/{study_uid(number)}" for number in range(0, len(PAYLOADS), 4)]
    for start in range(0, len(addresses), AT_ONCE):
        at_once = addresses[start : start + AT_ONCE]
        shown = watched.visit_together(at_once)
        assert [address in page for address, page in zip(at_once, shown, strict=True)] == [
            True
        ] * len(at_once)


SHARE = """
async uid => (await (await fetch('/api/shares', {
  method: 'POST',
  headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({study_uids: [uid], question: 'birth_date'}),
})).json()).url
"""


def test_the_pages_of_sharing(watched: Watched) -> None:
    uids = [study_uid(number) for number in range(5, len(PAYLOADS), 10)]
    assert all(watched.visit_together([f"/studies/{each}/share" for each in uids]))
    assert all("/s/" in watched.page.evaluate(SHARE, each) for each in uids)
    shares = watched.visit("/admin/shares")
    found = re.findall(r"/admin/shares/[0-9A-Z]{26}", shares)
    assert len(set(found)) == len(uids)
    assert all(watched.visit_together(sorted(set(found))))


def test_what_a_patient_sees(watched: Watched, attacked: Gateway, browser: Browser) -> None:
    address = watched.page.evaluate(SHARE, study_uid(5))
    context = browser.new_context()
    patient = Watched(context, attacked.url)
    patient.visit(address.removeprefix(attacked.url))
    patient.page.fill("input[name=answer]", BIRTH_DATE)
    patient.page.press("input[name=answer]", "Enter")
    patient.page.wait_for_url("**/shared")
    assert study_uid(5) in patient.visit("/shared")
    watched.complaints += patient.complaints
    context.close()


def test_the_pages_of_administration(watched: Watched, attacked: Gateway) -> None:
    """Every page without a parameter that the table has, over accounts, devices, keys and acts."""
    for number, payload in enumerate(PAYLOADS):
        _administer(attacked.archive, number, payload)
    pages = [
        entry.removeprefix("GET ")
        for entry in TABLE
        if entry.startswith("GET /admin/") and "{" not in entry
    ]
    assert len(pages) >= 4
    shown = "".join(watched.visit_together(pages))
    users = [f"/admin/users/user{number}" for number in range(0, len(PAYLOADS), 10)]
    assert "".join(watched.visit_together(users)).count(SCRIPT) >= len(users)
    assert shown.count(SCRIPT) > 4 * AT_ONCE
    rows = len(list(attacked.archive.audit_log.after(0)))
    for before in range(100, rows, 200):
        watched.visit(f"/admin/audit?before={before}")
    groups_of_audit = [f"/admin/audit?actor={texts}&verb={texts}" for texts in groups()]
    assert all(watched.visit_together(groups_of_audit))
    assert SCRIPT in watched.visit(f"/studies/{study_uid(1)}/audit")


def _administer(archive: Archive, number: int, payload: str) -> None:
    """Put a payload where administrators look."""
    now = utc_now()
    who = Who(name=payload, role=payload, address=payload)
    entry = acts.account_changed(who, username=payload, change=payload)
    user = User(
        username=f"user{number}",
        password_hash="!",
        role=Role.REFERRING,
        created_at=now,
        display_name=payload,
        physician_name=payload,
        ward=payload,
    )
    archive.accounts.add(user, entry)
    token = Token(
        token_sha256=f"{number:064}",
        name=payload,
        username=user.username,
        created_at=now,
        expires_at=None,
        id=str(number),
    )
    archive.accounts.add_token(
        token, acts.token_changed(who, token=payload, username="", change="")
    )
    peer = Peer(ae_title=f"{payload[:13]}{number}", host=payload, port=104, comment=payload)
    archive.peers.add(peer, acts.peer_changed(who, ae_title=payload, change=payload))
    refused = acts.association_refused(who, reason=payload, again_after=timedelta(minutes=1))
    archive.peers.hold(payload[:16], payload, now, refused)
    key = StoredKey(id=f"K{number}", issuer=payload, secret="", created_at=now)
    made = acts.key_changed(who, key=payload, issuer=payload, change=payload)
    archive.links.add_key(key, most=2, entry=made)
    seen = {"study_uid": study_uid(1), "patient_id": payload}
    archive.audit_log.append(
        acts.deleted(who, **seen, instances=1, deletion=payload, reason=payload)
    )
    archive.audit_log.append(acts.link_refused(who, reason=payload, nonce=payload))


def test_a_report(watched: Watched) -> None:
    page = watched.visit(f"/studies/{study_uid(len(PAYLOADS))}")
    assert study_uid(len(PAYLOADS)) in page
    uids = watched.page.evaluate(
        "async uid => (await (await fetch(`/dicom-web/studies/${uid}/instances`)).json())"
        ".map(found => [found['0020000E'].Value[0], found['00080018'].Value[0]])",
        study_uid(len(PAYLOADS)),
    )
    ((series, instance),) = uids
    address = f"/dicom-web/studies/{study_uid(len(PAYLOADS))}/series/{series}/instances/{instance}"
    shown = watched.visit(f"{address}/rendered")
    assert shown.count("pwned=1") >= len(PAYLOADS) - AT_ONCE


@pytest.mark.parametrize("texts", groups())
def test_addresses(watched: Watched, texts: str) -> None:
    asked = (f"/?q={texts}&date={texts}&modality={texts}&page={texts}", f"/login?next={texts}")
    unknown = (f"/{texts}", f"/studies/{texts}", f"/dicom-web/studies?{texts}={texts}")
    assert all(watched.visit_together([*asked, *unknown]))


def test_a_name_at_the_login(watched: Watched) -> None:
    for texts in PAYLOADS[5::30]:
        watched.visit("/login")
        watched.page.fill("input[name=username]", texts)
        watched.page.fill("input[name=password]", texts)
        watched.page.press("input[name=password]", "Enter")
        watched.complaints += watched.page.evaluate(FOREIGN_MARKUP)
