"""STOW-RS: store instances (PS3.18 10.5); every part goes straight into the spool."""

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.ingest import Accepted
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web import address
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.multipart import MultipartReader
from pacs_gateway.web.negotiation import JSON_TYPES, choose, parse_media_type
from pacs_gateway.web.parts import Body, Parts, Refused
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.representations import DICOM
from pacs_gateway.web.services import Services
from pacs_gateway.web.wado import accept_of
from storage.records import DicomJson, Origin, utc_now

POLL_S = 0.02
"""How often the index is asked for what was just accepted; a commit takes about as long."""

_log = structlog.get_logger(__name__)


class StoreEndpoints:
    """The routes of STOW-RS."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings.web
        self._ingest = services.ingest
        self._index = services.index
        self._stored = services.metrics.stored

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/dicom-web/studies", self.store, methods=["POST"]),
            Route("/dicom-web/studies/{study}", self.store, methods=["POST"]),
        ]

    async def store(self, request: Request) -> Response:
        """Store the instances of a multipart body."""
        media_type = choose(accept_of(request), JSON_TYPES)
        study_uid = request.path_params.get("study")
        if study_uid is not None and not is_uid(study_uid):
            raise BadRequestError("The path holds something that is not a UID.")
        body = Body(
            MultipartReader(
                _boundary(request.headers.get("content-type", "")),
                max_header_bytes=self._settings.max_part_headers_bytes,
            ),
            Parts(self._ingest, self._origin(request), study_uid),
        )
        try:
            async for chunk in request.stream():
                await run_in_threadpool(body.feed, chunk)
            parts = await run_in_threadpool(body.close)
        finally:
            # Also when the client is gone: what is not whole has never been here.
            body.abandon()
        self._count(parts)
        parts.check()
        await self._wait_until_visible(parts.accepted)
        base = address.base_url(request, behind_proxy=self._settings.behind_proxy)
        content = json.dumps(answer(parts, f"{base}/dicom-web")).encode()
        return Response(content, _status(parts), media_type=media_type)

    def _origin(self, request: Request) -> Origin:
        return Origin(
            source="stow",
            peer=caller_of(request).username,
            address=address.client_address(request, behind_proxy=self._settings.behind_proxy),
            received_at=utc_now(),
        )

    def _count(self, parts: Parts) -> None:
        self._stored.labels("accepted").inc(len(parts.accepted))
        self._stored.labels("refused").inc(len(parts.refused))
        for refused in parts.refused:
            _log.warning(
                "instance refused",
                source="stow",
                status=f"{refused.error.dimse_status:04X}",
                reason=str(refused.error),
            )

    async def _wait_until_visible(self, accepted: Sequence[Accepted]) -> None:
        """Give the committer a moment, so that the sender finds what it has just stored."""
        uids = {each.identity.sop_instance_uid for each in accepted}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.visible_wait_s
        while uids and loop.time() < deadline:
            known = await run_in_threadpool(self._index.known, list(uids))
            # What was deleted before is shown again once the committer has seen it.
            uids -= {uid for uid, found in known.items() if not all(each.deleted for each in found)}
            if uids:
                await asyncio.sleep(POLL_S)


def answer(parts: Parts, root: str) -> DicomJson:
    """Return the Store Instances Response (PS3.18 Table 10.5.3-2)."""
    found: DicomJson = {}
    studies = {accepted.identity.study_uid for accepted in parts.accepted}
    if len(studies) == 1:
        found["00081190"] = {"vr": "UR", "Value": [f"{root}/studies/{studies.pop()}"]}
    if parts.refused:
        found["00081198"] = {"vr": "SQ", "Value": [_failed(each) for each in parts.refused]}
    if parts.accepted:
        found["00081199"] = {
            "vr": "SQ",
            "Value": [_referenced(each, root) for each in parts.accepted],
        }
    return found


def _referenced(accepted: Accepted, root: str) -> DicomJson:
    identity = accepted.identity
    url = (
        f"{root}/studies/{identity.study_uid}/series/{identity.series_uid}"
        f"/instances/{identity.sop_instance_uid}"
    )
    item = _reference(identity.sop_class_uid, identity.sop_instance_uid)
    return item | {"00081190": {"vr": "UR", "Value": [url]}}


def _failed(refused: Refused) -> DicomJson:
    item = _reference(refused.sop_class_uid, refused.sop_instance_uid)
    return item | {"00081197": {"vr": "US", "Value": [refused.error.dimse_status]}}


def _reference(sop_class_uid: str, sop_instance_uid: str) -> DicomJson:
    uids = (("00081150", sop_class_uid), ("00081155", sop_instance_uid))
    return {tag: {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"} for tag, uid in uids}


def _status(parts: Parts) -> HTTPStatus:
    if not parts.refused:
        return HTTPStatus.OK
    return HTTPStatus.ACCEPTED if parts.accepted else HTTPStatus.CONFLICT


def _boundary(content_type: str) -> str:
    if not content_type:
        raise UnsupportedMediaTypeError("The body must be multipart/related; it has no type.")
    found = parse_media_type(content_type)
    inner = found.parameters.get("type", DICOM).lower()
    if found.name != "multipart/related" or inner != DICOM:
        raise UnsupportedMediaTypeError(
            'Instances are stored as multipart/related; type="application/dicom" only.'
        )
    boundary = found.parameters.get("boundary")
    if boundary is None:
        raise BadRequestError("The Content-Type names no boundary.")
    return boundary
