"""WADO-RS: whole instances, metadata and frames (PS3.18 10.4)."""

import json
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom import meta, transcode
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, UnrenderableError
from pacs_gateway.web import address
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.negotiation import JSON_TYPES, choose
from pacs_gateway.web.qido import SERIES_INSTANCE_UID, SOP_INSTANCE_UID
from pacs_gateway.web.representations import (
    DICOM,
    FrameChoice,
    ObjectChoice,
    choose_frames,
    choose_objects,
)
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import answer_of
from storage.records import StoredInstance

MAX_FRAMES = 10_000
"""Frames of one request; an enhanced CT has some thousands."""
GZIP_LEVEL = 1
"""JSON shrinks tenfold even so; higher levels cost more time than the network saves."""

# Their native frames are the same bytes as in Explicit VR Little Endian.
_NATIVE_ALIKE = (meta.IMPLICIT_VR_LITTLE_ENDIAN, meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)

_BULK_DATA = b'"BulkDataURI":"bulkdata/'

Uids = tuple[str, str | None, str | None]


class RetrieveEndpoints:
    """The routes of WADO-RS, without those that render."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._renderer = services.renderer
        self._behind_proxy = services.settings.web.behind_proxy

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/dicom-web/studies/{study}"
        series = f"{study}/series/{{series}}"
        instance = f"{series}/instances/{{instance}}"
        return [
            Route(f"{instance}/frames/{{frames}}", self.frames),
            Route(f"{instance}/bulkdata/{{path:path}}", self.bulk_data),
            *(Route(f"{path}/metadata", self.metadata) for path in (study, series, instance)),
            *(Route(path, self.objects) for path in (study, series, instance)),
        ]

    async def objects(self, request: Request) -> Response:
        """Answer with the instances of a study or series, or with one."""
        uids = uids_of(request)
        instances = await run_in_threadpool(self._retrieval.instances, *uids)
        single = uids[2] is not None
        stored = {instance.transfer_syntax_uid for instance in instances}
        choice = choose_objects(accept_of(request), stored, single=single)
        headers: dict[str, str] = {}
        if single:
            headers = validators(instances[0].sha256, choice)
            if (unchanged := not_modified(request, headers)) is not None:
                return unchanged
        if not choice.multipart:
            return await answer_of(
                self._object(instances[0], choice), _dicom_type(instances[0], choice), headers
            )
        writer = MultipartWriter(DICOM)
        parts = self._parts(instances, choice, writer)
        return await answer_of(parts, writer.content_type, headers)

    async def metadata(self, request: Request) -> Response:
        """Answer with the headers of instances in the DICOM JSON model."""
        media_type = choose(accept_of(request), JSON_TYPES)
        uids = uids_of(request)
        found = await run_in_threadpool(self._retrieval.metadata, *uids)
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        pieces = _json_array(found, uids, f"{base}/dicom-web")
        headers = {"Vary": "Accept, Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            pieces = _gzipped(pieces)
            headers["Content-Encoding"] = "gzip"
        return await answer_of(pieces, media_type, headers)

    async def frames(self, request: Request) -> Response:
        """Answer with frames of one instance, in the order asked for."""
        numbers = frame_numbers(request.path_params["frames"])
        instances = await run_in_threadpool(self._retrieval.instances, *uids_of(request))
        instance = instances[0]
        if instance.pixels is None:
            raise UnrenderableError("This instance has no pixels.")
        return await self._frames_answer(request, instance, numbers, joined=False)

    async def bulk_data(self, request: Request) -> Response:
        """Answer with a value that the metadata refers to; pixel data frame by frame."""
        path = request.path_params["path"]
        instances = await run_in_threadpool(self._retrieval.instances, *uids_of(request))
        instance = instances[0]
        if instance.pixels is not None and path == instance.pixels.tag:
            numbers = range(1, instance.pixels.frame_count + 1)
            joined = not instance.pixels.encapsulated
            return await self._frames_answer(request, instance, numbers, joined=joined)
        choice = choose_frames(accept_of(request), meta.EXPLICIT_VR_LITTLE_ENDIAN, single=True)
        headers = validators(instance.sha256, path, choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        value = await run_in_threadpool(self._value, instance, path)
        return await _enveloped_answer(iter([iter([value])]), choice, headers)

    async def _frames_answer(
        self,
        request: Request,
        instance: StoredInstance,
        numbers: Sequence[int],
        *,
        joined: bool,
    ) -> Response:
        """`joined`: all frames are one value, as native pixel data is (PS3.5 8.1.1)."""
        assert instance.pixels is not None
        # Native frames leave without their data set, in the byte order of the web.
        stored = meta.EXPLICIT_VR_LITTLE_ENDIAN
        if instance.pixels.encapsulated:
            stored = instance.transfer_syntax_uid
        single = joined or len(numbers) == 1
        choice = choose_frames(accept_of(request), stored, single=single)
        headers = validators(instance.sha256, tuple(numbers), choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        frames = self._frames(instance, numbers, choice)
        parts = iter([frames]) if joined else (iter([frame]) for frame in frames)
        return await _enveloped_answer(parts, choice, headers)

    def _value(self, instance: StoredInstance, path: str) -> bytes:
        return bulk_value(self._retrieval.header(instance), path)

    def _object(self, instance: StoredInstance, choice: ObjectChoice) -> Iterator[bytes]:
        if choice.syntaxes[instance.transfer_syntax_uid] == instance.transfer_syntax_uid:
            return self._retrieval.part10(instance)
        return transcode.explicit_little_endian(self._retrieval.data_set(instance), instance)

    def _parts(
        self, instances: Sequence[StoredInstance], choice: ObjectChoice, writer: MultipartWriter
    ) -> Iterator[bytes]:
        for instance in instances:
            yield writer.part_head(_dicom_type(instance, choice))
            yield from self._object(instance, choice)
        yield writer.end()

    def _frames(
        self, instance: StoredInstance, numbers: Sequence[int], choice: FrameChoice
    ) -> Iterator[bytes]:
        decoded = instance.transfer_syntax_uid not in (choice.syntax, *_NATIVE_ALIKE)
        header = self._retrieval.header(instance) if decoded else b""
        for number in numbers:
            frame = self._retrieval.frame(instance, number)
            yield self._renderer.native(header, frame) if decoded else frame


def accept_of(request: Request) -> str:
    """Return what the client accepts; the query parameter counts before the header."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def uids_of(request: Request) -> Uids:
    """Return the UIDs of the path.

    Raises BadRequestError if one of them is none.
    """
    names = ("study", "series", "instance")
    study, series, instance = (request.path_params.get(name) for name in names)
    if not all(is_uid(uid) for uid in (study, series, instance) if uid is not None):
        raise BadRequestError("The path holds something that is not a UID.")
    return str(study), series, instance


