"""Every sample is valid DICOM in the eyes of programs that share no code with what wrote it."""

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.servers import require_program

pytestmark = pytest.mark.server("dcmtk")

SAMPLES = Path(__file__).parents[2] / "sample_dicom"
PATHS = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.dcm"))
DECODERS = {
    JPEGBaseline8Bit: "dcmdjpeg",
    JPEGLSLossless: "dcmdjpls",
    RLELossless: "dcmdrle",
}


def test_there_are_samples() -> None:
    assert len(PATHS) > 40


@pytest.mark.parametrize("path", PATHS)
def test_dciodvfy_finds_no_error(path: str, tmp_path: Path) -> None:
    dciodvfy = require_program("dciodvfy", "apt-get install dicom3tools")
    sample = SAMPLES / path
    if dcmread(sample, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_deflated:
        # dciodvfy cannot inflate, so DCMTK does it, which proves that it can.
        sample = plain(sample, tmp_path)
    run = subprocess.run([dciodvfy, sample], capture_output=True, text=True, check=False)
    assert "Error" not in run.stderr + run.stdout
    assert "Warning" not in run.stderr + run.stdout
    assert run.returncode == 0


@pytest.mark.parametrize("path", PATHS)
def test_dcmtk_reads_the_pixels(path: str, tmp_path: Path) -> None:
    sample = SAMPLES / path
    header = dcmread(sample, stop_before_pixels=True)
    if header.file_meta.TransferSyntaxUID == JPEG2000Lossless:
        # DCMTK has no JPEG 2000; Pillow's build of OpenJPEG is not the one that wrote the file.
        assert dcmread(sample).pixel_array.shape == (header.Rows, header.Columns)
        return
    decoded = dcmread(plain(sample, tmp_path))
    if "Rows" not in header:
        assert "PixelData" not in decoded
        return
    samples = header.Rows * header.Columns * header.SamplesPerPixel
    frames = int(header.get("NumberOfFrames", 1))
    assert len(decoded.PixelData) == samples * frames * header.BitsAllocated // 8


def plain(sample: Path, folder: Path) -> Path:
    """Let DCMTK write the sample uncompressed, explicit VR little endian."""
    syntax = dcmread(sample, stop_before_pixels=True).file_meta.TransferSyntaxUID
    name = DECODERS.get(syntax, "dcmconv")
    options = ["+te"] if name == "dcmconv" else []
    out = folder / "plain.dcm"
    program = require_program(name, "apt-get install dcmtk")
    subprocess.run([program, *options, sample, out], check=True, capture_output=True)
    return out
