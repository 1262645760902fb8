"""STOW-RS: store instances (PS3.18 10.5); every part goes straight into the spool."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.ingest import Accepted, Arrival, Ingest
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, GatewayError, OutOfResourcesError
from pacs_gateway.web import address
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.multipart import (
    Event,
    MultipartReader,
    PartBegan,
    PartData,
)
from pacs_gateway.web.negotiation import JSON_TYPES, choose, parse_media_type
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.representations import DICOM
from pacs_gateway.web.services import Services
from pacs_gateway.web.wado import accept_of
from storage.index import Index
from storage.records import DicomJson, Origin, utc_now

POLL_S = 0.02
"""How often the index is asked for what was just accepted; a commit takes about as long."""
HEAD_BYTES = 4096
"""Start of each part that is kept until its end, to name the instance should it be refused."""
MAX_PARTS = 100_000
"""Parts of one request; whole studies come in one, and the largest have some ten thousands."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """One part that was not stored; UIDs are empty where the part does not tell them."""

    sop_class_uid: str
    sop_instance_uid: str
    error: GatewayError


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
        body = _Body(
            MultipartReader(
                _boundary(request.headers.get("content-type", "")),
                max_header_bytes=self._settings.max_part_headers_bytes,
            ),
            _Parts(self._ingest, self._origin(request), study_uid),
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

    def _count(self, parts: "_Parts") -> None:
        _count(self._stored, accepted=len(parts.accepted), refused=len(parts.refused))
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
            uids -= (await run_in_threadpool(self._index.known, list(uids))).keys()
            if uids:
                await asyncio.sleep(POLL_S)


class _Parts:
    """Takes the parts of one request one after the other; blocking."""

    def __init__(self, ingest: Ingest, origin: Origin, study_uid: str | None) -> None:
        self._ingest = ingest
        self._origin = origin
        self._study_uid = study_uid
        self._arrival: Arrival | None = None
        self._refusal: GatewayError | None = None
        self._head = b""
        self.accepted: list[Accepted] = []
        self.refused: list[Refused] = []

    def begin(self, headers: Mapping[str, str]) -> None:
        """Open an arrival for a part, or note why it is not taken."""
        if len(self.accepted) + len(self.refused) >= MAX_PARTS:
            raise BadRequestError(f"A request takes at most {MAX_PARTS} parts.")
        self._head, self._refusal = b"", None
        try:
            _check_part_type(headers.get("content-type", DICOM))
            self._arrival = self._ingest.begin_file(
                self._origin, expected_study_uid=self._study_uid
            )
        except GatewayError as error:
            self._refusal = error

    def write(self, data: bytes) -> None:
        """Take the next bytes of the part; after a fault the rest is read and dropped."""
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if self._arrival is None or self._refusal is not None:
            return
        try:
            self._arrival.write(data)
        except GatewayError as error:
            self._refusal = error

    def end(self) -> None:
        """Make the part durable; when this returns without refusal, it is."""
        arrival, self._arrival = self._arrival, None
        try:
            if self._refusal is not None:
                raise self._refusal
            assert arrival is not None
            self.accepted.append(arrival.accept())
        except GatewayError as error:
            self.refused.append(Refused(*_announced(self._head), error))

    def abandon(self) -> None:
        """Forget a part that did not end."""
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None

    def check(self) -> None:
        """Raise the fault that the whole request ends with, if there is one.

        Raises BadRequestError, UnsupportedMediaTypeError, OutOfResourcesError.
        """
        errors = [refused.error for refused in self.refused]
        if self.accepted:
            return
        if not errors:
            raise BadRequestError("The multipart body has no part.")
        if all(isinstance(error, UnsupportedMediaTypeError) for error in errors):
            raise errors[0]
        for error in errors:
            if isinstance(error, OutOfResourcesError):
                raise error


class _Body:
    """The bytes of one request on their way into its parts; blocking."""

    def __init__(self, reader: MultipartReader, parts: _Parts) -> None:
        self._reader = reader
        self._parts = parts

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        for event in self._reader.feed(chunk):
            self._dispatch(event)

    def close(self) -> _Parts:
        """Return what became of the parts; raises BadRequestError if the body is cut short."""
        self._reader.close()
        return self._parts

    def abandon(self) -> None:
        """Forget a part that did not end."""
        self._parts.abandon()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, PartBegan):
            self._parts.begin(event.headers)
        elif isinstance(event, PartData):
            self._parts.write(event.data)
        else:
            self._parts.end()


def answer(parts: _Parts, root: str) -> DicomJson:
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


def _status(parts: _Parts) -> HTTPStatus:
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


def _check_part_type(content_type: str) -> None:
    """Raise UnsupportedMediaTypeError unless the part is a DICOM file.

    A transfer syntax in the part's type is not looked at: the file's own counts (PS3.18 8.7.9).
    """
    try:
        found = parse_media_type(content_type).name
    except BadRequestError:
        found = "unknown"
    if found != DICOM:
        raise UnsupportedMediaTypeError(f"A part is not {DICOM}.")


def _announced(head: bytes) -> tuple[str, str]:
    """Return SOP Class and Instance UID of a refused file as far as it tells them."""
    try:
        found = meta.decode(head)
    except GatewayError:
        return "", ""
    if found is None:
        return "", ""
    uids = (found.sop_class_uid, found.sop_instance_uid)
    return (uids[0] if is_uid(uids[0]) else "", uids[1] if is_uid(uids[1]) else "")


def _count(counter: Counter, *, accepted: int, refused: int) -> None:
    counter.labels("accepted").inc(accepted)
    counter.labels("refused").inc(refused)
