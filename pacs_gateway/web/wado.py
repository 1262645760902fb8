"""WADO-RS: whole instances, metadata, frames and bulk data (PS3.18 10.4)."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.transcoding import explicit_little_endian
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, UnrenderableError
from pacs_gateway.web import address, headerdocuments
from pacs_gateway.web.bodies import Bodies
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.negotiation import JSON_TYPES, choose
from pacs_gateway.web.ranges import ranged
from pacs_gateway.web.representations import (
    DICOM,
    FrameChoice,
    ObjectChoice,
    choose_frames,
    choose_objects,
)
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from storage.records import StoredInstance

MAX_FRAMES = 10_000
"""Frames of one request; an enhanced CT has some thousands."""

# Their native frames are the same bytes as in Explicit VR Little Endian.
_NATIVE_ALIKE = (meta.IMPLICIT_VR_LITTLE_ENDIAN, meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


class Uids(NamedTuple):
    """What the path of a request names."""

    study: str
    series: str | None
    instance: str | None


class RetrieveEndpoints:
    """The routes of WADO-RS, without those that render."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._renderer = services.renderer
        self._behind_proxy = services.settings.web.behind_proxy
        self._bodies = Bodies(services.settings.web.remembered_metadata_bytes)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/dicom-web/studies/{study}"
        series = f"{study}/series/{{series}}"
        instance = f"{series}/instances/{{instance}}"
        return [
            Route(f"{instance}/frames/{{frames}}", self.frames),
            Route(f"{instance}/bulkdata/{{path:path}}", self.bulk_data),
            *(Route(f"{path}/metadata", self.metadata) for path in (study, series, instance)),
            *(Route(path, self.objects) for path in (study, series)),
            Route(instance, self.object),
        ]

    async def objects(self, request: Request) -> Response:
        """Answer with the instances of a study or series."""
        return await answer_of(request, lambda: self._objects(request))

    async def object(self, request: Request) -> Response:
        """Answer with one instance."""
        return await answer_of(
            request, lambda: self.whole(request, self._named(request), accept_of(request))
        )

    async def metadata(self, request: Request) -> Response:
        """Answer with the headers of instances in the DICOM JSON model."""
        return await answer_of(request, lambda: self._metadata(request))

    async def frames(self, request: Request) -> Response:
        """Answer with frames of one instance, in the order asked for."""
        return await answer_of(request, lambda: self._frames(request))

    async def bulk_data(self, request: Request) -> Response:
        """Answer with a value that the metadata refers to; pixel data frame by frame."""
        return await answer_of(request, lambda: self._bulk_data(request))

    def _objects(self, request: Request) -> Content:
        instances = self._retrieval.instances(*uids_of(request))
        stored = {instance.transfer_syntax_uid for instance in instances}
        choice = choose_objects(accept_of(request), stored, single=False)
        writer = MultipartWriter(DICOM)
        parts = self._parts(instances, choice, writer)
        return Content(pieces=parts, content_type=writer.content_type)

    def whole(self, request: Request, instance: StoredInstance, accept: str) -> Content | Response:
        """Return one instance as `accept` wants it; blocking."""
        syntax = instance.transfer_syntax_uid
        choice = choose_objects(accept, {syntax}, single=True)
        headers = validators(instance.sha256, choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        if choice.multipart:
            writer = MultipartWriter(DICOM)
            parts = self._parts([instance], choice, writer)
            return Content(pieces=parts, content_type=writer.content_type, headers=headers)
        content_type = _dicom_type(instance, choice)
        if choice.syntaxes[syntax] != syntax:
            pieces = self._part10(instance, choice)
            return Content(pieces=pieces, content_type=content_type, headers=headers)
        return ranged(
            request,
            size=self._retrieval.part10_size(instance),
            read=lambda offset, length: self._retrieval.part10_range(instance, offset, length),
            content_type=content_type,
            headers=headers,
        )

    def _metadata(self, request: Request) -> Content | Response:
        media_type = choose(accept_of(request), JSON_TYPES)
        study, series, instance = uids_of(request)
        zipped = _takes_gzip(request)
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        revision: Sequence[int] | None = None
        if series is not None and instance is not None:
            found = self._retrieval.instance(study, series, instance)
            # It may have been asked for under a series UID that is not its own any more.
            series, facts = found.series_uid, found.sha256
        else:
            revision = self._retrieval.revision(study, series)
            facts = ",".join(map(str, revision))
        headers = validators(facts, base, zipped, media_type, immutable=False)
        headers["Vary"] = "Accept, Accept-Encoding"
        if zipped:
            headers["Content-Encoding"] = "gzip"
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        key = headers["ETag"]
        body = self._bodies.get(key)
        if body is not None:
            return Content(
                pieces=iter([body]), content_type=media_type, headers=headers, length=len(body)
            )
        remembering = headerdocuments.Remembering(self._bodies, key, revision)
        pieces = headerdocuments.json_array(
            remembering.noting(self._retrieval.headers(study, series, instance)),
            f"{base}/dicom-web/studies/{study}",
        )
        if zipped:
            pieces = headerdocuments.gzipped(pieces)
        return Content(pieces=remembering.kept(pieces), content_type=media_type, headers=headers)

    def _frames(self, request: Request) -> Content | Response:
        numbers = frame_numbers(request.path_params["frames"])
        instance = self._named(request)
        if instance.pixels is None:
            raise UnrenderableError("This instance has no pixels.")
        return self._frames_content(request, instance, numbers, joined=False)

    def _bulk_data(self, request: Request) -> Content | Response:
        path = request.path_params["path"]
        instance = self._named(request)
        if instance.pixels is not None and path == instance.pixels.tag:
            numbers = range(1, instance.pixels.frame_count + 1)
            joined = not instance.pixels.encapsulated
            return self._frames_content(request, instance, numbers, joined=joined)
        choice = choose_frames(accept_of(request), meta.EXPLICIT_VR_LITTLE_ENDIAN, single=True)
        headers = validators(instance.sha256, path, choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        value = bulk_value(self._retrieval.header(instance), path)
        return _enveloped_value(request, value, choice, headers)

    def _frames_content(
        self,
        request: Request,
        instance: StoredInstance,
        numbers: Sequence[int],
        *,
        joined: bool,
    ) -> Content | Response:
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
        frames = self._read_frames(instance, numbers, choice)
        if len(numbers) == 1 and request.method != "HEAD":
            return _enveloped_value(request, next(frames), choice, headers)
        parts = iter([frames]) if joined else (iter([frame]) for frame in frames)
        return _enveloped(parts, choice, headers)

    def _named(self, request: Request) -> StoredInstance:
        study, series, instance = uids_of(request)
        assert series is not None
        assert instance is not None
        return self._retrieval.instance(study, series, instance)

    def _part10(self, instance: StoredInstance, choice: ObjectChoice) -> Iterator[bytes]:
        if choice.syntaxes[instance.transfer_syntax_uid] == instance.transfer_syntax_uid:
            return self._retrieval.part10(instance)
        return explicit_little_endian(self._retrieval, self._renderer, instance)

    def _parts(
        self, instances: Sequence[StoredInstance], choice: ObjectChoice, writer: MultipartWriter
    ) -> Iterator[bytes]:
        for instance in instances:
            yield writer.part_head(_dicom_type(instance, choice))
            yield from self._part10(instance, choice)
        yield writer.end()

    def _read_frames(
        self, instance: StoredInstance, numbers: Sequence[int], choice: FrameChoice
    ) -> Iterator[bytes]:
        decoded = instance.transfer_syntax_uid not in (choice.syntax, *_NATIVE_ALIKE)
        header = self._retrieval.header(instance) if decoded else b""
        for number in numbers:
            frame = self._retrieval.frame(instance, number)
            yield self._decoded(header, frame, number) if decoded else frame

    def _decoded(self, header: bytes, frame: bytes, number: int) -> bytes:
        try:
            return self._renderer.native(header, frame)
        except UnrenderableError as error:
            raise UnrenderableError(f"Frame {number}: {error}") from error


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
    return Uids(str(study), series, instance)


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


def _takes_gzip(request: Request) -> bool:
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or weight == ""
    return False


def _enveloped_value(
    request: Request, value: bytes, choice: FrameChoice, headers: dict[str, str]
) -> Content | Response:
    """Return one value in the envelope that was chosen."""
    if choice.multipart:
        return _enveloped(iter([iter([value])]), choice, headers)

    def read(offset: int, length: int) -> Iterator[bytes]:
        yield value if length == len(value) else value[offset : offset + length]

    return ranged(
        request, size=len(value), read=read, content_type=choice.content_type, headers=headers
    )


def _enveloped(
    contents: Iterator[Iterator[bytes]], choice: FrameChoice, headers: dict[str, str]
) -> Content:
    """Return contents, each in pieces, in the envelope that was chosen."""
    if not choice.multipart:
        joined = chain.from_iterable(contents)
        return Content(pieces=joined, content_type=choice.content_type, headers=headers)
    writer = MultipartWriter(choice.media_type)
    parts = _as_parts(contents, choice, writer)
    return Content(pieces=parts, content_type=writer.content_type, headers=headers)


def _as_parts(
    contents: Iterator[Iterator[bytes]], choice: FrameChoice, writer: MultipartWriter
) -> Iterator[bytes]:
    for pieces in contents:
        yield writer.part_head(choice.content_type)
        yield from pieces
    yield writer.end()
