"""What is no still image is shown through `rendered` as people expect it, and nothing that an
object holds runs in this origin or makes the gateway fail."""

import wave
from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from pacs_gateway.config import DocumentsSettings
from tests.integration.web.gateway import Answer, Client, Gateway, running, settings_for
from tests.unit.documents.models import file_of, shipped

STORAGE = "1.2.840.10008.5.1.4.1.1"
STUDY = "1.2.826.0.1.3680043.8.498.77"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 300 + b"%%EOF"
"""Longer than the first look, odd in length."""
HOSTILE = "<script>alert(1)</script>\"'"


def instance(number: int, **more: object) -> Dataset:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.PatientName = "NGUYỄN^VĂN AN"
    data_set.PatientID = HOSTILE
    data_set.StudyInstanceUID = STUDY
    data_set.SeriesInstanceUID = f"{STUDY}.1"
    data_set.SOPInstanceUID = f"{STUDY}.1.{number}"
    for keyword, value in more.items():
        setattr(data_set, keyword, value)
    return data_set


def document(number: int, content: bytes, *, sized: bool = True, **more: object) -> Dataset:
    data_set = instance(number, **more)
    data_set.DocumentTitle = HOSTILE
    data_set.EncapsulatedDocument = content + b"\x00" * (len(content) % 2)
    if sized:
        data_set.EncapsulatedDocumentLength = len(content)
    return data_set


def video(number: int, stream: bytes, *pieces: bytes) -> Dataset:
    data_set = instance(number, NumberOfFrames=3, Rows=2, Columns=2, SamplesPerPixel=3)
    data_set.PhotometricInterpretation = "YBR_PARTIAL_420"
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 8, 8, 7
    data_set.PixelRepresentation = 0
    data_set.PixelData = encapsulate([stream, *pieces], has_bot=False)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    return data_set


def waveform(number: int, **more: object) -> Dataset:
    data_set = instance(number)
    source = Dataset()
    source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "x", "99", HOSTILE
    channel = Dataset()
    channel.ChannelSourceSequence = [source]
    channel.ChannelSensitivity = "1"
    channel.WaveformBitsStored = 16
    wave_ = Dataset()
    wave_.MultiplexGroupLabel = HOSTILE[:16]
    wave_.WaveformOriginality = "ORIGINAL"
    wave_.NumberOfWaveformChannels = 1
    wave_.NumberOfWaveformSamples = 2000
    wave_.SamplingFrequency = "8000"
    wave_.ChannelDefinitionSequence = [channel]
    wave_.WaveformBitsAllocated = 16
    wave_.WaveformSampleInterpretation = "SS"
    wave_.WaveformData = bytes(range(200)) * 20
    wave_["WaveformData"].VR = "OW"
    for keyword, value in more.items():
        setattr(wave_, keyword, value)
    data_set.WaveformSequence = [wave_]
    return data_set


def path(number: int) -> str:
    return f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.{number}"


MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 40
ANNEX_B = b"\x00\x00\x00\x01\x67" + bytes(range(250))

OBJECTS = [
    file_of(document(1, PDF), f"{STORAGE}.104.1"),
    file_of(document(2, PDF, sized=False), f"{STORAGE}.104.1", ImplicitVRLittleEndian),
    file_of(document(3, PDF), f"{STORAGE}.104.1", DeflatedExplicitVRLittleEndian),
    file_of(document(4, b"<ClinicalDocument/>"), f"{STORAGE}.104.2"),
    file_of(document(5, b"solid x\nendsolid x"), f"{STORAGE}.104.3", ExplicitVRBigEndian),
    file_of(instance(6), f"{STORAGE}.104.1"),
    file_of(waveform(7), f"{STORAGE}.9.4.1"),
    file_of(waveform(8), f"{STORAGE}.9.2.1", ExplicitVRBigEndian),
    file_of(waveform(9, SamplingFrequency="0"), f"{STORAGE}.9.1.1"),
    file_of(waveform(10, WaveformSampleInterpretation="XX"), f"{STORAGE}.9.1.2"),
    file_of(instance(11), f"{STORAGE}.88.11"),
    file_of(video(12, MP4[:5000], MP4[5000:]), f"{STORAGE}.77.1.1.1", "1.2.840.10008.1.2.4.102"),
    file_of(video(13, ANNEX_B), f"{STORAGE}.77.1.1.1", "1.2.840.10008.1.2.4.103"),
    file_of(instance(14), f"{STORAGE}.88.11", "1.2.840.10008.1.2.4.102"),
]


