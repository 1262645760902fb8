"""Samples become the values the device measured, and their heights on paper are true to scale."""

import itertools
import re
import struct
import wave
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread

from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.documents.drawing import Drawing, Label, Line
from pacs_gateway.documents.raster import picture
from pacs_gateway.documents.samples import channel_values
from pacs_gateway.documents.sound import wav
from pacs_gateway.documents.strips import fitting_scale
from pacs_gateway.documents.svg import svg
from pacs_gateway.documents.tracing import (
    MARGIN,
    SCALE_WIDTH,
    STRIP_HEIGHT,
    Captions,
    Portion,
    drawn_bytes,
    miniature,
    portions,
    tracing,
)
from pacs_gateway.documents.waveform import Channel, Group, recording_of
from pacs_gateway.errors import UnrenderableError
from storage.records import DicomJson
from tests.unit.documents.models import code, element, model_of, shipped

ECG = shipped("waveform_ecg.dcm")
LEFT = MARGIN + SCALE_WIDTH


def group(
    *names: str,
    samples: int = 1000,
    rate: float = 100.0,
    bits: int = 16,
    interpretation: str = "SS",
    padding: bytes = b"",
    unit: str = "mV",
    factor: float = 0.001,
    baseline: float = 0.0,
) -> Group:
    channels = tuple(
        Channel(
            name=name,
            lead=name,
            unit=unit,
            factor=factor,
            baseline=baseline,
            low_filter=None,
            high_filter=None,
            notch_filter=None,
        )
        for name in names or ("II",)
    )
    return Group(
        label="",
        channels=channels,
        samples=samples,
        rate=rate,
        bits=bits,
        interpretation=interpretation,
        padding=padding,
    )


def drawn(groups: Sequence[Group], data: Sequence[bytes], *, ecg: bool = True) -> Drawing:
    captions = Captions(head=["Head"], groups=["Group"] * len(groups))
    return tracing(groups, data, portions(groups, max_strips=96), captions, ecg=ecg)


def lines(drawing: Drawing) -> list[Line]:
    return [shape for shape in drawing.shapes if isinstance(shape, Line)]


def ecg_groups() -> tuple[tuple[Group, ...], list[bytes]]:
    groups = recording_of(model_of(ECG))
    return groups, [bulk_value(ECG, f"54000100/{n}/54001010") for n in range(len(groups))]


@pytest.mark.parametrize(
    ("interpretation", "bits", "data", "values"),
    [
        ("SB", 8, b"\x00\x7f\x80\xff", [0, 127, -128, -1]),
        ("UB", 8, b"\x00\x7f\x80\xff", [0, 127, 128, 255]),
        ("SS", 16, struct.pack("<4h", 0, 32767, -32768, -1), [0, 32767, -32768, -1]),
        ("US", 16, struct.pack("<4H", 0, 1, 65535, 2), [0, 1, 65535, 2]),
        ("SL", 32, struct.pack("<4i", 0, 2**31 - 1, -(2**31), 5), [0, 2**31 - 1, -(2**31), 5]),
        ("UL", 32, struct.pack("<4I", 0, 2**32 - 1, 1, 5), [0, 2**32 - 1, 1, 5]),
        # ITU-T G.711, tables 1 and 2: ends of the scale and the values next to zero.
        ("MB", 8, b"\xff\x80\x00\x7f\xfe", [0, 32124, -32124, 0, 8]),
        ("AB", 8, b"\xd5\x55\xaa\x2a\xd4", [8, -8, 32256, -32256, 24]),
    ],
)
def test_every_encoding(interpretation: str, bits: int, data: bytes, values: list[int]) -> None:
    made = group(interpretation=interpretation, bits=bits, factor=1.0)
    assert channel_values(made, data, 0, first=0, end=99) == values


