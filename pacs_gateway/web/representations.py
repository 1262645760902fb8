"""Which of the representations a client accepts is served (PS3.18 8.7.3 and 8.7.8).

Where a client names no transfer syntax, the standard's default holds: Explicit VR Little Endian,
unless the object was stored with loss (8.7.3.4), when decompressing it would only make it larger
and hide what happened to it. Whoever wants lossless objects as they are asks for
`transfer-syntax=*`, which also costs no time. Encodings that the web must never see are
re-encoded for everybody, and refused to who names them. Frames in retired processes of JPEG, which
no viewer decodes, are decoded for who takes anything.

What is stored without loss is compressed without loss for who names one of a few transfer
syntaxes, or a media type whose default is one of them (Table 8.7.3-5).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from pacs_gateway.dicom import meta
from pacs_gateway.dicom.meta import EXPLICIT_VR_LITTLE_ENDIAN
from pacs_gateway.dicom.transcode import NEVER_ON_THE_WEB, NO_VIEWER_DECODES
from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.imaging.recode import MADE_ON_REQUEST
from pacs_gateway.web.negotiation import MULTIPART, MediaType, Specificity, Wish, ranges, wish

DICOM = "application/dicom"
OCTETS = "application/octet-stream"

_JPEG = ("image/jpeg", "image/x-jpeg")
_JPEG_LS = ("image/jls", "image/x-jls")
_JPEG_2000 = ("image/jp2", "image/x-jp2")
_JPEG_2000_PART_2 = ("image/jpx", "image/x-jpx")
_JPEG_XL = ("image/jxl",)
_HTJ2K = ("image/jphc",)
_RLE = ("image/dicom-rle", "image/x-dicom-rle", "image/x-dicom+rle")
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

STILL_TYPES: Mapping[str, Sequence[str]] = {
    "1.2.840.10008.1.2.4.50": _JPEG,
    "1.2.840.10008.1.2.4.51": _JPEG,
    "1.2.840.10008.1.2.4.53": _JPEG,
    "1.2.840.10008.1.2.4.55": _JPEG,
    "1.2.840.10008.1.2.4.57": _JPEG,
    "1.2.840.10008.1.2.4.70": _JPEG,
    "1.2.840.10008.1.2.4.80": _JPEG_LS,
    "1.2.840.10008.1.2.4.81": _JPEG_LS,
    "1.2.840.10008.1.2.4.90": _JPEG_2000,
    "1.2.840.10008.1.2.4.91": _JPEG_2000,
    "1.2.840.10008.1.2.4.92": _JPEG_2000_PART_2,
    "1.2.840.10008.1.2.4.93": _JPEG_2000_PART_2,
    "1.2.840.10008.1.2.4.110": _JPEG_XL,
    "1.2.840.10008.1.2.4.111": _JPEG_XL,
    "1.2.840.10008.1.2.4.112": _JPEG_XL,
    "1.2.840.10008.1.2.4.201": _HTJ2K,
    "1.2.840.10008.1.2.4.202": _HTJ2K,
    "1.2.840.10008.1.2.4.203": _HTJ2K,
    "1.2.840.10008.1.2.5": _RLE,
    _DEFLATED_FRAMES: (),
}
"""Media types of compressed frames that can be decoded, by transfer syntax (PS3.18 Table
8.7.3-5), today's name before those of earlier editions."""

_MPEG2 = ("video/mpeg", "video/mpeg2")
_MPEG4 = ("video/mp4",)
VIDEO_TYPES: Mapping[str, Sequence[str]] = {
    f"1.2.840.10008.1.2.4.{number}{fragmentable}": _MPEG2 if number in (100, 101) else _MPEG4
    for number in range(100, 109)
    for fragmentable in ("", ".1")
}
"""Media types of video, which nothing here decodes."""


