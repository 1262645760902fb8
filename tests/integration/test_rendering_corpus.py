"""Protects: what a reader sees is what other makers' software shows.

The table of the corpus (tests/corpus.py) has mean and standard deviation of rendered frames and
digests of decoded frames, made with DCMTK, GDCM and OpenJPH.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Picture

from pacs_gateway.errors import GatewayError
from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PNG, RenderOptions
from tests.corpus import CORPUS, Row, expected_rows
from tests.instances import Instance, take_apart

MAX_SAMPLES = 100_000_000
MEAN_TOLERANCE = 2.5
DEVIATION_TOLERANCE = 3.0
REQUIRED_SHARE = 0.98
PNG_OPTIONS = RenderOptions(media_type=PNG)

FUNCTIONAL_GROUPS = "the reference ignores the window in the functional groups"
EIGHTH = "the reference is an eighth of the frame: GDCM made bytes of bits"
LOSSY = ("4.50", "4.51", "4.53", "4.55", "4.81", "4.91", "4.93", "4.111", "4.112", "4.203")

SHA256_DIGITS = 64

KNOWN_DIFFERENCES = {
    "colour_and_patterns/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": FUNCTIONAL_GROUPS,
    "made/window_width0_invalid.dcm": "width 0: the reference spreads the whole range of 16 bits",
    "pydicom_data/eCT_Supplemental.dcm": "the reference ignores the supplemental palette: all black",
    "weasis/jpeg2000-multiframe-multifragments.dcm": FUNCTIONAL_GROUPS,
}
"""Where the reference is not what a person should see, by path, with the reason."""

OTHER_BYTES = {
    "pydicom_data/liver_j2k.dcm": EIGHTH,
    "pydicom_data/liver_nonbyte_aligned_j2k.dcm": EIGHTH,
    "weasis/mono2-CT-16bit.dcm": "the reference is as many bytes as the icon has",
}
"""Where the digest is not that of one frame, by path, with the reason."""


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    return expected_rows()


@lru_cache(maxsize=2)
def opened(path: str) -> Instance:
    return take_apart((CORPUS / path).read_bytes())


def rendered(row: Row) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    instance, number = opened(row["path"]), int(row["frame"])
    file = worker.render_frame(
        instance.header,
        instance.frame(number),
        number=number,
        options=PNG_OPTIONS,
        max_samples=MAX_SAMPLES,
    )
    return np.asarray(Picture.open(BytesIO(file)), np.float64)


def difference(row: Row) -> str | None:
    """Return what is wrong with the rendering of one row, None if nothing."""
    try:
        picture = rendered(row)
    except GatewayError as error:
        return str(error)
    if picture.shape[:2] != (int(row["out_h"]), int(row["out_w"])):
        return f"size {picture.shape}"
    mean, deviation = picture.mean(), picture.std()
    wrong = (
        abs(mean - float(row["mean"])) > MEAN_TOLERANCE
        or abs(deviation - float(row["std"])) > DEVIATION_TOLERANCE
    )
    found = f"mean {mean:.1f}, deviation {deviation:.1f}"
    return f"{found} instead of {row['mean']}, {row['std']}" if wrong else None


def countable(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows whose reference values are undisputed."""
    for row in rows:
        disputed = row["xcheck_pydicom"] in ("DISPUTED", "bit-depth")
        if row["mean"] and not disputed and not row["window_rule"].startswith("stored"):
            yield row


def test_frames_look_as_other_software_shows_them(rows: Sequence[Row]) -> None:
    counted = list(countable(rows))
    wrong = [(row, problem) for row in counted if (problem := difference(row)) is not None]
    for row, problem in wrong:
        print(row["path"], "frame", row["frame"], row["window_rule"], problem, sep=" | ")  # noqa: T201
    print(f"{len(counted) - len(wrong)} of {len(counted)} frames agree")  # noqa: T201
    assert 1 - len(wrong) / len(counted) >= REQUIRED_SHARE
    assert {row["path"] for row, _ in wrong} <= KNOWN_DIFFERENCES.keys()


def test_lossless_frames_decode_to_the_same_bytes(rows: Sequence[Row]) -> None:
    lossless = [row for row in rows if is_lossless_reference(row)]
    wrong = {row["path"] for row in lossless if not has_reference_bytes(row)}
    assert lossless
    assert wrong <= OTHER_BYTES.keys()


def is_lossless_reference(row: Row) -> bool:
    if row["frame"] != "1":
        return False
    has_digest = len(row["raw_frame1_sha256"]) == SHA256_DIGITS
    return has_digest and row["transfer_syntax"].removeprefix("1.2.840.10008.1.2.") not in LOSSY


def has_reference_bytes(row: Row) -> bool:
    instance = opened(row["path"])
    raw = worker.native_frame(instance.header, instance.frame(1), max_samples=MAX_SAMPLES)
    # Some tools give the pad byte of an odd frame and some do not.
    candidates = (raw, raw + b"\x00", raw[:-1])
    return row["raw_frame1_sha256"] in {hashlib.sha256(one).hexdigest() for one in candidates}