@pytest.mark.parametrize(("interpretation", "bits"), [("SS", 8), ("SB", 16), ("", 16), ("XX", 64)])
def test_an_encoding_that_cannot_be_is_refused(interpretation: str, bits: int) -> None:
    with pytest.raises(UnrenderableError, match="cannot be read"):
        channel_values(group(interpretation=interpretation, bits=bits), b"", 0, first=0, end=1)


def test_channels_are_interleaved_and_scaled() -> None:
    made = group("I", "II", factor=0.5, baseline=100.0)
    data = struct.pack("<6h", 1, 10, 2, 20, 3, 30)
    assert channel_values(made, data, 1, first=1, end=3) == [110.0, 115.0]
    # A sample that is cut off is left out, and so are those beyond the end.
    assert channel_values(made, data[:-1], 1, first=0, end=9) == [105.0, 110.0]


def test_padding_is_no_value() -> None:
    made = group(padding=struct.pack("<h", -32768), factor=1.0)
    data = struct.pack("<3h", 1, -32768, 2)
    assert channel_values(made, data, 0, first=0, end=3) == [1.0, None, 2.0]


def test_a_real_ecg_has_the_values_pydicom_reads() -> None:
    groups, data = ecg_groups()
    data_set = dcmread(BytesIO(ECG))
    for number, made in enumerate(groups):
        expected = data_set.waveform_array(number)
        for channel in range(12):
            found = channel_values(made, data[number], channel, first=0, end=made.samples)
            np.testing.assert_allclose(np.array(found, float), expected[:, channel])


def test_a_real_ecg_is_drawn_to_scale() -> None:
    groups, data = ecg_groups()
    values = dcmread(BytesIO(ECG)).waveform_array(0)
    drawing = drawn(groups, data)
    rows = [line.points for line in lines(drawing)]
    pulse, lead_1, lead_avr = rows[0], rows[1], rows[2]
    # The calibration pulse: 1 mV is 10 mm, 0.2 s is 5 mm.
    assert max(y for _, y in pulse) - min(y for _, y in pulse) == pytest.approx(10)
    high = [x for x, y in pulse if y == min(y for _, y in pulse)]
    assert high[1] - high[0] == pytest.approx(5)
    # Lead I of the first 2.5 s: its highest sample stands where its time and voltage say.
    part = values[:2500, 0]
    peak = int(np.argmax(part))
    zero = pulse[0][1]
    x, y = min(lead_1, key=lambda point: point[1])
    assert x == pytest.approx(LEFT + peak / 1000 * 25, abs=0.01)
    assert y == pytest.approx(zero - part[peak] / 1000 * 10, abs=0.01)
    # Lead aVR goes on where lead I stopped, 2.5 s and 62.5 mm later.
    part = values[2500:5000, 3]
    x, y = max(lead_avr, key=lambda point: point[1])
    assert x == pytest.approx(LEFT + 62.5 + int(np.argmin(part)) / 1000 * 25, abs=0.01)
    assert y == pytest.approx(zero - part.min() / 1000 * 10, abs=0.01)
    # The rhythm strip below shows ten seconds of lead II.
    rhythm = rows[16]
    assert rhythm[-1][0] - rhythm[0][0] == pytest.approx(250, abs=0.1)
    assert max(y for _, y in rhythm) - min(y for _, y in rhythm) == pytest.approx(
        (values[:, 1].max() - values[:, 1].min()) / 100, abs=0.01
    )


def test_thinning_keeps_every_peak() -> None:
    samples = [0] * 20_000
    samples[1_234], samples[17_001] = 5_000, -7_000
    made = group(samples=20_000, rate=2_000.0)
    (line,) = lines(drawn([made], [struct.pack("<20000h", *samples)]))[1:]
    heights = {round(y, 3): round(x, 3) for x, y in line.points}
    zero = next(y for x, y in line.points if x == LEFT)
    top, bottom = min(heights), max(heights)
    assert len(line.points) <= 5_010
    # 5 mV up is 50 mm, more than this strip has: the line stops at the edge of its paper.
    assert zero - top == pytest.approx(STRIP_HEIGHT / 2)
    assert heights[top] == pytest.approx(LEFT + 1_234 / 2_000 * 25, abs=0.01)
    assert heights[bottom] == pytest.approx(LEFT + 17_001 / 2_000 * 25, abs=0.01)


