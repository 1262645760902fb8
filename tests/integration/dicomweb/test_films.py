"""Protects: a cine comes as a film that has all its frames at their true rate, and a video has its
own first picture for a thumbnail; where neither can be made, people get a sentence or a card."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML, MPEG4HP41, UID, VideoEndoscopicImageStorage, generate_uid

from pacs_gateway.imaging import film
from tests.integration.dicomweb.conftest import SAMPLES
from tests.integration.web.gateway import Client, Gateway, running, settings_for

av = pytest.importorskip("av", reason="the extra `video` is not installed")


def path_of(data_set: FileDataset) -> str:
    return (
        f"/dicom-web/studies/{data_set.StudyInstanceUID}/series/{data_set.SeriesInstanceUID}"
        f"/instances/{data_set.SOPInstanceUID}"
    )


@pytest.fixture(name="reader", scope="module")
def fixture_reader(archive: Gateway) -> Client:
    return archive.client("reader")


def test_a_cine_as_a_film(samples: Mapping[str, FileDataset], reader: Client) -> None:
    cine = next(each for each in samples.values() if int(each.get("NumberOfFrames", 1)) > 1)
    answer = reader(f"{path_of(cine)}/rendered", Accept="video/mp4")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "video/mp4"
    with av.open(BytesIO(answer.body)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == cine.NumberOfFrames
    assert (frames[0].width, frames[0].height) == (cine.Columns, cine.Rows)
    seconds = float(frames[-1].time - frames[0].time)
    assert seconds == pytest.approx((len(frames) - 1) * float(cine.FrameTime) / 1000, rel=0.02)


def test_stills_are_no_films(samples: Mapping[str, FileDataset], reader: Client) -> None:
    still = next(each for each in samples.values() if each.Modality == "CT")
    cine = next(each for each in samples.values() if int(each.get("NumberOfFrames", 1)) > 1)
    assert reader(f"{path_of(still)}/rendered", Accept="video/mp4").status == 406
    assert reader(f"{path_of(cine)}/frames/1/rendered", Accept="video/mp4").status == 406
    # Browsers' players name films first; what is a still for everybody else stays one.
    both = reader(f"{path_of(cine)}/rendered", Accept="image/jpeg, video/mp4;q=0.9")
    assert both.headers["Content-Type"] == "image/jpeg"


def video(stream: bytes, syntax: UID = MPEG4HP41) -> tuple[bytes, str]:
    """Return an object that holds a video, and its path."""
    data_set = dcmread(next(SAMPLES.rglob("*.dcm")))
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = VideoEndoscopicImageStorage
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data_set.NumberOfFrames = 5
    data_set.PixelData = encapsulate([stream], has_bot=False)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    file = BytesIO()
    data_set.save_as(file)
    return file.getvalue(), path_of(data_set)


def test_a_video_has_its_first_picture_for_a_thumbnail(tmp_path: Path) -> None:
    red = [Image.new("RGB", (64, 48), (200, 10, 10))] * 5
    good, path = video(film.mp4(red, [40.0] * 5, quality=100))
    damaged, other_path = video(b"\x00\x00\x01\xb3 no picture comes after this" * 20)
    with running(settings_for(tmp_path)) as gateway:
        assert gateway.client("device").store(good, damaged).status == 200
        reader = gateway.client("reader")
        answer = reader(f"{path}/thumbnail", Accept="image/png")
        pixels = np.asarray(Image.open(BytesIO(answer.body)).convert("RGB"))
        assert pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] == pytest.approx(
            (200, 10, 10), abs=12
        )
        assert reader(f"{other_path}/thumbnail").headers["Content-Type"] == "image/jpeg"
        assert reader(f"{path}/rendered").headers["Content-Type"] == "video/mp4"


def test_mpeg2_comes_as_it_is_and_as_a_film_that_browsers_play(tmp_path: Path) -> None:
    stored = BytesIO()
    with av.open(stored, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(50):
            pixels = np.full((48, 64, 3), 4 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    file, path = video(stored.getvalue(), MPEG2MPML)
    with running(settings_for(tmp_path)) as gateway:
        assert gateway.client("device").store(file).status == 200
        reader = gateway.client("reader")
        assert reader(f"{path}/rendered").body == stored.getvalue()
        answer = reader(f"{path}/rendered", Accept="video/mp4")
        assert answer.headers["Content-Type"] == "video/mp4", answer.body
        with av.open(BytesIO(answer.body)) as container:
            assert container.streams.video[0].codec_context.name == "h264"
            assert len(list(container.decode(video=0))) == 50
