"""Invariant: a stream made on request gives back the cells it was made of, or is not made."""

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.imaging import compress
from pacs_gateway.imaging.compress import compressed, photometric_of
from pacs_gateway.imaging.decode import Decoded, decode_exactly
from pacs_gateway.imaging.image import Image, Kind
from pacs_gateway.imaging.recode import HTJ2K, JPEG_LS, MADE_ON_REQUEST, RLE

MAX_SAMPLES = 100_000
GREY = Image(
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    kind=Kind.INTEGER,
    big_endian=False,
    word_swapped=False,
    rows=33,
    columns=47,
    samples=1,
    photometric="MONOCHROME2",
    planar=False,
    bits_allocated=16,
    bits_stored=12,
    high_bit=11,
    signed=False,
)
BYTES = replace(GREY, bits_allocated=8, bits_stored=8, high_bit=7)
IMAGES = {
    "12 bits": (GREY, 0xFFF),
    "16 bits": (replace(GREY, bits_stored=16, high_bit=15), 0xFFFF),
    "signed": (replace(GREY, bits_stored=16, high_bit=15, signed=True), 0xFFFF),
    "signed, 12 bits with their sign extended": (replace(GREY, signed=True), 0x7FF),
    "something above the stored bits": (GREY, 0xFFFF),
    "8 bits": (BYTES, 0xFF),
    "inverted": (replace(BYTES, photometric="MONOCHROME1"), 0xFF),
    "palette": (replace(BYTES, photometric="PALETTE COLOR"), 0xFF),
    "RGB": (replace(BYTES, samples=3, photometric="RGB"), 0xFF),
    "RGB by plane": (replace(BYTES, samples=3, photometric="RGB", planar=True), 0xFF),
    "RGB of 16 bits": (
        replace(GREY, samples=3, photometric="RGB", bits_stored=16, high_bit=15),
        0xFFFF,
    ),
}


def cells(image: Image, highest: int) -> NDArray[Any]:
    shape = (image.rows, image.columns) + ((image.samples,) if image.samples > 1 else ())
    random = np.random.default_rng(1).integers(0, highest + 1, shape)
    return random.astype(f"u{image.bits_allocated // 8}")


@pytest.mark.parametrize("syntax", MADE_ON_REQUEST)
@pytest.mark.parametrize("name", IMAGES)
def test_cells_come_back(name: str, syntax: str) -> None:
    image, highest = IMAGES[name]
    given = cells(image, highest)
    stream = compressed(Decoded(image, given), syntax, max_samples=MAX_SAMPLES)
    named = replace(
        image,
        transfer_syntax_uid=syntax,
        photometric=photometric_of(image.photometric, syntax),
        planar=syntax == RLE,
    )
    found = decode_exactly(named, stream, max_samples=MAX_SAMPLES)
    assert found.image.photometric == image.photometric
    assert (found.cells == given).all()


@pytest.mark.parametrize(
    "image",
    [
        replace(GREY, bits_allocated=1, bits_stored=1, high_bit=0),
        replace(GREY, bits_allocated=32, bits_stored=32, high_bit=31),
        replace(GREY, samples=4),
    ],
)
@pytest.mark.parametrize("syntax", MADE_ON_REQUEST)
def test_what_does_not_fit_is_refused(image: Image, syntax: str) -> None:
    with pytest.raises(NotAcceptableError, match=syntax):
        compressed(Decoded(image, cells(GREY, 255)), syntax, max_samples=MAX_SAMPLES)


def test_colours_that_htj2k_did_not_transform_are_read_by_pixel() -> None:
    """Other archives make such streams; imagecodecs gives their colours by plane."""
    image = replace(BYTES, samples=3, photometric="RGB", transfer_syntax_uid=HTJ2K)
    given = cells(image, 255)
    stream = bytes(imagecodecs.htj2k_encode(given, reversible=True, rgb=False, planar=False))
    assert (decode_exactly(image, stream, max_samples=MAX_SAMPLES).cells == given).all()


def test_luminance_is_not_taken_for_rgb() -> None:
    image = replace(BYTES, samples=3, photometric="YBR_FULL")
    with pytest.raises(NotAcceptableError):
        compressed(Decoded(image, cells(image, 255)), HTJ2K, max_samples=MAX_SAMPLES)
    stream = compressed(Decoded(image, cells(image, 255)), JPEG_LS, max_samples=MAX_SAMPLES)
    assert stream


def test_an_encoder_that_changes_a_pixel_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(image: Image, given: NDArray[Any]) -> bytes:
        changed = given.copy()
        changed[0, 0] ^= 1
        return honest(image, changed)

    honest = compress._ENCODERS[JPEG_LS]
    monkeypatch.setattr(compress, "_ENCODERS", {JPEG_LS: wrong})
    with pytest.raises(NotAcceptableError):
        compressed(Decoded(GREY, cells(GREY, 255)), JPEG_LS, max_samples=MAX_SAMPLES)
