"""`/admin/peers`: DICOM devices, those that are known and those that wait to be accepted."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access.devices import check_device, plain_digest
from pacs_gateway.audit import acts
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.forms import read_fields, read_form
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.peers import HeldPeer, Peer, PeerService

PATH = "/admin/peers"
DICOM_PORT = 104
"""Where most devices listen; it matters for those that we send to."""
MAX_DIGITS = 9


class PeerEndpoints:
    """The routes of the page of devices."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._peers = services.peers
        self._recorder = services.recorder
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.add, methods=["POST"]),
            Route(f"{PATH}/forget", self.forget, methods=["POST"]),
            Route(f"{PATH}/remove", self.remove, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """Show who is known and who waits; `?ae_title=` fills the form in to change a device."""
        peer = self._peers.peer(request.query_params.get("ae_title", ""))
        if peer is None:
            return self._page(request, {}, [])
        given = {name: _text(value) for name, value in asdict(peer).items()}
        return self._page(request, given, peer.services.split())

    async def add(self, request: Request) -> Response:
        """Accept a device that waits, add one, or change one."""
        fields = await read_fields(request)
        given = dict(fields)
        services = [value for name, value in fields if name == "service"]
        try:
            peer = _peer(given, services)
        except BadRequestError:
            return await run_in_threadpool(self._page, request, given, services, "peers.invalid")
        who = self._recorder.who(request, caller_of(request))
        change = f"{peer.host}:{peer.port} {peer.services or 'every service'}"
        entry = acts.peer_changed(who, ae_title=peer.ae_title, change=change)
        await run_in_threadpool(self._peers.add, peer, entry)
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

    async def forget(self, request: Request) -> Response:
        """Take a device off the list of those that wait; it may ask again."""
        form = await read_form(request)
        await run_in_threadpool(
            self._peers.forget_held, form.get("ae_title", ""), form.get("host", "")
        )
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

    async def remove(self, request: Request) -> Response:
        """Forget a device."""
        title = (await read_form(request)).get("ae_title", "")
        who = self._recorder.who(request, caller_of(request))
        entry = acts.peer_changed(who, ae_title=title, change="removed")
        await run_in_threadpool(self._peers.remove, title, entry)
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

    def _page(
        self, request: Request, given: Mapping[str, str], chosen: list[str], problem: str = ""
    ) -> Response:
        texts = self._templates.texts(request)
        peers = self._peers.peers()
        known = {peer.ae_title: peer.host for peer in peers}
        context = {
            "held": [
                _held_view(held, texts.moment(held.last_seen), known.get(held.ae_title, ""))
                for held in self._peers.held()
            ],
            "peers": peers,
            "services": list(PeerService),
            "given": given,
            "chosen": chosen or list(PeerService),
            "problem": problem,
            "dicom_port": DICOM_PORT,
            "here": PATH,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "admin/peers.html", context, status=status)


def _held_view(held: HeldPeer, last_seen: str, known_at: str) -> dict[str, Any]:
    """`known_at`: where a device with this AE title is known already, which this one replaces."""
    return {
        "known_at": known_at,
        "ae_title": held.ae_title,
        "address": held.address,
        "attempts": held.attempts,
        "last_seen": last_seen,
    }


def _peer(given: Mapping[str, str], services: list[str]) -> Peer:
    """Return what a form describes; raises BadRequestError."""
    peer = Peer(
        ae_title=given.get("ae_title", "").strip(),
        host=given.get("host", "").strip(),
        port=_number(given.get("port", "")) or DICOM_PORT,
        comment=given.get("comment", "").strip()[:200],
        services=" ".join(services),
        sop_classes=" ".join(given.get("sop_classes", "").split()),
        certificate_sha256=plain_digest(given.get("certificate_sha256", "")),
        tls=bool(given.get("tls")),
        max_associations=_number(given.get("max_associations", "")),
        max_instances_per_minute=_number(given.get("max_instances_per_minute", "")),
        worklist_charset=given.get("worklist_charset", ""),
    )
    check_device(peer)
    return peer


def _text(value: object) -> str:
    """Return how a form has a value: nothing for what is not set."""
    return str(value) if value else ""


def _number(text: str) -> int | None:
    """Return a number, None if there is none; raises BadRequestError."""
    digits = text.strip()
    if not digits:
        return None
    if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise BadRequestError("Numbers are written in digits.")
    return int(digits)
