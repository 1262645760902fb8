"""Storage commitment over HTTP (PS3.18 13): asked by POST, the outcome then or by GET."""

import asyncio
import json
from collections.abc import Sequence
from time import monotonic
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.commitment import BY_WEB, DUPLICATE_TRANSACTION
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dicom.xmlmodel import native_model
from pacs_gateway.errors import BadRequestError, MismatchError, TooLargeError, UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.datasets import XML
from pacs_gateway.web.negotiation import JSON_TYPES, choose, parse_media_type
from pacs_gateway.web.paths import accept_of
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.services import Services
from storage.commitments import COMMITTED, Item, Reference, Request
from storage.records import utc_now

PATH = "/dicom-web/commitment-requests/{transaction}"
RETRY_AFTER_S = 2
LOOK_EVERY_S = 0.1

_REFERENCED, _FAILED, _REASON = "00081199", "00081198", "00081197"
_CLASS, _INSTANCE = "00081150", "00081155"


class CommitmentEndpoints:
    """The routes of storage commitment."""

    def __init__(self, services: Services) -> None:
        self._commitments = services.commitments
        self._max_references = services.settings.commitment.max_references
        self._max_bytes = services.settings.web.max_metadata_bytes
        self._wait_s = services.settings.web.visible_wait_s

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.ask, methods=["POST"]),
            Route(PATH, self.outcome, methods=["GET"]),
        ]

    async def ask(self, request: HttpRequest) -> Response:
        """Keep a request and answer it, if its outcome is there soon enough."""
        media_type = choose(accept_of(request), (*JSON_TYPES, XML))
        transaction_uid = _transaction_of(request)
        references = _references(await self._body(request))
        if len(references) > self._max_references:
            raise TooLargeError(f"One request names at most {self._max_references} instances.")
        asked = await run_in_threadpool(
            self._commitments.ask,
            _requester_of(request),
            transaction_uid,
            references,
            now=utc_now(),
            failure_if_taken=DUPLICATE_TRANSACTION,
        )
        first = await self._first(request, transaction_uid)
        if first.id != asked.id:
            raise MismatchError("Another request was made under this transaction UID.")
        end = monotonic() + self._wait_s
        while first.decided_at is None and monotonic() < end:
            await asyncio.sleep(LOOK_EVERY_S)
            first = await self._first(request, transaction_uid)
        return await self._answer(first, media_type)

    async def outcome(self, request: HttpRequest) -> Response:
        """Answer with the outcome, or say that there is none yet."""
        media_type = choose(accept_of(request), (*JSON_TYPES, XML))
        return await self._answer(await self._first(request, _transaction_of(request)), media_type)

    async def _first(self, request: HttpRequest, transaction_uid: str) -> Request:
        requester = _requester_of(request)
        found = await run_in_threadpool(self._commitments.first, requester, transaction_uid)
        if found is None:
            raise UnknownError("No commitment was asked under this transaction UID.")
        return found

    async def _answer(self, request: Request, media_type: str) -> Response:
        if request.decided_at is None:
            return Response(status_code=202, headers={"Retry-After": str(RETRY_AFTER_S)})
        items = await run_in_threadpool(self._commitments.items, request.id)
        module = _module(items)
        body = native_model(module) if media_type == XML else json.dumps(module).encode()
        return Response(body, media_type=media_type)

    async def _body(self, request: HttpRequest) -> bytes:
        content_type = request.headers.get("content-type", "")
        if not content_type or parse_media_type(content_type).name not in JSON_TYPES:
            raise UnsupportedMediaTypeError(f"A request for commitment is {JSON_TYPES[0]}.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise TooLargeError(f"A request has at most {self._max_bytes} bytes.")
        return bytes(body)


def _transaction_of(request: HttpRequest) -> str:
    found = str(request.path_params["transaction"])
    if not is_uid(found):
        raise BadRequestError("The path holds something that is not a UID.")
    return found


def _requester_of(request: HttpRequest) -> str:
    return f"{BY_WEB}{caller_of(request).name}"


def _references(body: bytes) -> list[Reference]:
    """Return the instances of a Storage Commitment Request Module (PS3.18 J.1) in JSON."""
    try:
        module = json.loads(body)
        module = module[0] if isinstance(module, list) else module
        references = [
            Reference(str(item[_CLASS]["Value"][0]), str(item[_INSTANCE]["Value"][0]))
            for item in module[_REFERENCED]["Value"]
        ]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise BadRequestError(
            "The body is no DICOM JSON with a Referenced SOP Sequence (0008,1199)."
        ) from error
    uids = [uid for each in references for uid in (each.sop_class_uid, each.sop_instance_uid)]
    if not references or not all(map(is_uid, uids)):
        raise BadRequestError("The Referenced SOP Sequence names instances by UIDs.")
    return references


def _module(items: Sequence[Item]) -> dict[str, Any]:
    """Return a Storage Commitment Response Module (PS3.18 J.2): each instance, kept or failed."""
    kept, failed = [], []
    for item in items:
        entry: dict[str, Any] = {
            _CLASS: {"vr": "UI", "Value": [item.reference.sop_class_uid]},
            _INSTANCE: {"vr": "UI", "Value": [item.reference.sop_instance_uid]},
        }
        if item.outcome == COMMITTED:
            kept.append(entry)
            continue
        reason = {"vr": "US", "Value": [item.outcome]}
        failed.append({_CLASS: entry[_CLASS], _INSTANCE: entry[_INSTANCE], _REASON: reason})
    module = {}
    for tag, entries in ((_FAILED, failed), (_REFERENCED, kept)):
        if entries:
            module[tag] = {"vr": "SQ", "Value": entries}
    return module
