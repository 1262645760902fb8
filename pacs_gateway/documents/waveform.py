"""The waveforms of an object: groups of channels sampled together (PS3.3 C.10.9).

Invariant: for any model whatever, `recording_of` returns groups whose numbers can be calculated
with, or raises UnrenderableError.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from pacs_gateway.documents import attributes
from pacs_gateway.documents.content import meaning
from pacs_gateway.errors import UnrenderableError
from storage.records import DicomJson

WAVEFORM_SEQUENCE = "54000100"
WAVEFORM_DATA = "54001010"
MAX_GROUPS = 64
"""Multiplex groups; catheter laboratories use a handful, the standard allows any number."""
MAX_CHANNELS = 1024
"""Channels of one group; EEG with high density has 256."""
_MIN_RATE = 1e-3
"""Hz; one sample in a quarter of an hour is no waveform any more."""
_MAX_RATE = 1e6
"""Hz; ultrasound is no waveform in this sense, and audio has at most 192,000."""
_LARGEST = 1e100
"""In any unit: no number of a body comes near, and calculating with it cannot overflow."""

_LEAD_NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_BY_FOLDED_NAME = {name.upper(): name for name in _LEAD_NAMES}
# The last number of a lead's code in SCP-ECG (5.6.3-9-61) and in MDC (2:61), PS3.16 CID 3001.
_BY_CODE_NUMBER = {
    "1": "I",
    "2": "II",
    "61": "III",
    "62": "aVR",
    "63": "aVL",
    "64": "aVF",
    **{str(number + 2): f"V{number}" for number in range(1, 7)},
}
_LEAD_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d+)")
_LEAD_WORDS = re.compile(r"^(?:ECG\s+)?(?:LEAD\s+)?|\s*\(.*\)$")
_MDC_NAME = re.compile(r"^MDC_ECG_(?:ELEC_POTL|LEAD)_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel; the value of a sample is `sample * factor + baseline` in `unit`."""

    name: str
    lead: str
    """One of the twelve standard leads, or nothing."""
    unit: str
    """A UCUM code such as mV or mm[Hg]; empty where the object does not say."""
    factor: float
    baseline: float
    low_filter: float | None
    """Hz"""
    high_filter: float | None
    """Hz"""
    notch_filter: float | None
    """Hz"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One multiplex group: channels that share rate and number of samples."""

    label: str
    channels: tuple[Channel, ...]
    samples: int
    """Samples of each channel, as announced; the data may hold fewer."""
    rate: float
    """Samples of each channel in a second."""
    bits: int
    interpretation: str
    """SB, UB, MB, AB, SS, US, SL or UL (PS3.3 C.10.9.1.5)."""
    padding: bytes
    """One sample that stands for none, little endian; empty if there is no such value."""

    @property
    def seconds(self) -> float:
        """How long the group was recorded."""
        return self.samples / self.rate


def recording_of(model: DicomJson) -> tuple[Group, ...]:
    """Return the groups of an object by its metadata.

    Raises UnrenderableError if there is none, too many, or one that cannot be understood.
    """
    items = attributes.items(model, WAVEFORM_SEQUENCE)
    if not items:
        raise UnrenderableError("This object holds no waveform.")
    if len(items) > MAX_GROUPS:
        raise UnrenderableError(f"This object holds more than {MAX_GROUPS} groups of waveforms.")
    return tuple(map(_group, items))


def _group(model: DicomJson) -> Group:
    channels = tuple(map(_channel, attributes.items(model, "003A0200")))
    samples = attributes.integer(model, "003A0010")
    rate = attributes.number(model, "003A001A") or 0.0
    announced = attributes.integer(model, "003A0005")
    if not 1 <= len(channels) <= MAX_CHANNELS or announced not in (0, len(channels)):
        raise UnrenderableError("The channels of this waveform cannot be understood.")
    if samples < 1 or not _MIN_RATE <= rate <= _MAX_RATE:
        raise UnrenderableError("The number of samples or the rate of this waveform is impossible.")
    return Group(
        label=attributes.text(model, "003A0020"),
        channels=channels,
        samples=samples,
        rate=rate,
        bits=attributes.integer(model, "54001004"),
        interpretation=attributes.text(model, "54001006"),
        padding=_inline(model, "5400100A"),
    )


def _channel(model: DicomJson) -> Channel:
    source = attributes.item(model, "003A0208")
    sensitivity = attributes.number(model, "003A0210")
    correction = attributes.number(model, "003A0212")
    label = attributes.text(model, "003A0203")
    factor = 1.0 if sensitivity is None else sensitivity
    factor *= 1.0 if correction is None else correction
    baseline = attributes.number(model, "003A0213") or 0.0
    if max(abs(factor), abs(baseline)) > _LARGEST:
        raise UnrenderableError("The sensitivity of a channel of this waveform is impossible.")
    return Channel(
        name=label or meaning(source),
        lead=_lead(source) or _lead_by_name(label),
        # Without a sensitivity the samples mean nothing but themselves.
        unit=attributes.text(attributes.item(model, "003A0211"), "00080100")
        if sensitivity is not None
        else "",
        factor=factor,
        baseline=baseline,
        low_filter=attributes.number(model, "003A0220"),
        high_filter=attributes.number(model, "003A0221"),
        notch_filter=attributes.number(model, "003A0222"),
    )


def _lead(source: DicomJson) -> str:
    code = _LEAD_CODE.fullmatch(attributes.text(source, "00080100"))
    if code is not None:
        return _BY_CODE_NUMBER.get(code[1], "")
    return _lead_by_name(attributes.text(source, "00080100")) or _lead_by_name(meaning(source))


def _lead_by_name(name: str) -> str:
    folded = _MDC_NAME.sub("", _LEAD_WORDS.sub("", name.strip().upper()))
    return _BY_FOLDED_NAME.get(folded, "")


def _inline(model: DicomJson, tag: str) -> bytes:
    element = model.get(tag)
    encoded = element.get("InlineBinary") if isinstance(element, dict) else None
    try:
        return base64.b64decode(str(encoded or ""), validate=True)
    except binascii.Error:
        return b""
