"""Frames and the value of Pixel Data as clients want them (PS3.18 8.7.3.3)."""

from collections.abc import Iterator, Sequence
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.archive import transcoding
from pacs_gateway.dicom import meta
from pacs_gateway.web import address
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.envelope import Part, enveloped
from pacs_gateway.web.paths import accept_of, instance_url
from pacs_gateway.web.ranges import ranged
from pacs_gateway.web.representations import FrameChoice, choose_frames
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content
from storage.records import StoredInstance


class FrameData:
    """Answers with pixels of one instance; all of it blocks."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._renderer = services.renderer
        self._settings = services.settings.web

    def frames(
        self, request: Request, instance: StoredInstance, numbers: Sequence[int]
    ) -> Content | Response:
        """Return frames, each in a part of its own; `instance` has pixels."""
        choice = choose_frames(accept_of(request), stored_as(instance), single=len(numbers) == 1)
        headers = validators(instance.sha256, tuple(numbers), choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        location = self.location(request, instance)
        if len(numbers) == 1 and request.method != "HEAD":
            frame = next(self._read(instance, numbers, choice))
            return answer_with(request, frame, choice, headers, f"{location}/frames/{numbers[0]}")
        if not choice.multipart:
            # Nothing is decoded for HEAD.
            return Content(pieces=iter(()), content_type=choice.content_type, headers=headers)
        parts = self._parts_of_frames(instance, numbers, choice, location)
        return enveloped(parts, choice.media_type, headers)

    def value(self, request: Request, instance: StoredInstance) -> Content | Response:
        """Return the value of Pixel Data; `instance` has pixels."""
        assert instance.pixels is not None
        numbers = range(1, instance.pixels.frame_count + 1)
        if instance.pixels.encapsulated:
            return self.frames(request, instance, numbers)
        choice = choose_frames(accept_of(request), stored_as(instance), single=True)
        if choice.syntax != meta.EXPLICIT_VR_LITTLE_ENDIAN:
            # Compressed frames are streams of their own, which only parts keep apart.
            choice = choose_frames(accept_of(request), stored_as(instance), single=False)
        headers = validators(instance.sha256, "pixel data", choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        location = self.location(request, instance)
        if len(numbers) == 1 and request.method != "HEAD":
            frame = next(self._read(instance, numbers, choice))
            place = f"{location}/bulkdata/{instance.pixels.tag}"
            return answer_with(request, frame, choice, headers, place)
        parts = self.parts_of_value(instance, choice, location)
        if choice.multipart:
            return enveloped(parts, choice.media_type, headers)
        pieces = chain.from_iterable(part.pieces for part in parts)
        return Content(pieces=pieces, content_type=choice.content_type, headers=headers)

    def parts_of_value(
        self, instance: StoredInstance, choice: FrameChoice, location: str
    ) -> Iterator[Part]:
        """Yield the value of Pixel Data: whole if it is native, frame by frame if compressed."""
        assert instance.pixels is not None
        numbers = range(1, instance.pixels.frame_count + 1)
        if instance.pixels.encapsulated or choice.syntax != meta.EXPLICIT_VR_LITTLE_ENDIAN:
            yield from self._parts_of_frames(instance, numbers, choice, location)
            return
        # All native frames are one value (PS3.5 8.1.1).
        yield Part(
            pieces=self._read(instance, numbers, choice),
            content_type=choice.content_type,
            location=f"{location}/bulkdata/{instance.pixels.tag}",
        )

    def location(self, request: Request, instance: StoredInstance) -> str:
        """Return the address of an instance under which the client knows it."""
        base = address.base_url(request, behind_proxy=self._settings.behind_proxy)
        return instance_url(base, instance)

    def _parts_of_frames(
        self,
        instance: StoredInstance,
        numbers: Sequence[int],
        choice: FrameChoice,
        location: str,
    ) -> Iterator[Part]:
        frames = self._read(instance, numbers, choice)
        for number, frame in zip(numbers, frames, strict=True):
            yield Part(
                pieces=(frame,),
                content_type=choice.content_type,
                location=f"{location}/frames/{number}",
                length=len(frame),
            )

    def _read(
        self, instance: StoredInstance, numbers: Sequence[int], choice: FrameChoice
    ) -> Iterator[bytes]:
        frames = transcoding.frames(
            self._retrieval, self._renderer, instance, numbers, choice.syntax
        )
        if choice.syntax == stored_as(instance) or len(numbers) == 1:
            return frames
        return transcoding.made_ahead(frames, max_bytes=self._settings.max_frames_ahead_bytes)


def stored_as(instance: StoredInstance) -> str:
    """Return the transfer syntax of frames: native ones leave in the byte order of the web."""
    if instance.pixels is not None and instance.pixels.encapsulated:
        return instance.transfer_syntax_uid
    return meta.EXPLICIT_VR_LITTLE_ENDIAN


def answer_with(
    request: Request, value: bytes, choice: FrameChoice, headers: dict[str, str], location: str
) -> Content | Response:
    """Return one value with or without the envelope, as was chosen."""
    if choice.multipart:
        part = Part(
            pieces=(value,),
            content_type=choice.content_type,
            location=location,
            length=len(value),
        )
        return enveloped(iter((part,)), choice.media_type, headers)

    def read(offset: int, length: int) -> Iterator[bytes]:
        yield value if length == len(value) else value[offset : offset + length]

    return ranged(
        request,
        size=len(value),
        read=read,
        content_type=choice.content_type,
        headers={**headers, "Content-Location": location},
    )
