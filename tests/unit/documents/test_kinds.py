"""Every object that is no still image is recognised by its UIDs, and no still image is."""

import pytest

from pacs_gateway.documents.kinds import Kind, kind_of

EXPLICIT = "1.2.840.10008.1.2.1"
STORAGE = "1.2.840.10008.5.1.4.1.1"


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        ("88.11", Kind.REPORT),
        ("88.33", Kind.REPORT),
        ("88.50", Kind.REPORT),
        ("88.59", Kind.KEY_OBJECTS),
        ("88.67", Kind.REPORT),
        ("104.1", Kind.PDF),
        ("104.2", Kind.CDA),
        ("104.3", Kind.MODEL_STL),
        ("104.4", Kind.MODEL_OBJ),
        ("104.5", Kind.MODEL_MTL),
        ("9.1.1", Kind.ECG),
        ("9.1.4", Kind.ECG),
        ("9.2.1", Kind.WAVEFORM),
        ("9.4.1", Kind.AUDIO),
        ("9.6.1", Kind.WAVEFORM),
        ("2", None),
        ("66.4", None),
        ("7.4", None),
        ("77.1.1.1", None),
        ("11.1", None),
        ("481.5", None),
    ],
)
def test_sop_classes(sop_class: str, kind: Kind | None) -> None:
    assert kind_of(f"{STORAGE}.{sop_class}", EXPLICIT) is kind


@pytest.mark.parametrize("number", range(100, 109))
@pytest.mark.parametrize("end", ["", ".1"])
def test_every_video_syntax(number: int, end: str) -> None:
    kind = kind_of(f"{STORAGE}.77.1.1.1", f"1.2.840.10008.1.2.4.{number}{end}")
    assert kind is (Kind.MPEG2 if number <= 101 else Kind.VIDEO)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.110", ""])
def test_no_other_syntax_is_video(syntax: str) -> None:
    assert kind_of(f"{STORAGE}.77.1.1.1", syntax) is None


def test_uids_of_others_mean_nothing() -> None:
    assert kind_of("1.2.3.88.11", EXPLICIT) is None
