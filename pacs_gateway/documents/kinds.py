"""What an object is when it is no still image, told from its UIDs alone (PS3.4 B.5, PS3.5 A.4)."""

from enum import StrEnum

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_VIDEO_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
_MPEG2_SYNTAXES = _VIDEO_SYNTAXES[:2]


class Kind(StrEnum):
    """How an object is shown."""

    REPORT = "report"
    KEY_OBJECTS = "key_objects"
    PDF = "pdf"
    CDA = "cda"
    MODEL_STL = "stl"
    MODEL_OBJ = "obj"
    MODEL_MTL = "mtl"
    ECG = "ecg"
    WAVEFORM = "waveform"
    AUDIO = "audio"
    MPEG2 = "mpeg2"
    VIDEO = "video"
    """MPEG-4 AVC or HEVC."""


ENCAPSULATED = frozenset({Kind.PDF, Kind.CDA, Kind.MODEL_STL, Kind.MODEL_OBJ, Kind.MODEL_MTL})
REPORTS = frozenset({Kind.REPORT, Kind.KEY_OBJECTS})
WAVEFORMS = frozenset({Kind.ECG, Kind.WAVEFORM, Kind.AUDIO})
VIDEOS = frozenset({Kind.MPEG2, Kind.VIDEO})

_BEGINNINGS = (
    ("88.59", Kind.KEY_OBJECTS),
    ("88.", Kind.REPORT),
    ("104.1", Kind.PDF),
    ("104.2", Kind.CDA),
    ("104.3", Kind.MODEL_STL),
    ("104.4", Kind.MODEL_OBJ),
    ("104.5", Kind.MODEL_MTL),
    ("9.1.", Kind.ECG),
    ("9.4.", Kind.AUDIO),
    ("9.", Kind.WAVEFORM),
)
"""Beginnings of SOP Class UIDs; the first match counts."""


def kind_of(sop_class_uid: str, transfer_syntax_uid: str) -> Kind | None:
    """Return how an object is shown, None if as a still image or not at all."""
    # Each video syntax has a twin for streams in several fragments, with `.1` behind it.
    syntax = transfer_syntax_uid.removesuffix(".1")
    if syntax in _VIDEO_SYNTAXES:
        return Kind.MPEG2 if syntax in _MPEG2_SYNTAXES else Kind.VIDEO
    if not sop_class_uid.startswith(_STORAGE):
        return None
    rest = sop_class_uid.removeprefix(_STORAGE)
    return next((kind for start, kind in _BEGINNINGS if rest.startswith(start)), None)
