"""`/admin/link-keys`: keys that other systems sign links with (docs/emr-links.md)."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from ulid import ULID

from pacs_gateway.access.links import LIVE_KEYS
from pacs_gateway.access.secrets import new_secret
from pacs_gateway.audit import acts
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.language import Texts
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.links import StoredKey
from storage.records import utc_now

PATH = "/admin/link-keys"
MAX_ISSUER_CHARACTERS = 64
"""Of the name that tells keys apart for people."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key, as the page shows it."""

    id: str
    issuer: str
    made: str
    removed: str
    """Empty while links that it signed are good."""


class LinkKeyEndpoints:
    """The routes of the page of link keys."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._links = services.links
        self._recorder = services.recorder
        self._templates = templates
        self._audience = services.settings.access.link_audience

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.add, methods=["POST"]),
            Route(f"{PATH}/{{key_id}}/remove", self.remove, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """Show all keys; their secrets are not shown again."""
        return self._page(request)

    async def add(self, request: Request) -> Response:
        """Make a key and show its secret, this once."""
        form = await read_form(request)
        issuer = " ".join(form.get("issuer", "").split())
        return await run_in_threadpool(self._add, request, issuer)

    async def remove(self, request: Request) -> Response:
        """Refuse links that were signed with a key from now on."""
        await run_in_threadpool(self._remove, request)
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

    def _add(self, request: Request, issuer: str) -> Response:
        if not 0 < len(issuer) <= MAX_ISSUER_CHARACTERS:
            return self._page(request, issuer=issuer, problem="link_keys.unnamed")
        key = StoredKey(id=str(ULID()), issuer=issuer, secret=new_secret(), created_at=utc_now())
        who = self._recorder.who(request, caller_of(request))
        entry = acts.key_changed(who, key=key.id, issuer=issuer, change="added")
        if not self._links.add_key(key, most=LIVE_KEYS, entry=entry):
            return self._page(request, issuer=issuer, problem="link_keys.too_many")
        return self._page(request, made=key)

    def _remove(self, request: Request) -> None:
        key = self._links.key(request.path_params["key_id"])
        if key is None:
            raise UnknownError("There is no such key, or it is removed already.")
        who = self._recorder.who(request, caller_of(request))
        entry = acts.key_changed(who, key=key.id, issuer=key.issuer, change="retired")
        self._links.retire_key(key.id, utc_now(), entry)

    def _page(
        self,
        request: Request,
        *,
        made: StoredKey | None = None,
        issuer: str = "",
        problem: str = "",
    ) -> Response:
        texts = self._templates.texts(request)
        context = {
            "keys": [_view(key, texts) for key in self._links.all_keys()],
            "made": made,
            "issuer": issuer,
            "problem": problem,
            "audience": self._audience,
            "longest": MAX_ISSUER_CHARACTERS,
            "here": PATH,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "admin/link_keys.html", context, status=status)


def _view(key: StoredKey, texts: Texts) -> KeyView:
    removed = texts.moment(key.retired_at) if key.retired_at else ""
    return KeyView(key.id, key.issuer, texts.moment(key.created_at), removed)
