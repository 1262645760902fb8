"""Which of the representations a client accepts is served (PS3.18 8.7.3).

Transfer syntaxes that the web must never see are re-encoded unless the client names them; all
others are served as they were received.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pacs_gateway.dicom.meta import EXPLICIT_VR_LITTLE_ENDIAN
from pacs_gateway.dicom.transcode import NEVER_ON_THE_WEB
from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.web.negotiation import MediaType, accepted

DICOM = "application/dicom"
OCTETS = "application/octet-stream"
_MULTIPART = "multipart/related"

COMPRESSED_TYPES: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
"""Media types of compressed frames by transfer syntax (PS3.18 Table 8.7.3-5)."""


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


def choose_objects(accept: str, stored: AbstractSet[str], *, single: bool) -> ObjectChoice:
    """Return how instances in the `stored` transfer syntaxes are served.

    `single`: one instance was asked for, so that it may come without the multipart envelope.

    Raises NotAcceptableError if one of them cannot be served as the client wants.
    """
    wanted = accepted(accept)
    for multipart in _envelopes(wanted, DICOM, single=single):
        asked = [each for each in wanted if _covers(each, DICOM, multipart=multipart)]
        syntaxes = {syntax: _first_served(syntax, asked) for syntax in stored}
        found = {syntax: served for syntax, served in syntaxes.items() if served is not None}
        if len(found) == len(stored):
            return ObjectChoice(multipart, found)
    raise NotAcceptableError(
        'Instances come as multipart/related; type="application/dicom" in the transfer syntax'
        f" they are stored in ({', '.join(sorted(stored))}) or as transfer-syntax=*."
    )


def choose_frames(accept: str, stored: str, *, single: bool) -> FrameChoice:
    """Return how frames are served: as they are `stored` if possible, else decoded.

    `stored` is Explicit VR Little Endian for every native frame, whatever its data set is in.

    Raises NotAcceptableError if they cannot be served as the client wants.
    """
    wanted = accepted(accept)
    for media_type, syntax in (
        (OCTETS, stored),
        (COMPRESSED_TYPES.get(stored, OCTETS), stored),
        (OCTETS, EXPLICIT_VR_LITTLE_ENDIAN),
    ):
        asked = [
            each for each in wanted if each.parameters.get("transfer-syntax", "*") in ("*", syntax)
        ]
        for multipart in _envelopes(asked, media_type, single=single):
            return FrameChoice(multipart, media_type, syntax)
    raise NotAcceptableError(
        'Frames of this instance come as multipart/related; type="application/octet-stream"'
        f" in the transfer syntax {stored} or {EXPLICIT_VR_LITTLE_ENDIAN}."
    )


def _envelopes(wanted: Sequence[MediaType], media_type: str, *, single: bool) -> list[bool]:
    """Return the envelopes that are possible, the more wanted first."""
    kinds = (True, False) if single else (True,)
    places = {
        multipart: place
        for multipart in kinds
        for place, each in reversed(list(enumerate(wanted)))
        if _covers(each, media_type, multipart=multipart)
    }
    return sorted(places, key=lambda multipart: (places[multipart], not multipart))


def _covers(wanted: MediaType, media_type: str, *, multipart: bool) -> bool:
    if not multipart:
        return wanted.name != "*/*" and wanted.matches(media_type)
    inner = wanted.parameters.get("type", media_type).lower()
    return wanted.matches(_MULTIPART) and inner in (media_type, "*/*")


def _first_served(stored: str, asked: Sequence[MediaType]) -> str | None:
    served = (_served(stored, each.parameters.get("transfer-syntax")) for each in asked)
    return next((syntax for syntax in served if syntax is not None), None)


def _served(stored: str, asked: str | None) -> str | None:
    if asked in ("*", stored):
        return stored
    if stored in NEVER_ON_THE_WEB:
        return EXPLICIT_VR_LITTLE_ENDIAN if asked in (None, EXPLICIT_VR_LITTLE_ENDIAN) else None
    return stored if asked is None else None
