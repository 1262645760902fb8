"""Invariant: a compressed object that leaves in Explicit VR Little Endian shows the very pixels that
DCMTK decodes, or it is refused; nothing else that it says is lost."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from tests.integration.web.gateway import Gateway, sample

EXPLICIT = "1.2.840.10008.1.2.1"
FILES = {
    "MR_small_jpeg_ls_lossless.dcm": "dcmdjpls",
    "MR_small_RLE.dcm": "dcmdrle",
    "SC_rgb_rle_2frame.dcm": "dcmdrle",
    "SC_rgb_rle_32bit.dcm": "dcmdrle",
    "SC_rgb_jpeg_gdcm.dcm": "dcmdjpeg",
    "JPEG-lossy.dcm": "dcmdjpeg",
}
# What a header says of the pixels themselves; the pixels are compared instead.
CHANGED = ("PixelData", "PlanarConfiguration")


def path_of(data_set: Dataset) -> str:
    return (
        f"/dicom-web/studies/{data_set.StudyInstanceUID}/series/{data_set.SeriesInstanceUID}"
        f"/instances/{data_set.SOPInstanceUID}"
    )


@pytest.fixture(name="pair", params=FILES)
def fixture_pair(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path: Path
) -> tuple[Dataset, Dataset, Path]:
    """Return what the gateway and what DCMTK make of one file, and the file of the former."""
    program = shutil.which(FILES[request.param])
    if program is None:
        pytest.skip("needs the programs of DCMTK")
    compressed = dcmread(BytesIO(sample(request.param)))
    # Some of the files are one instance in several encodings; each gets a UID of its own.
    uid = UID(f"2.25.{700 + list(FILES).index(request.param)}")
    compressed.SOPInstanceUID = compressed.file_meta.MediaStorageSOPInstanceUID = uid
    stream = BytesIO()
    compressed.save_as(stream)
    content = stream.getvalue()
    assert gateway.client("device").store(content).status == 200
    accept = f"application/dicom; transfer-syntax={EXPLICIT}"
    answer = gateway.client("reader")(path_of(compressed), Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == accept
    ours, source, theirs = (tmp_path / name for name in ("ours", "source", "theirs"))
    ours.write_bytes(answer.body)
    source.write_bytes(content)
    subprocess.run([program, str(source), str(theirs)], check=True, timeout=60)
    return dcmread(ours), dcmread(theirs), ours


def test_the_pixels_of_dcmtk(pair: tuple[Dataset, Dataset, Path]) -> None:
    ours, theirs, _ = pair
    assert ours.file_meta.TransferSyntaxUID == EXPLICIT
    assert (ours.pixel_array == theirs.pixel_array).all()


def test_nothing_else_changes(pair: tuple[Dataset, Dataset, Path]) -> None:
    ours, theirs, _ = pair
    for data_set in (ours, theirs):
        data_set.remove_private_tags()
        for keyword in CHANGED:
            if keyword in data_set:
                del data_set[keyword]
    kept = {element.tag for element in theirs if element.tag.element}
    assert {element.tag for element in ours} == kept
    assert all(ours[tag] == theirs[tag] for tag in kept)


def test_dcmdump_reads_it(pair: tuple[Dataset, Dataset, Path]) -> None:
    program = shutil.which("dcmdump")
    assert program is not None
    found = subprocess.run(
        [program, str(pair[2])], check=True, capture_output=True, timeout=60, text=True
    )
    assert found.stderr == ""