@pytest.fixture(name="shown", scope="module")
def fixture_shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = settings_for(tmp_path_factory.mktemp("renditions"))
    with running(settings) as gateway:
        files = [*OBJECTS, shipped("test-SR.dcm"), shipped("waveform_ecg.dcm")]
        answer = gateway.client("device").store(*files)
        assert answer.status == 200, answer.body
        yield gateway


@pytest.fixture(name="reader")
def fixture_reader(shown: Gateway) -> Client:
    return shown.client("reader")


def address_of(name: str) -> str:
    data_set = dcmread(BytesIO(shipped(name)), stop_before_pixels=True)
    return (
        f"/dicom-web/studies/{data_set.StudyInstanceUID}/series/{data_set.SeriesInstanceUID}"
        f"/instances/{data_set.SOPInstanceUID}"
    )


def assert_shut_in(answer: Answer) -> None:
    """Nothing in the answer may run, whatever it is."""
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_report_is_a_page(reader: Client) -> None:
    answer = reader(f"{address_of('test-SR.dcm')}/rendered", Accept="text/html,*/*;q=0.8")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert "Diagnosis" in page
    assert "Đã xác nhận" in page
    assert "<script" not in page
    assert_shut_in(answer)


def test_a_report_is_text_in_the_language_chosen(reader: Client) -> None:
    address = f"{address_of('test-SR.dcm')}/rendered"
    answer = reader(address, Accept="text/plain", Cookie="language=en")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.body.decode()
    assert "Complete | Verified" in text
    assert "Diameter: 3 cm" in text
    assert "Hoàn chỉnh | Đã xác nhận" in reader(address, Accept="text/plain").body.decode()
    known = answer.headers["ETag"]
    again = reader(address, Accept="text/plain", Cookie="language=en", If_None_Match=known)
    assert again.status == 304
    other = reader(address, Accept="text/plain", Cookie="language=vi", If_None_Match=known)
    assert other.status == 200


def test_a_report_comes_in_no_other_form(reader: Client) -> None:
    assert reader(f"{address_of('test-SR.dcm')}/rendered", Accept="image/jpeg").status == 406


def test_a_report_without_content_is_still_a_report(reader: Client) -> None:
    answer = reader(f"{path(11)}/rendered", Accept="text/html")
    assert answer.status == 200
    page = answer.body.decode()
    assert "NGUYỄN VĂN AN" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pdf_is_the_file_that_was_put_in(reader: Client, number: int) -> None:
    answer = reader(f"{path(number)}/rendered", Accept="application/pdf")
    assert answer.status == 200, answer.body
    assert answer.body == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    name = f"{STUDY}.1.{number}.pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{name}"'
    assert_shut_in(answer)
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pdf_is_read_in_ranges(reader: Client, number: int) -> None:
    answer = reader(f"{path(number)}/rendered", Range="bytes=70000-70009")
    assert answer.status == 206
    assert answer.body == PDF[70000:70010]
    assert answer.headers["Content-Range"] == f"bytes 70000-70009/{len(PDF)}"
    last = reader(f"{path(number)}/rendered", Range="bytes=-5")
    assert last.body == b"%%EOF"
    beyond = reader(f"{path(number)}/rendered", Range=f"bytes={len(PDF)}-")
    assert beyond.status == 416


@pytest.mark.parametrize(
    ("number", "media_type", "content"),
    [(4, "text/xml", b"<ClinicalDocument/>"), (5, "model/stl", b"solid x\nendsolid x")],
)
def test_other_files_are_only_to_be_saved(
    reader: Client, number: int, media_type: str, content: bytes
) -> None:
    answer = reader(f"{path(number)}/rendered")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["Content-Type"].split(";")[0] == media_type
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert_shut_in(answer)


