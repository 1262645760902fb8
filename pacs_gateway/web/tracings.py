"""Waveforms as drawings, pictures and sound."""

import functools
from collections.abc import Sequence

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import DocumentsSettings
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.documents.kinds import Kind, kind_of
from pacs_gateway.documents.pictures import (
    PictureForm,
    Tracing,
    miniature_picture,
    tracing_picture,
    tracing_svg,
)
from pacs_gateway.documents.sound import wav
from pacs_gateway.documents.subject import subject_of
from pacs_gateway.documents.tracing import Portion, drawn_bytes, portions
from pacs_gateway.documents.waveform import (
    WAVEFORM_DATA,
    WAVEFORM_SEQUENCE,
    Group,
    recording_of,
)
from pacs_gateway.errors import UnknownError, UnrenderableError
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.web.captions import captions_of
from pacs_gateway.web.language import Texts
from storage.records import DicomJson, StoredInstance


class Tracings:
    """Draws the waveforms of instances; every method blocks."""

    def __init__(
        self, retrieval: Retrieval, renderer: Renderer, settings: DocumentsSettings
    ) -> None:
        self._retrieval = retrieval
        self._renderer = renderer
        self._settings = settings

    def svg(self, instance: StoredInstance, model: DicomJson, texts: Texts) -> bytes:
        """Return the waveforms as SVG to scale; raises UnrenderableError."""
        return self._renderer.run(tracing_svg, self._source(instance, model, texts))

    def picture(
        self, instance: StoredInstance, model: DicomJson, texts: Texts, form: PictureForm
    ) -> bytes:
        """Return the waveforms as a picture; raises UnrenderableError."""
        return self._renderer.run(tracing_picture, self._source(instance, model, texts), form)

    def sound(self, instance: StoredInstance, model: DicomJson) -> bytes:
        """Return the first group as a WAVE file; raises UnrenderableError."""
        group = recording_of(model)[0]
        return wav(group, _waveform_data(self._header(instance), 0))

    def miniature(self, instance: StoredInstance, model: DicomJson, form: PictureForm) -> bytes:
        """Return a small picture that stands for the waveforms; raises UnrenderableError."""
        group = recording_of(model)[0]
        drawn = [Portion(twelve_leads=False, systems=1)]
        (data,) = self._data(instance, [group], drawn)
        draw = functools.partial(miniature_picture, ecg=_is_ecg(instance))
        return self._renderer.run(draw, group, data, form)

    def _source(self, instance: StoredInstance, model: DicomJson, texts: Texts) -> Tracing:
        groups = recording_of(model)
        drawn = portions(groups, max_strips=self._settings.max_waveform_strips)
        ecg = _is_ecg(instance)
        captions = captions_of(subject_of(model), groups, drawn, texts, ecg=ecg)
        data = self._data(instance, groups, drawn)
        return Tracing(groups=groups, data=data, drawn=drawn, captions=captions, ecg=ecg)

    def _data(
        self, instance: StoredInstance, groups: Sequence[Group], drawn: Sequence[Portion]
    ) -> Sequence[bytes]:
        """Return as much of the Waveform Data of each group as is drawn."""
        header = self._header(instance)
        found = []
        for number, (group, portion) in enumerate(zip(groups, drawn, strict=True)):
            needed = drawn_bytes(group, portion) if portion.systems else 0
            found.append(_waveform_data(header, number)[:needed] if needed else b"")
        return found

    def _header(self, instance: StoredInstance) -> bytes:
        """Return the whole object; waveforms stand in what comes before pixel data."""
        if instance.size > self._settings.max_waveform_bytes:
            raise UnrenderableError("This waveform is too long to be shown here.")
        return self._retrieval.header(instance)


def _waveform_data(header: bytes, number: int) -> bytes:
    try:
        return bulk_value(header, f"{WAVEFORM_SEQUENCE}/{number}/{WAVEFORM_DATA}")
    except UnknownError as error:
        raise UnrenderableError("This waveform has no data.") from error


def _is_ecg(instance: StoredInstance) -> bool:
    return kind_of(instance.sop_class_uid, instance.transfer_syntax_uid) is Kind.ECG
