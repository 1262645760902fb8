"""WADO-RS rendered and thumbnail resources (PS3.18 10.4.1.1.3, 10.4.1.1.4 and 8.3.5)."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.pictures import RENDERING, is_image, middle_frame, representative
from pacs_gateway.archive.previews import THUMBNAIL
from pacs_gateway.errors import BadRequestError, TooLargeError, UnrenderableError
from pacs_gateway.imaging.options import (
    CINE_TYPES,
    MP4,
    STILL_TYPES,
    RenderOptions,
    Viewport,
)
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.negotiation import choose
from pacs_gateway.web.paths import accept_of, frame_numbers, uids_of
from pacs_gateway.web.pictureoptions import picture_type, read_options
from pacs_gateway.web.remembered import Remembered
from pacs_gateway.web.renditions import Renditions
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from storage.records import StoredInstance

REPRESENTATIVES_REMEMBERED = 2000
"""Series whose middle image is known; in about 2 MB."""
REMEMBERED_S = 3600.0

_PRESENTATION_STATES = "1.2.840.10008.5.1.4.1.1.11."
"""Beginning of the SOP Class UIDs of softcopy presentation states (PS3.4 B.5)."""


_ALL_FRAMES = 0


class _Shown(NamedTuple):
    """One picture of a request."""

    instance: StoredInstance
    number: int
    """Of the frame, 1 being the first; `_ALL_FRAMES` for all of them as one moving picture."""
    state: StoredInstance | None = None


class OtherKindError(Exception):
    """The instance is no still image; whoever shows pictures hands it over to `Renditions`."""

    def __init__(self, instance: StoredInstance) -> None:
        super().__init__()
        self.instance = instance


class RenderedEndpoints:
    """The routes that answer with pictures."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._pictures = services.pictures
        self._renditions = Renditions(services)
        self._recent = services.recent
        self._max_parts = services.settings.web.max_rendered_parts
        self._representatives = Remembered[StoredInstance](
            for_s=REMEMBERED_S, at_most=REPRESENTATIVES_REMEMBERED
        )

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/dicom-web/studies/{study}"
        series = f"{study}/series/{{series}}"
        instance = f"{series}/instances/{{instance}}"
        return [
            Route(f"{study}/rendered", self.all_rendered),
            Route(f"{series}/rendered", self.all_rendered),
            Route(f"{instance}/rendered", self.rendered),
            Route(f"{instance}/frames/{{frame}}/rendered", self.rendered),
            Route(f"{study}/thumbnail", self.thumbnail),
            Route(f"{series}/thumbnail", self.thumbnail),
            Route(f"{instance}/thumbnail", self.thumbnail),
            Route(f"{instance}/frames/{{frame}}/thumbnail", self.thumbnail),
        ]

    async def all_rendered(self, request: Request) -> Response:
        """Answer with a picture of the first frame of every image of a study or series."""
        return await answer_of(request, lambda: self._all(request))

    async def rendered(self, request: Request) -> Response:
        """Answer with an instance, or frames of it, in a form that browsers show."""
        if (recent := self._recent.answer(request)) is not None:
            return recent
        try:
            answer = await answer_of(request, lambda: self._rendered(request))
        except OtherKindError as other:
            media_type = choose(accept_of(request), self._renditions.media_types(other.instance))
            return await self._renditions.answer(request, other.instance, media_type)
        self._recent.keep(request, answer)
        return answer

    async def thumbnail(self, request: Request) -> Response:
        """Answer with a small picture that stands for a study, series, instance or frame."""
        try:
            return await answer_of(request, lambda: self._thumbnail(request))
        except OtherKindError as other:
            options = _options(request, THUMBNAIL)
            headers = validators(other.instance.sha256, options, RENDERING, immutable=False)
            if (unchanged := not_modified(request, headers)) is not None:
                return unchanged
            picture = await self._renditions.thumbnail(other.instance, options)
            return Response(picture, headers=headers, media_type=options.media_type)

    def preview(self, study_uid: str, options: RenderOptions) -> bytes | None:
        """Return a picture that stands for a study, None if it has none; blocking."""
        instance = self._representative(study_uid, None)
        if not is_image(instance):
            return None
        try:
            return self._drawn(_Shown(instance, middle_frame(instance)), options)
        except UnrenderableError:
            return None

    def _all(self, request: Request) -> Content:
        options = _options(request)
        found = self._retrieval.instances(*uids_of(request))
        shown = [_Shown(instance, 1) for instance in found if is_image(instance)]
        if not shown:
            raise UnrenderableError("There are no pixels here to show.")
        return self._parts(shown, options)

    def _rendered(self, request: Request) -> Content | Response:
        instance = self._named(request)
        text = request.path_params.get("frame")
        return self.show(
            request,
            instance,
            self._options_for(request, instance),
            frames=frame_numbers(text) if text is not None else (),
            state_uid=request.query_params.get("presentation"),
        )

    def _options_for(self, request: Request, instance: StoredInstance) -> RenderOptions:
        if self._renditions.media_types(instance):
            return RenderOptions()
        if instance.pixels is None or instance.pixels.frame_count == 1:
            return _options(request)
        # The frames of a path are stills, each by itself.
        moving = () if "frame" in request.path_params else (MP4,)
        return _options(request, offered=(*STILL_TYPES, *moving))

    def show(
        self,
        request: Request,
        instance: StoredInstance,
        options: RenderOptions,
        *,
        frames: Sequence[int] = (),
        state_uid: str | None = None,
    ) -> Content | Response:
        """Return frames of an image, or all of it where the media type moves; blocking.

        Raises OtherKindError for what is no still image.
        """
        if self._renditions.media_types(instance):
            raise OtherKindError(instance)
        shown = self._with_state(instance, state_uid)
        if len(frames) > 1:
            return self._parts([shown._replace(number=number) for number in frames], options)
        if frames:
            shown = shown._replace(number=frames[0])
        elif _is_cine(shown.instance, options):
            shown = shown._replace(number=_ALL_FRAMES)
        answer = self._answer(request, shown, options)
        self._pictures.read_on(shown.instance, shown.number, options, shown.state)
        return answer

    def _thumbnail(self, request: Request) -> Content | Response:
        uids = uids_of(request)
        if uids.instance is not None:
            instance = self._named(request)
        else:
            instance = self._representative(uids.study, uids.series)
        if not is_image(instance):
            raise OtherKindError(instance)
        frame = request.path_params.get("frame")
        number = _one_frame(frame) if frame is not None else middle_frame(instance)
        shown = _Shown(instance, number)
        fixed = uids.instance is not None
        return self._answer(request, shown, _options(request, THUMBNAIL), fixed=fixed)

    def _answer(
        self, request: Request, shown: _Shown, options: RenderOptions, *, fixed: bool = True
    ) -> Content | Response:
        """`fixed`: the address names one instance, whose picture can never change."""
        state = shown.state.sha256 if shown.state else ""
        headers = validators(
            shown.instance.sha256, shown.number, options, state, RENDERING, immutable=fixed
        )
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        if request.method == "HEAD":
            return Content(pieces=iter(()), content_type=options.media_type, headers=headers)
        return Response(self._drawn(shown, options), headers=headers, media_type=options.media_type)

    def _drawn(self, shown: _Shown, options: RenderOptions) -> bytes:
        """Return one picture, or a moving one of all frames."""
        if shown.number == _ALL_FRAMES:
            return self._pictures.cine(shown.instance, options, shown.state)
        return self._pictures.picture(shown.instance, shown.number, options, shown.state)

    def _parts(self, shown: Sequence[_Shown], options: RenderOptions) -> Content:
        if len(shown) > self._max_parts:
            raise TooLargeError(
                f"These are {len(shown)} pictures; at most {self._max_parts} come in one answer."
            )
        writer = MultipartWriter(options.media_type)

        def pieces() -> Iterator[bytes]:
            for each in shown:
                yield writer.part_head(options.media_type, {"Content-Location": _address(each)})
                yield self._drawn(each, options)
            yield writer.end()

        return Content(pieces=pieces(), content_type=writer.content_type)

    def _named(self, request: Request) -> StoredInstance:
        study, series, instance = uids_of(request)
        assert series is not None
        assert instance is not None
        return self._retrieval.instance(study, series, instance)

    def _representative(self, study: str, series: str | None) -> StoredInstance:
        revision = self._retrieval.revision(study, series)
        key = hashlib.sha256(repr(revision).encode()).digest()
        known = self._representatives.get(key)
        if known is None:
            found = self._retrieval.instances(study, series)
            known = representative(found)
            self._representatives.put(key, known)
        return known

    def _with_state(self, instance: StoredInstance, wanted: str | None) -> _Shown:
        """Return what to show: with the presentation state asked for, or that itself is one."""
        if instance.sop_class_uid.startswith(_PRESENTATION_STATES):
            return self._shown_by(instance)
        if wanted is None:
            return _Shown(instance, 1)
        state = self._retrieval.of_study(instance.study_uid, wanted)
        if not state.sop_class_uid.startswith(_PRESENTATION_STATES):
            raise BadRequestError("presentation names an instance that is no presentation state.")
        return _Shown(instance, 1, state)

    def _shown_by(self, state: StoredInstance) -> _Shown:
        """Return the first image of the same study that a presentation state references."""
        uids = (state.study_uid, state.series_uid, state.sop_instance_uid)
        model = json.loads(zlib.decompress(next(self._retrieval.metadata(*uids))))
        for series in _items(model, "00081115"):
            for image in _items(series, "00081140"):
                uid = str((image.get("00081155", {}).get("Value") or [""])[0])
                number = (image.get("00081160", {}).get("Value") or [1])[0]
                instance = self._retrieval.of_study(state.study_uid, uid)
                return _Shown(instance, int(number), state)
        raise UnrenderableError("This presentation state names no image.")


def _options(
    request: Request, viewport: Viewport | None = None, *, offered: Sequence[str] = STILL_TYPES
) -> RenderOptions:
    media_type = picture_type(accept_of(request), offered)
    return read_options(request.query_params, media_type, viewport=viewport)


def _is_cine(instance: StoredInstance, options: RenderOptions) -> bool:
    many = instance.pixels is not None and instance.pixels.frame_count > 1
    return many and options.media_type in CINE_TYPES


def _one_frame(text: str) -> int:
    numbers = frame_numbers(text)
    if len(numbers) != 1:
        raise BadRequestError("A thumbnail shows one frame.")
    return numbers[0]


def _address(shown: _Shown) -> str:
    instance = shown.instance
    return (
        f"/dicom-web/studies/{instance.study_uid}/series/{instance.series_uid}"
        f"/instances/{instance.sop_instance_uid}/frames/{shown.number}/rendered"
    )


def _items(model: dict[str, Any], tag: str) -> Sequence[dict[str, Any]]:
    return [item for item in model.get(tag, {}).get("Value", ()) if isinstance(item, dict)]
