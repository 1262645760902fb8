"""Protects logging in through an identity provider, with a real one: the browser goes there and comes
back as the right person, with the role its claims mean, and nobody comes in any other way."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from pydantic import SecretStr

from pacs_gateway.audit import acts
from pacs_gateway.config import OidcSettings
from storage.auditlog import Wanted
from tests.integration.web.gateway import Gateway, running, settings_for
from tests.servers.oidc import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    USERNAME,
    OidcProvider,
    oidc_provider,
)
from tests.servers.processes import free_port


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OidcProvider, int]]:
    """Return a provider that sends people back to this port."""
    port = free_port()
    back = f"http://localhost:{port}/login/oidc/callback"
    with oidc_provider(tmp_path_factory.mktemp("provider"), back) as provider:
        yield provider, port


def hospital(
    places: tuple[OidcProvider, int], folder: Path, **oidc: Any
) -> AbstractContextManager[Gateway]:
    provider, port = places
    given: dict[str, Any] = {
        "roles": {USERNAME: "radiologist"},
        "role_claim": "preferred_username",
        **oidc,
    }
    settings = settings_for(folder)
    section = OidcSettings(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        **given,
    )
    web = settings.web.model_copy(update={"port": port})
    return running(settings.model_copy(update={"oidc": section, "web": web}))


class Browser:
    """Follows redirects and keeps cookies."""

    def __init__(self, gateway: Gateway) -> None:
        self.root = f"http://localhost:{gateway.port}"
        self.jar = CookieJar()
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.jar))
        self.address = ""

    def open(self, address: str, **fields: str) -> str:
        """Return the page at the end of all redirects."""
        data = urlencode(fields).encode() if fields else None
        headers = {"Accept": "text/html"}
        try:
            with self._opener.open(
                Request(urljoin(self.root, address), data, headers), timeout=30
            ) as answer:
                self.address = answer.url
                return str(answer.read().decode())
        except HTTPError as error:
            self.address = error.url or ""
            return f"{error.code} {error.read().decode()}"

    def log_in(self, goal: str = "/") -> str:
        """Go to the provider, log in there and come back."""
        page = self.open(f"/login/oidc?{urlencode({'next': goal})}")
        form = re.search(r'<form[^>]*action="([^"]*)"', page)
        assert form is not None, page
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page))
        address = urljoin(self.address, unescape(form[1]))
        return self.open(address, **hidden, username=USERNAME, password=PASSWORD)


def test_a_person_comes_in_through_the_provider(
    places: tuple[OidcProvider, int], tmp_path: Path
) -> None:
    with hospital(places, tmp_path) as gateway:
        browser = Browser(gateway)
        assert "OpenID Connect" in browser.open("/login")
        browser.log_in("/account")
        assert browser.address == f"{browser.root}/account"
        (user,) = [each for each in gateway.archive.accounts.users() if each.oidc_subject]
        assert (user.username, user.role) == (USERNAME, "radiologist")
        assert user.display_name == "Test User"
        rows = gateway.archive.audit_log.rows(Wanted(actor=USERNAME, verb="logged in"), limit=9)
        assert len(rows) == 1
        # No password lets in whoever comes through the provider.
        assert gateway.client(USERNAME, "!")("/api/session").status == 401
        again = Browser(gateway)
        again.log_in()
        assert len([u for u in gateway.archive.accounts.users() if u.oidc_subject]) == 1


def test_whoever_has_no_role_stays_outside(
    places: tuple[OidcProvider, int], tmp_path: Path
) -> None:
    with hospital(places, tmp_path, roles={"somebody else": "administrator"}) as gateway:
        assert Browser(gateway).log_in().startswith("403")
        assert [each for each in gateway.archive.accounts.users() if each.oidc_subject] == []
        refused = gateway.archive.audit_log.rows(Wanted(verb="logged in"), limit=9)
        assert [row.outcome for row in refused] == ["refused"]


def test_an_account_of_the_same_name_stays_its_owners(
    places: tuple[OidcProvider, int], tmp_path: Path
) -> None:
    with hospital(places, tmp_path) as gateway:
        before = gateway.archive.accounts.user("admin")
        assert before is not None
        entry = acts.account_changed(acts.SYSTEM, username=USERNAME, change="added")
        gateway.archive.accounts.add(replace(before, username=USERNAME), entry)
        browser = Browser(gateway)
        browser.log_in()
        (user,) = [each for each in gateway.archive.accounts.users() if each.oidc_subject]
        assert user.username != USERNAME
        assert user.role == "radiologist"


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?code=y", "?state=&code="])
def test_nobody_comes_back_who_did_not_go(
    places: tuple[OidcProvider, int], tmp_path: Path, query: str
) -> None:
    with hospital(places, tmp_path) as gateway:
        assert Browser(gateway).open(f"/login/oidc/callback{query}").startswith("400")
        begun = Browser(gateway)
        begun.open("/login/oidc")
        assert begun.open(f"/login/oidc/callback{query}").startswith("40")
        assert gateway.client()("/api/session").status == 401
