"""Drawings made into files; every function here runs in a child process of the renderer.

Pillow is imported inside of a function, as the process that names them must stay without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pacs_gateway.documents import card
from pacs_gateway.documents.drawing import Drawing
from pacs_gateway.documents.svg import svg
from pacs_gateway.documents.tracing import Captions, Portion, miniature, tracing
from pacs_gateway.documents.waveform import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureForm:
    """What kind of file, and how large."""

    file_format: str
    """JPEG, PNG, GIF or WEBP."""
    quality: int = 90
    fit: tuple[int, int] | None = None
    """Columns and rows to fit into; None: to scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """All that a tracing is drawn from."""

    groups: Sequence[Group]
    data: Sequence[bytes]
    drawn: Sequence[Portion]
    captions: Captions
    ecg: bool


def tracing_svg(source: Tracing) -> bytes:
    """Return waveforms as SVG."""
    return svg(_drawing(source)).encode()


def tracing_picture(source: Tracing, form: PictureForm) -> bytes:
    """Return waveforms as a picture."""
    return _picture(_drawing(source), form)


def miniature_picture(group: Group, data: bytes, form: PictureForm, *, ecg: bool) -> bytes:
    """Return a small picture that stands for waveforms."""
    return _picture(miniature(group, data, ecg=ecg), form)


def card_picture(symbol: card.Symbol, word: str, form: PictureForm) -> bytes:
    """Return a plain card."""
    return _picture(card.card(symbol, word), form)


def _drawing(source: Tracing) -> Drawing:
    return tracing(source.groups, source.data, source.drawn, source.captions, ecg=source.ecg)


def _picture(drawing: Drawing, form: PictureForm) -> bytes:
    from pacs_gateway.documents import raster  # noqa: PLC0415 - only ever in the child

    return raster.picture(drawing, file_format=form.file_format, quality=form.quality, fit=form.fit)