@dataclass(frozen=True, slots=True)
class ObjectChoice:
    """How whole instances are served."""

    multipart: bool
    syntaxes: Mapping[str, str]
    """The transfer syntax served, by the one stored."""


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """How frames are served."""

    multipart: bool
    media_type: str
    syntax: str

    @property
    def content_type(self) -> str:
        """What each part says of itself."""
        return f"{self.media_type}; transfer-syntax={self.syntax}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """One representation there is, and which wishes besides its own transfer syntax it meets."""

    media_type: str
    syntax: str
    is_default: bool = False
    """It is served to who names no transfer syntax."""
    is_any: bool = False
    """It is served to who names `*`."""
    is_made: bool = False
    """It is compressed on request, which costs time: of forms wanted as much, another is served."""


def choose_objects(accept: str, stored: AbstractSet[str], *, single: bool) -> ObjectChoice:
    """Return how instances in the `stored` transfer syntaxes are served.

    `single`: one instance was asked for, so that it may come without the multipart envelope.

    Raises NotAcceptableError if one of them cannot be served as the client wants.
    """
    wanted = ranges(accept)
    wishes: dict[bool, Wish] = {}
    syntaxes: dict[bool, dict[str, str]] = {}
    for multipart in _envelopes(single=single):
        best = [_best(wanted, _object_forms(syntax), (multipart,)) for syntax in stored]
        found = [each for each in best if each is not None]
        if found and len(found) == len(best):
            wishes[multipart] = min(each[0] for each in found)
            served = (form.syntax for _, form, _ in found)
            syntaxes[multipart] = dict(zip(stored, served, strict=True))
    if not wishes:
        raise NotAcceptableError(
            'Instances come as multipart/related; type="application/dicom" with transfer-syntax=*'
            f" or {EXPLICIT_VR_LITTLE_ENDIAN}, without loss in {', '.join(MADE_ON_REQUEST)};"
            " video only as it is stored."
        )
    chosen = max(wishes, key=wishes.__getitem__)
    return ObjectChoice(chosen, syntaxes[chosen])


def choose_frames(accept: str, stored: str, *, single: bool) -> FrameChoice:
    """Return how frames are served that are `stored` in this transfer syntax.

    `stored` is Explicit VR Little Endian for every native frame, whatever its data set is in.

    Raises NotAcceptableError if they cannot be served as the client wants.
    """
    best = _best(ranges(accept), _frame_forms(stored), _envelopes(single=single))
    if best is None:
        raise NotAcceptableError(
            'Frames of this instance come as multipart/related; type="application/octet-stream"'
            f" in the transfer syntax {stored} or {EXPLICIT_VR_LITTLE_ENDIAN}."
        )
    _, form, multipart = best
    return FrameChoice(multipart, form.media_type, form.syntax)


def _object_forms(stored: str) -> Sequence[_Form]:
    form = partial(_Form, media_type=DICOM)
    native = form(syntax=EXPLICIT_VR_LITTLE_ENDIAN, is_default=True, is_any=True)
    made = tuple(
        form(syntax=syntax, is_made=True) for syntax in MADE_ON_REQUEST if syntax != stored
    )
    if stored in NEVER_ON_THE_WEB or stored == EXPLICIT_VR_LITTLE_ENDIAN:
        return (native, *made)
    if stored not in STILL_TYPES and not meta.is_deflated(stored):
        return (form(syntax=stored, is_default=True, is_any=True),)
    lossy = meta.is_lossy(stored)
    decoded = (
        form(syntax=stored, is_default=lossy, is_any=True),
        form(syntax=EXPLICIT_VR_LITTLE_ENDIAN, is_default=not lossy),
    )
    return decoded if lossy else (*decoded, *made)


def _frame_forms(stored: str) -> Sequence[_Form]:
    native = _Form(
        media_type=OCTETS,
        syntax=EXPLICIT_VR_LITTLE_ENDIAN,
        is_default=True,
        is_any=stored == EXPLICIT_VR_LITTLE_ENDIAN or stored in NO_VIEWER_DECODES,
    )
    if stored == EXPLICIT_VR_LITTLE_ENDIAN:
        return (native, *_made_forms(stored))
    decoded = stored in STILL_TYPES
    is_any = stored not in NO_VIEWER_DECODES
    names = STILL_TYPES.get(stored) or VIDEO_TYPES.get(stored, ())
    forms = [_Form(media_type=OCTETS, syntax=stored, is_default=not decoded, is_any=is_any)]
    if decoded:
        forms.insert(0, native)
    # A client that names the media type means what is inside, whichever syntax is its default.
    forms += [
        _Form(media_type=name, syntax=stored, is_default=True, is_any=is_any) for name in names
    ]
    return forms if not decoded or meta.is_lossy(stored) else (*forms, *_made_forms(stored))


def _made_forms(stored: str) -> Iterator[_Form]:
    """Yield what frames that lost nothing are compressed to: last, so only for who names it."""
    for syntax in MADE_ON_REQUEST:
        if syntax != stored:
            for name in STILL_TYPES[syntax]:
                yield _Form(
                    media_type=name, syntax=syntax, is_default=True, is_any=True, is_made=True
                )
            yield _Form(media_type=OCTETS, syntax=syntax, is_made=True)


def _envelopes(*, single: bool) -> Sequence[bool]:
    """Return whether the answer may be multipart, and whether not, the usual first."""
    return (True, False) if single else (True,)


def _best(
    wanted: Sequence[MediaType], forms: Iterable[_Form], envelopes: Sequence[bool]
) -> tuple[Wish, _Form, bool] | None:
    """Return the form and envelope that are wanted most, the first of equals."""
    found = [
        (wished, form, multipart)
        for form in forms
        for multipart in envelopes
        if (wished := wish(wanted, partial(_narrowness, form=form, multipart=multipart)))
    ]
    return max(found, key=_preference, default=None)


def _preference(found: tuple[Wish, _Form, bool]) -> tuple[float, bool, int]:
    (quality, place), form, _ = found
    return quality, not form.is_made, place


def _narrowness(wanted: MediaType, *, form: _Form, multipart: bool) -> Specificity | None:
    """Return how narrowly a range covers a form, None for not at all."""
    syntax = wanted.parameters.get("transfer-syntax")
    named = syntax == form.syntax
    if not (named or (syntax is None and form.is_default) or (syntax == "*" and form.is_any)):
        return None
    inner, envelope = wanted, 0
    if multipart:
        if not wanted.matches(MULTIPART):
            return None
        envelope = wanted.specificity
        inner = MediaType(wanted.parameters.get("type", "*/*").lower(), {})
    elif wanted.name == "*/*":
        # Who takes anything gets the envelope that every client of the standard reads.
        return None
    return (envelope, inner.specificity, named) if inner.matches(form.media_type) else None