def test_missing_samples_leave_a_gap() -> None:
    made = group(samples=100, rate=100.0, padding=struct.pack("<h", -1))
    data = struct.pack("<100h", *([0] * 40 + [-1] * 20 + [0] * 40))
    first, second = lines(drawn([made], [data]))[1:]
    assert first.points[-1][0] == pytest.approx(LEFT + 0.39 * 25)
    assert second.points[0][0] == pytest.approx(LEFT + 0.60 * 25)


def test_a_constant_offset_does_not_carry_the_line_away() -> None:
    data = struct.pack("<100h", *[30_000, 30_500] * 50)
    _, line = lines(drawn([group(samples=100)], [data]))
    assert max(y for _, y in line.points) - min(y for _, y in line.points) == pytest.approx(5)


@pytest.mark.parametrize(
    ("values", "marked"),
    [
        ([0.0, 120.0, 80.0], (100.0, 200.0)),
        ([80.0, 120.0], (100.0, 120.0)),
        ([-0.4, 0.4], (0.0, 0.5)),
        ([5.0, 5.0], (6.0, 7.0)),
        ([None], (1.0, 2.0)),
        ([], (1.0, 2.0)),
    ],
)
def test_other_signals_fill_their_strip(values: list[Any], marked: tuple[float, float]) -> None:
    scale = fitting_scale(values)
    assert scale.marked == pytest.approx(marked)
    assert scale.gain == pytest.approx(10 / (marked[1] - marked[0]))
    for value in filter(None, values):
        assert 0 <= (value - scale.zero) * scale.gain <= STRIP_HEIGHT + 1e-6


def test_other_signals_say_their_scale() -> None:
    made = group("Pressure", unit="mm[Hg]", factor=1.0, samples=100)
    drawing = drawn([made], [struct.pack("<100h", *[80, 120] * 50)], ecg=False)
    words = [shape.text for shape in drawing.shapes if isinstance(shape, Label)]
    assert {"100", "120", "mm[Hg]", "Pressure"} <= set(words)


def test_long_recordings_go_on_in_further_strips_within_the_limit() -> None:
    long, late = group("I", "II", samples=100_000), group("V1")
    first, second = portions([long, late], max_strips=12)
    assert (first.systems, first.seconds(long)) == (6, 60.0)
    assert second == Portion(twelve_leads=False, systems=0)
    data = bytes(drawn_bytes(long, first))
    captions = Captions(head=[], groups=["a", "b"])
    drawing = tracing([long, late], [data, b""], [first, second], captions, ecg=True)
    assert len(lines(drawing)) == 2 * 12
    with pytest.raises(UnrenderableError, match="more than 1 channels"):
        portions([long], max_strips=1)


def test_a_limit_that_is_used_up_leaves_the_rest_undrawn() -> None:
    (twelve, _), _ = ecg_groups()
    drawn_ = portions([twelve, twelve, group("I"), group("I", "II")], max_strips=6)
    assert [portion.systems for portion in drawn_] == [1, 0, 1, 0]
    assert (
        sum(
            portion.strips(each)
            for portion, each in zip(
                drawn_, [twelve, twelve, group("I"), group("I", "II")], strict=True
            )
        )
        == 5
    )


def test_data_shorter_than_announced_is_drawn_as_far_as_it_goes() -> None:
    line = lines(drawn([group()], [bytes(200)]))[-1]
    assert line.points[-1][0] == pytest.approx(LEFT + 0.99 * 25)
    assert lines(drawn([group()], [b""]))[1:] == []


