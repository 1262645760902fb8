"""STOW-RS: store instances (PS3.18 10.5), whole or as metadata with bulk data."""

import json

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dicom.xmlmodel import native_model
from pacs_gateway.errors import BadRequestError, TooLargeError
from pacs_gateway.web import address, storeanswer
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.datasets import XML
from pacs_gateway.web.gathering import Gathering, GatheringLimits
from pacs_gateway.web.multipart import MultipartReader, SinglePartReader
from pacs_gateway.web.negotiation import JSON_TYPES, choose, parse_media_type
from pacs_gateway.web.parts import Body, Parts, Reader
from pacs_gateway.web.paths import accept_of
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.representations import DICOM
from pacs_gateway.web.services import Services
from pacs_gateway.web.visible import Visibility
from storage.records import Origin, utc_now

_PART_TYPES = (DICOM, *JSON_TYPES)
_TAKEN = (
    f"Instances are stored as {DICOM} or {JSON_TYPES[0]}, alone or as multipart/related with"
    " one of them as its type."
)

_log = structlog.get_logger(__name__)


class StoreEndpoints:
    """The routes of STOW-RS."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings.web
        self._limits = GatheringLimits(
            max_metadata_bytes=self._settings.max_metadata_bytes,
            max_bulk_bytes=self._settings.max_bulk_bytes,
        )
        self._ingest = services.ingest
        self._visibility = Visibility(services.ingest.spool, within_s=self._settings.visible_wait_s)
        self._stored = services.meters.stow_instances

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/dicom-web/studies", self.store, methods=["POST"]),
            Route("/dicom-web/studies/{study}", self.store, methods=["POST"]),
        ]

    async def store(self, request: Request) -> Response:
        """Store the instances in the body."""
        media_type = choose(accept_of(request), (*JSON_TYPES, XML))
        study_uid = request.path_params.get("study")
        if study_uid is not None and not is_uid(study_uid):
            raise BadRequestError("The path holds something that is not a UID.")
        base_url = address.base_url(request, behind_proxy=self._settings.behind_proxy)
        root = f"{base_url}/dicom-web"
        reader, default_type = _reader(
            request.headers.get("content-type", ""),
            max_header_bytes=self._settings.max_part_headers_bytes,
        )
        parts = Parts(
            self._ingest,
            self._origin(request),
            study_uid=study_uid,
            gather=lambda: Gathering(self._ingest, self._limits, f"{base_url}{request.url.path}"),
            default_type=default_type,
        )
        await _receive(request, Body(reader, parts), parts)
        self._count(parts)
        parts.check()
        await self._visibility.of(parts.accepted)
        module = storeanswer.answer(parts.accepted, parts.refused, root=root)
        status = storeanswer.status(parts.accepted, parts.refused)
        body = native_model(module) if media_type == XML else json.dumps(module).encode()
        return Response(body, status, media_type=media_type)

    def _origin(self, request: Request) -> Origin:
        return Origin(
            source="stow",
            peer=caller_of(request).name,
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


async def _receive(request: Request, body: Body, parts: Parts) -> None:
    """Bring the whole body into `parts`, or as much as can be understood."""
    try:
        async for chunk in request.stream():
            await run_in_threadpool(body.feed, chunk)
        await run_in_threadpool(body.close)
    except (BadRequestError, TooLargeError) as error:
        # What came before is durable already: the sender must learn of it, not only of the fault.
        parts.break_off(error)
    finally:
        # Also when the client is gone: what is not whole has never been here.
        parts.abandon()


def _reader(content_type: str, *, max_header_bytes: int) -> tuple[Reader, str]:
    """Return what reads the body, and the type of parts that name none.

    Raises UnsupportedMediaTypeError, BadRequestError.
    """
    if not content_type:
        raise UnsupportedMediaTypeError(f"The body has no Content-Type. {_TAKEN}")
    found = parse_media_type(content_type)
    if found.name in _PART_TYPES:
        return SinglePartReader(content_type), found.name
    default_type = found.parameters.get("type", DICOM).lower()
    if found.name != "multipart/related" or default_type not in _PART_TYPES:
        raise UnsupportedMediaTypeError(_TAKEN)
    boundary = found.parameters.get("boundary")
    if boundary is None:
        raise BadRequestError("The Content-Type names no boundary.")
    return MultipartReader(boundary, max_header_bytes=max_header_bytes), default_type