def test_an_ecg_is_drawn(reader: Client) -> None:
    answer = reader(f"{address_of('waveform_ecg.dcm')}/rendered", Accept="image/svg+xml")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "image/svg+xml"
    root = ET.fromstring(answer.body)
    words = " ".join(node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "25 mm/s · 10 mm/mV · 1000 Hz · Bộ lọc 0.05\N{EN DASH}300 Hz" in words
    assert {"aVR", "V6", "II"} <= set(words.split())
    assert_shut_in(answer)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_an_ecg_is_a_picture(reader: Client, kind: str) -> None:
    answer = reader(f"{address_of('waveform_ecg.dcm')}/rendered", Accept=f"image/{kind}")
    with Image.open(BytesIO(answer.body)) as image:
        assert image.format == kind.upper()
        assert image.size[0] > 2000


def test_other_waveforms_are_drawn(reader: Client) -> None:
    answer = reader(f"{path(8)}/rendered", Accept="image/svg+xml")
    assert answer.status == 200, answer.body
    assert b"&lt;script&gt;" in answer.body
    assert b"<script" not in answer.body


def test_sound_is_heard(reader: Client) -> None:
    answer = reader(f"{path(7)}/rendered", Accept="audio/*")
    assert answer.headers["Content-Type"] == "audio/wav"
    with wave.open(BytesIO(answer.body)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 2000)
        assert sound.readframes(2000) == bytes(range(200)) * 20
    assert reader(f"{path(7)}/rendered", Range="bytes=0-3").body == b"RIFF"


def test_a_video_is_the_stream_that_was_put_in(reader: Client) -> None:
    answer = reader(f"{path(12)}/rendered", Accept="video/mp4")
    assert (answer.status, answer.body) == (200, MP4)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    # Across the border between two fragments.
    part = reader(f"{path(12)}/rendered", Range="bytes=4990-5009")
    assert (part.status, part.body) == (206, MP4[4990:5010])


def test_a_stream_without_a_container_is_named_as_what_it_is(reader: Client) -> None:
    answer = reader(f"{path(13)}/rendered")
    assert answer.headers["Content-Type"] == "video/h264"


@pytest.mark.parametrize("number", [6, 9, 10, 14])
def test_what_does_not_hold_what_it_promises_is_refused(reader: Client, number: int) -> None:
    answer = reader(f"{path(number)}/rendered")
    assert answer.status == 422, answer.body
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("number", range(1, 15))
def test_everything_has_a_thumbnail(reader: Client, number: int) -> None:
    answer = reader(f"{path(number)}/thumbnail")
    assert answer.status == 200, answer.body
    with Image.open(BytesIO(answer.body)) as image:
        assert max(image.size) <= 400


def test_the_thumbnail_of_an_ecg_shows_it(reader: Client) -> None:
    drawn = reader(f"{address_of('waveform_ecg.dcm')}/thumbnail").body
    card = reader(f"{path(9)}/thumbnail").body
    with Image.open(BytesIO(drawn)) as image, Image.open(BytesIO(card)) as plain:
        # Millimetre paper is reddish, cards are not.
        red, _, blue = (sum(channel.histogram()[250:]) for channel in image.convert("RGB").split())
        assert red > 2 * blue
        assert plain.convert("RGB").getpixel((2, 2)) != image.convert("RGB").getpixel((2, 2))


@pytest.fixture(name="narrow", scope="module")
def fixture_narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return a reader of a gateway that shows next to nothing."""
    limits = DocumentsSettings(
        max_metadata_bytes=8192,
        max_report_items=5,
        max_before_document_bytes=1024,
        max_waveform_bytes=2048,
    )
    settings = settings_for(tmp_path_factory.mktemp("narrow"))
    with running(settings.model_copy(update={"documents": limits})) as gateway:
        late = document(1, PDF, ImageComments="x" * 2000)
        long = instance(2, TextValue="y" * 10_000)
        files = (file_of(late, f"{STORAGE}.104.1"), file_of(long, f"{STORAGE}.88.11"))
        answer = gateway.client("device").store(*files, OBJECTS[6], shipped("reportsi.dcm"))
        assert answer.status == 200, answer.body
        yield gateway.client("reader")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (path(1), "no document within its first bytes"),
        (path(2), "more than 8192 bytes"),
        (path(7), "too long"),
        (address_of("reportsi.dcm"), "more than 5 content items"),
    ],
)
def test_limits_end_in_one_line(narrow: Client, address: str, reason: str) -> None:
    answer = narrow(f"{address}/rendered")
    assert answer.status == 422
    assert reason in answer.json()["error"]