def frame_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a frame list, the first frame being 1.

    Raises BadRequestError.
    """
    pieces = text.split(",")
    if len(pieces) > MAX_FRAMES:
        raise BadRequestError(f"A request takes at most {MAX_FRAMES} frames.")
    return tuple(_frame_number(piece) for piece in pieces)


def _frame_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):  # noqa: PLR2004
        raise BadRequestError("A frame list is made of numbers from 1 on, with commas between.")
    return int(text)


def _dicom_type(instance: StoredInstance, choice: ObjectChoice) -> str:
    return f"{DICOM}; transfer-syntax={choice.syntaxes[instance.transfer_syntax_uid]}"


async def _enveloped_answer(
    contents: Iterator[Iterator[bytes]], choice: FrameChoice, headers: dict[str, str]
) -> Response:
    """Return contents, each in pieces, in the envelope that was chosen."""
    if not choice.multipart:
        return await answer_of(chain.from_iterable(contents), choice.content_type, headers)
    writer = MultipartWriter(choice.media_type)
    return await answer_of(_enveloped(contents, choice, writer), writer.content_type, headers)


def _enveloped(
    contents: Iterator[Iterator[bytes]], choice: FrameChoice, writer: MultipartWriter
) -> Iterator[bytes]:
    for pieces in contents:
        yield writer.part_head(choice.content_type)
        yield from pieces
    yield writer.end()


def _located(model: bytes, uids: Uids, root: str) -> bytes:
    """Return an instance's metadata with bulk data URIs that hold wherever they are read.

    Inside JSON strings quotes are escaped, so these bytes can be nothing but the attribute.
    """
    if _BULK_DATA not in model:
        return model
    study, series, instance = uids
    if series is None or instance is None:
        attributes = json.loads(model)
        series = series or attributes[SERIES_INSTANCE_UID]["Value"][0]
        instance = attributes[SOP_INSTANCE_UID]["Value"][0]
    place = f"{root}/studies/{study}/series/{series}/instances/{instance}/bulkdata/"
    return model.replace(_BULK_DATA, b'"BulkDataURI":"' + place.encode("ascii"))


def _json_array(objects: Iterator[bytes], uids: Uids, root: str) -> Iterator[bytes]:
    before = b"["
    for compressed in objects:
        yield before
        yield _located(zlib.decompress(compressed), uids, root)
        before = b","
    yield b"]"


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield gzip.compress(piece)
    yield gzip.flush()
