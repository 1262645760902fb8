"""A tracing says whose it is, how it was recorded and what of it is not shown."""

from dataclasses import replace

from pacs_gateway.documents.subject import subject_of
from pacs_gateway.documents.tracing import Portion, portions
from pacs_gateway.documents.waveform import Channel, Group
from pacs_gateway.web.captions import LINE_CHARACTERS, MAX_LINES, captions_of
from pacs_gateway.web.language import texts_of
from tests.unit.documents.models import element

ENGLISH = texts_of("en")
NOBODY = subject_of({})
CHANNEL = Channel(
    name="a",
    lead="",
    unit="mV",
    factor=1.0,
    baseline=0.0,
    low_filter=0.05,
    high_filter=150.0,
    notch_filter=50.0,
)
GROUP = Group(
    label="RHYTHM",
    channels=(CHANNEL,),
    samples=5000,
    rate=500.0,
    bits=16,
    interpretation="SS",
    padding=b"",
)
WHOLE = Portion(twelve_leads=False, systems=1)


def caption(group: Group, portion: Portion = WHOLE, *, ecg: bool = True) -> str:
    (found,) = captions_of(NOBODY, [group], [portion], ENGLISH, ecg=ecg).groups
    return found


def test_recording() -> None:
    filters = "Filter 0.05\N{EN DASH}150 Hz, notch 50 Hz"
    assert caption(GROUP) == f"RHYTHM · 25 mm/s · 10 mm/mV · 500 Hz · {filters}"
    assert "mm/mV" not in caption(GROUP, ecg=False)


def test_filters_are_said_as_far_as_they_are_known() -> None:
    unknown = replace(CHANNEL, low_filter=None, notch_filter=0.0)
    assert caption(replace(GROUP, channels=(unknown,))).endswith("Filter ?\N{EN DASH}150 Hz")
    nothing = replace(unknown, high_filter=None)
    assert caption(replace(GROUP, channels=(nothing,))).endswith("500 Hz")
    assert caption(replace(GROUP, channels=(CHANNEL, nothing))).endswith("500 Hz")


def test_what_is_left_out_is_said() -> None:
    long = replace(GROUP, samples=500 * 3600)
    (portion,) = portions([long], max_strips=6)
    assert caption(long, portion).endswith("Showing the first 60 s of 3600 s")
    hidden = Portion(twelve_leads=False, systems=0)
    assert caption(GROUP, hidden).endswith("Showing the first 0 s of 10 s")


def test_whose_it_is() -> None:
    model = {
        "00100010": element("PN", {"Alphabetic": "NGUYỄN^VĂN AN"}),
        "00100020": element("LO", "P1"),
        "00080020": element("DA", "20260102"),
    }
    head = captions_of(subject_of(model), [], [], ENGLISH, ecg=True).head
    assert head == ["Patient: NGUYỄN VĂN AN", "Patient ID: P1 · Study date: 2 Jan 2026"]


def test_long_texts_stay_on_the_paper() -> None:
    tags = ("00100010", "00100020", "00081030", "00080050", "00080080", "00080020", "00100040")
    model = {tag: element("LO", "x" * 10_000) for tag in tags}
    captions = captions_of(
        subject_of(model), [replace(GROUP, label="y" * 10_000)], [WHOLE], ENGLISH, ecg=True
    )
    assert len(captions.head) <= 1 + MAX_LINES
    assert all(len(line) <= LINE_CHARACTERS for line in captions.head)
    assert len(captions.groups[0]) <= 2 * LINE_CHARACTERS