def test_a_miniature_shows_a_beat() -> None:
    groups, data = ecg_groups()
    drawing = miniature(groups[0], data[0], ecg=True)
    (line,) = lines(drawing)
    assert (drawing.width, drawing.height) == (40, 40)
    assert max(y for _, y in line.points) - min(y for _, y in line.points) > 10


HOSTILE = '"><script>alert(1)</script>&]]>\x00\x1b\ud800￾'


def test_svg_is_well_formed_and_has_its_size_in_millimetres() -> None:
    label = Label(left=1, baseline=2, text=HOSTILE)
    file = svg(Drawing(width=280, height=100.5, shapes=[label, Line(points=((0, 0), (1.239, 2)))]))
    root = ET.fromstring(file.encode("utf-8"))
    assert (root.get("width"), root.get("height")) == ("280mm", "100.5mm")
    assert root.get("viewBox") == "0 0 280 100.5"
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ['"><script>alert(1)</script>&]]>' + "�" * 4]
    assert 'points="0,0 1.24,2"' in file
    assert not re.search(r"<script|style|href|on\w+=", file.replace("&lt;script", ""))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_pictures_come_in_every_format(file_format: str) -> None:
    drawing = Drawing(width=40, height=20, shapes=[Label(left=1, baseline=9, text=HOSTILE)])
    file = picture(drawing, file_format=file_format, quality=80, fit=(100, 100))
    with Image.open(BytesIO(file)) as image:
        assert (image.format, image.size) == (file_format, (100, 50))


def test_a_picture_to_scale_says_its_resolution() -> None:
    drawing = Drawing(width=100, height=50, shapes=[])
    with Image.open(BytesIO(picture(drawing, file_format="PNG", quality=90, fit=None))) as image:
        millimetres = image.size[0] / image.info["dpi"][0] * 25.4
    assert millimetres == pytest.approx(100, abs=0.1)


def test_a_long_drawing_stays_within_the_pixels_allowed() -> None:
    file = picture(
        Drawing(width=280, height=3000, shapes=[]), file_format="PNG", quality=90, fit=None
    )
    with Image.open(BytesIO(file)) as image:
        assert image.size[0] * image.size[1] <= 41_000_000


