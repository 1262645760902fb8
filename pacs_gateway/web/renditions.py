"""What objects without a still picture are shown as: pages, drawings, files and streams.

Invariant: nothing that an object holds can run in this origin. Pages and drawings escape every
value, and both leave with a policy that allows no scripts, whatever they hold.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway import __version__
from pacs_gateway.documents.card import Symbol
from pacs_gateway.documents.kinds import ENCAPSULATED, REPORTS, VIDEOS, WAVEFORMS, Kind, kind_of
from pacs_gateway.documents.pictures import PictureForm, card_picture
from pacs_gateway.documents.report import report_of
from pacs_gateway.errors import NotAcceptableError, UnrenderableError
from pacs_gateway.imaging.options import GIF, JPEG, MP4, PNG, WEBP, RenderOptions
from pacs_gateway.imaging.videos import video_film, video_picture
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.embedded import POLICY, EmbeddedFiles
from pacs_gateway.web.language import Texts, texts_of
from pacs_gateway.web.ranges import ranged_answer
from pacs_gateway.web.reportsheet import sheet_of
from pacs_gateway.web.reporttext import plain_text, running_text
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from pacs_gateway.web.tracings import Tracings
from storage.records import DicomJson, StoredInstance

HTML = "text/html"
TEXT = "text/plain"
SVG = "image/svg+xml"
WAV = "audio/wav"

MEDIA_TYPES: Mapping[Kind, Sequence[str]] = {
    Kind.REPORT: (HTML, TEXT),
    Kind.KEY_OBJECTS: (HTML, TEXT),
    Kind.PDF: ("application/pdf",),
    Kind.CDA: ("text/xml",),
    Kind.MODEL_STL: ("model/stl",),
    Kind.MODEL_OBJ: ("model/obj",),
    Kind.MODEL_MTL: ("model/mtl",),
    Kind.ECG: (SVG, PNG, JPEG),
    Kind.WAVEFORM: (SVG, PNG, JPEG),
    Kind.AUDIO: (WAV, SVG, PNG, JPEG),
    Kind.MPEG2: ("video/mpeg", MP4),
    Kind.VIDEO: ("video/mp4",),
}
"""What each kind comes as, the best form first (PS3.18 8.7.4)."""

_FORMATS = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", WEBP: "WEBP"}
_CARDS: Mapping[Kind | None, tuple[Symbol, str]] = {
    Kind.REPORT: ("page", "document.card.report"),
    Kind.KEY_OBJECTS: ("images", "document.card.key_objects"),
    Kind.PDF: ("page", "document.card.pdf"),
    Kind.CDA: ("page", "document.card.cda"),
    Kind.MODEL_STL: ("solid", "document.card.model"),
    Kind.MODEL_OBJ: ("solid", "document.card.model"),
    Kind.MODEL_MTL: ("solid", "document.card.model"),
    Kind.ECG: ("wave", "document.card.waveform"),
    Kind.WAVEFORM: ("wave", "document.card.waveform"),
    Kind.AUDIO: ("wave", "document.card.audio"),
    Kind.MPEG2: ("film", "document.card.video"),
    Kind.VIDEO: ("film", "document.card.video"),
    None: ("nothing", "document.card.other"),
}

_PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
_CARD_SIDE = 160
"""Pixels of a card, if nothing else is asked for."""


class Renditions:
    """Shows the objects that are no still images."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings.documents
        self._retrieval = services.retrieval
        self._renderer = services.renderer
        self._templates = Templates(services.settings.language)
        self._installed = texts_of(services.settings.language)
        self._tracings = Tracings(self._retrieval, self._renderer, self._settings)
        self._files = EmbeddedFiles(self._retrieval, services.store, self._settings, self._model)

    def media_types(self, instance: StoredInstance) -> Sequence[str]:
        """Return the forms an instance can be shown in, the best first; none for a still image."""
        kind = _kind(instance)
        return MEDIA_TYPES[kind] if kind else ()

    async def answer(self, request: Request, instance: StoredInstance, media_type: str) -> Response:
        """Return one form of an instance, `media_type` being one of its `media_types`.

        Raises UnrenderableError for an object that does not hold what its SOP Class promises.
        """
        kind = _kind(instance)
        assert kind is not None
        if kind in ENCAPSULATED:
            return await self._files.document(request, instance, kind, media_type)
        if kind is Kind.MPEG2 and media_type == MP4:
            return await self._film(request, instance)
        if kind in VIDEOS:
            return await self._files.video(request, instance, kind)
        if media_type == WAV:
            return await self._sound(request, instance)
        texts = self._templates.texts(request)
        # Pages and drawings are made of our words and our design, which a new release may change.
        facts = (instance.sha256, media_type, texts.language, self._templates.static_path)
        headers = validators(*facts, __version__, immutable=False)
        headers["Vary"] = "Accept, Cookie"
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        headers["Content-Security-Policy"] = _PAGE_POLICY if kind in REPORTS else POLICY
        show = self._report if kind in REPORTS else self._waveform
        body = await run_in_threadpool(show, instance, media_type, texts)
        return Response(body, headers=headers, media_type=media_type)

    async def thumbnail(self, instance: StoredInstance, options: RenderOptions) -> bytes:
        """Return a small picture that stands for an instance of any kind."""
        return await run_in_threadpool(self._thumbnail, instance, options)

    def _report(self, instance: StoredInstance, media_type: str, texts: Texts) -> str:
        model = self._model(instance)
        sheet = sheet_of(report_of(model, max_items=self._settings.max_report_items), texts)
        if media_type == TEXT:
            return plain_text(sheet)
        context = {"sheet": sheet, "running": running_text}
        return self._templates.text("documents/report.html", texts, context)

    def _waveform(self, instance: StoredInstance, media_type: str, texts: Texts) -> bytes:
        model = self._model(instance)
        if media_type == SVG:
            return self._tracings.svg(instance, model, texts)
        form = PictureForm(file_format=_FORMATS[media_type])
        return self._tracings.picture(instance, model, texts, form)

    def _thumbnail(self, instance: StoredInstance, options: RenderOptions) -> bytes:
        kind = _kind(instance)
        viewport = options.viewport
        fit = (viewport.columns, viewport.rows) if viewport else (_CARD_SIDE, _CARD_SIDE)
        form = PictureForm(
            file_format=_FORMATS[options.media_type], quality=options.quality, fit=fit
        )
        if kind in WAVEFORMS and kind is not Kind.AUDIO:
            try:
                return self._tracings.miniature(instance, self._model(instance), form)
            except UnrenderableError:
                # A card still tells what it is; asking for the whole tracing tells what is wrong.
                pass
        if kind in VIDEOS:
            try:
                beginning = self._files.beginning(instance)
                return self._renderer.run(video_picture, beginning, options)
            except (UnrenderableError, NotAcceptableError):
                # It is damaged, or films are not installed here.
                pass
        symbol, key = _CARDS[kind]
        return self._renderer.run(card_picture, symbol, self._installed(key), form)

    async def _film(self, request: Request, instance: StoredInstance) -> Response:
        """Answer with a video in a form that browsers play, unlike the one it is stored in."""
        headers = validators(instance.sha256, MP4)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        film = await run_in_threadpool(
            lambda: self._renderer.run(video_film, self._files.whole_video(instance))
        )
        return Response(film, headers=headers, media_type=MP4)

    async def _sound(self, request: Request, instance: StoredInstance) -> Response:
        headers = validators(instance.sha256, WAV)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        file = await run_in_threadpool(
            lambda: self._tracings.sound(instance, self._model(instance))
        )

        def read(start: int, length: int) -> Iterator[bytes]:
            yield file[start : start + length]

        return await ranged_answer(
            request, size=len(file), read=read, content_type=WAV, headers=headers
        )

    def _model(self, instance: StoredInstance) -> DicomJson:
        uids = (instance.study_uid, instance.series_uid, instance.sop_instance_uid)
        packed = next(iter(self._retrieval.metadata(*uids)))
        limit = self._settings.max_metadata_bytes
        inflater = zlib.decompressobj()
        text = inflater.decompress(packed, limit)
        if not inflater.eof:
            raise UnrenderableError(f"The header of this object has more than {limit} bytes.")
        model: dict[str, Any] = json.loads(text)
        return model


def _kind(instance: StoredInstance) -> Kind | None:
    return kind_of(instance.sop_class_uid, instance.transfer_syntax_uid)
