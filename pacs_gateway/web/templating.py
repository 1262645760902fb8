"""Templates of the viewer rendered in the reader's language."""

import gzip
from collections.abc import Callable, Container, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

import viewer
from pacs_gateway.access.roles import Permission
from pacs_gateway.config import HospitalSettings
from pacs_gateway.doctor.findings import Finding
from pacs_gateway.web.healthwords import say
from pacs_gateway.web.identity import Identity
from pacs_gateway.web.language import COOKIE, Texts, reader_language, texts_of
from pacs_gateway.web.negotiation import takes
from pacs_gateway.web.theme import THEME_COOKIE, reader_theme

STATIC = "/static"
STAFF = (Permission.ADMINISTER, Permission.STORE, Permission.ANNOTATE, Permission.DELETE)
"""Whoever may do one of these works with the gateway, and should know what is wrong with it."""
_GZIP_LEVEL = 5
"""A page of 60 kB in 1 ms."""


class Templates:
    """Renders pages; every value is escaped by the templates, whatever it is."""

    def __init__(
        self,
        installed_language: str,
        identity: Identity | None = None,
        alarms: Callable[[], Sequence[Finding]] = tuple,
    ) -> None:
        """`alarms` says what is wrong with the gateway now."""
        self._installed_language = installed_language
        self._alarms = alarms
        self._languages = tuple(texts_of(language) for language in viewer.LANGUAGES)
        self.static_path = f"{STATIC}/{_digest(viewer.static_dir())}"
        self._bundle = viewer.bundle_built()
        self._environment = Environment(
            loader=FileSystemLoader(viewer.templates_dir()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["identity"] = identity or Identity(HospitalSettings())

    def texts(self, request: Request) -> Texts:
        """Return the texts in the language of whoever asks."""
        return texts_of(reader_language(request.cookies.get(COOKIE), self._installed_language))

    def page(
        self, request: Request, name: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """Return the page of one template."""
        caller = request.scope.get("caller")
        texts = self.texts(request)
        frame = {
            "alarm": self._alarm(texts, caller.grants) if caller else None,
            "here": _address(request),
            "user": caller.name if caller else "",
            "may": frozenset(caller.grants) if caller else frozenset(),
            "bundle": self._bundle,
            "theme": reader_theme(request.cookies.get(THEME_COOKIE)),
        }
        text = self.text(name, texts, {**frame, **context})
        headers = {"Cache-Control": "private, no-cache"}
        body = text.encode()
        if takes("gzip", request.headers.get("accept-encoding", "")):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding, Cookie"}
            body = gzip.compress(body, _GZIP_LEVEL)
        return HTMLResponse(body, status, headers=headers)

    def _alarm(self, texts: Texts, grants: Container[Permission]) -> dict[str, Any] | None:
        """Return the alarm that staff see on every page, None if all is well."""
        found = self._alarms()
        if not found or not any(each in grants for each in STAFF):
            return None
        return {"said": say(texts, found[0]), "more": len(found) - 1}

    def text(self, name: str, texts: Texts, context: Mapping[str, Any]) -> str:
        """Return a template's text in one language."""
        return self._environment.get_template(name).render(
            t=texts, languages=self._languages, asset=self._asset, **context
        )

    def _asset(self, path: str) -> str:
        return f"{self.static_path}/{path}"


def _address(request: Request) -> str:
    """Return where a change of language leads back to; what was posted cannot be asked for again."""
    if request.method not in ("GET", "HEAD"):
        return "/"
    return f"{request.url.path}?{request.url.query}".removesuffix("?")


def _digest(folder: Path) -> str:
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
