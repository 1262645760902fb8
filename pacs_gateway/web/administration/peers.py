"""`/admin/peers`: DICOM devices, those that are known and those that wait to be accepted."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.audit import acts
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.forms import read_fields, read_form
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.peers import HeldPeer, Peer, PeerService

PATH = "/admin/peers"
DICOM_PORT = 104
"""Where most devices listen; it matters for those that we send to."""
MAX_PORT = 65535
MOST = 99_999
"""Of associations and of instances a minute: more is no limit."""

_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
"""PS3.5 6.2: at most 16 characters of the default repertoire, no backslash."""
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")


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


def _peer(given: dict[str, str], services: list[str]) -> Peer:
    """Return what a form describes; raises BadRequestError."""
    title, host = given.get("ae_title", "").strip(), given.get("host", "").strip()
    if not _AE_TITLE.fullmatch(title) or not _is_host(host):
        raise BadRequestError("An AE title and an address, a network or a name are needed.")
    if not set(services) <= set(PeerService):
        raise BadRequestError("There is no such service.")
    sop_classes = given.get("sop_classes", "").split()
    if not all(map(is_uid, sop_classes)):
        raise BadRequestError("SOP classes are UIDs.")
    certificate = given.get("certificate_sha256", "").replace(":", "").strip().lower()
    if not _DIGEST.fullmatch(certificate):
        raise BadRequestError("A certificate is named by its SHA-256, 64 hexadecimal digits.")
    return Peer(
        ae_title=title,
        host=host,
        port=_number(given.get("port", ""), MAX_PORT) or DICOM_PORT,
        comment=given.get("comment", "").strip()[:200],
        services=" ".join(services),
        sop_classes=" ".join(sop_classes),
        certificate_sha256=certificate,
        tls=bool(given.get("tls")),
        max_associations=_number(given.get("max_associations", ""), MOST),
        max_instances_per_minute=_number(given.get("max_instances_per_minute", ""), MOST),
    )


def _is_host(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(text))
    return True


def _text(value: object) -> str:
    """Return how a form has a value: nothing for what is not set."""
    return str(value) if value else ""


def _number(text: str, most: int) -> int | None:
    if not text.strip():
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
        raise BadRequestError(f"A number is from 1 to {most}.")
    return int(text)