@pytest.mark.parametrize(
    ("interpretation", "bits", "data", "code", "samples"),
    [
        ("SS", 16, b"\x01\x80\xff\x7f", 1, b"\x01\x80\xff\x7f"),
        ("US", 16, b"\x01\x80\xff\x7f", 1, b"\x01\x00\xff\xff"),
        ("UB", 8, b"\x00\x80\xff", 1, b"\x00\x80\xff"),
        ("SB", 8, b"\x00\x80\xff", 1, b"\x80\x00\x7f"),
        ("MB", 8, b"\x00\x80\xff", 7, b"\x00\x80\xff"),
        ("AB", 8, b"\x00\x80", 6, b"\x00\x80"),
    ],
)
def test_sound(interpretation: str, bits: int, data: bytes, code: int, samples: bytes) -> None:
    made = group(interpretation=interpretation, bits=bits, rate=8000.0, samples=10)
    file = wav(made, data)
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    assert struct.unpack("<HHIIHH", file[20:36]) == (
        (code, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    )
    assert int.from_bytes(file[40:44], "little") == len(samples)
    assert file[44:] == samples + bytes(len(samples) % 2)


def test_sound_is_what_other_programs_read() -> None:
    made = group("left", "right", samples=3, rate=44_100.0)
    data = struct.pack("<6h", 1, -1, 2, -2, 3, -3)
    with wave.open(BytesIO(wav(made, data + b"more"))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 44_100, 3)
        assert sound.readframes(3) == data


def made_model(**more: DicomJson) -> DicomJson:
    channel = {
        "003A0208": element("SQ", code("Lead II", "5.6.3-9-2", "SCPECG")),
        "003A0210": element("DS", 2.0),
        "003A0211": element("SQ", code("microvolt", "uV", "UCUM")),
        "003A0212": element("DS", 1.5),
        "003A0213": element("DS", 7),
        "003A0220": element("DS", 0.05),
        "003A0221": element("DS", 150),
        "003A0222": element("DS", 50),
    }
    wave = {
        "003A0005": element("US", 1),
        "003A0010": element("UL", 10),
        "003A001A": element("DS", 500),
        "003A0200": element("SQ", channel),
        "54001004": element("US", 16),
        "54001006": element("CS", "SS"),
        "5400100A": {"vr": "OW", "InlineBinary": "AIA="},
    }
    wave |= {tag.removeprefix("t"): value for tag, value in more.items()}
    return {"54000100": element("SQ", wave)}


def test_the_description_of_a_channel() -> None:
    (found,) = recording_of(made_model())
    assert (found.rate, found.samples, found.padding) == (500.0, 10, b"\x00\x80")
    (channel,) = found.channels
    assert (channel.lead, channel.unit) == ("II", "uV")
    assert (channel.factor, channel.baseline) == (3.0, 7.0)
    assert (channel.low_filter, channel.high_filter, channel.notch_filter) == (0.05, 150.0, 50.0)


@pytest.mark.parametrize(
    ("meaning", "value", "lead"),
    [
        ("Lead I (Einthoven)", "5.6.3-9-1", "I"),
        ("Lead aVR", "2:62", "aVR"),
        ("V6", "2:8", "V6"),
        ("Lead V3", "x", "V3"),
        ("aVF", "", "aVF"),
        ("anything", "MDC_ECG_LEAD_V2", "V2"),
        ("anything", "MDC_ECG_ELEC_POTL_AVL", "aVL"),
        ("Lead X", "2:16", ""),
        ("Respiration", "1", ""),
    ],
)
def test_leads_are_known_by_code_or_name(meaning: str, value: str, lead: str) -> None:
    channel = {"003A0208": element("SQ", code(meaning, value))}
    (found,) = recording_of(made_model(t003A0200=element("SQ", channel)))
    assert found.channels[0].lead == lead


@pytest.mark.parametrize(
    "wrong",
    [
        {"t003A0010": element("UL", 0)},
        {"t003A001A": element("DS", 0)},
        {"t003A001A": element("DS", -5)},
        {"t003A001A": element("DS", "NaN")},
        {"t003A001A": element("DS", 1e30)},
        {"t003A0005": element("US", 2)},
        {"t003A0200": element("SQ")},
        {"t003A0200": element("SQ", {"003A0210": element("DS", 1e300)})},
    ],
)
def test_impossible_waveforms_are_refused(wrong: dict[str, DicomJson]) -> None:
    with pytest.raises(UnrenderableError):
        recording_of(made_model(**wrong))


def test_an_object_without_waveforms_is_refused() -> None:
    with pytest.raises(UnrenderableError, match="no waveform"):
        recording_of({})


def test_too_many_groups_are_refused() -> None:
    (wave_,) = made_model()["54000100"]["Value"]
    with pytest.raises(UnrenderableError, match="more than 64"):
        recording_of({"54000100": element("SQ", *[wave_] * 65)})


@given(st.binary(max_size=400), st.sampled_from(["SB", "UB", "SS", "US", "SL", "MB", "AB"]))
def test_any_data_can_be_drawn(data: bytes, interpretation: str) -> None:
    bits = {"S": 16, "L": 32}.get(interpretation[1], 8)
    made = group("I", "II", interpretation=interpretation, bits=bits, samples=200)
    for ecg, unit in itertools.product((True, False), ("mV", "")):
        channels = tuple(replace(channel, unit=unit) for channel in made.channels)
        drawing = drawn([replace(made, channels=channels)], [data], ecg=ecg)
        ET.fromstring(svg(drawing))
