"""Protects: the cells of a frame are exactly those that were encoded, or the frame is refused;
never wrong pixels, and nothing allocated for sizes beyond the budget."""

import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import colour, decode, header, native
from pacs_gateway.imaging.image import Image, Kind
from tests.instances import shipped

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4"
MAX_SAMPLES = 1_000_000

IMAGE = Image(
    transfer_syntax_uid=EXPLICIT,
    kind=Kind.INTEGER,
    big_endian=False,
    word_swapped=False,
    rows=1,
    columns=2,
    samples=1,
    photometric="MONOCHROME2",
    planar=False,
    bits_allocated=16,
    bits_stored=16,
    high_bit=15,
    signed=False,
)
RGB = replace(IMAGE, samples=3, photometric="RGB", bits_allocated=8, bits_stored=8, high_bit=7)


def values(image: Image, frame: bytes) -> list[Any]:
    decoded = decode.decode(image, frame, max_samples=MAX_SAMPLES)
    stored = native.stored_values(decoded.image, decoded.cells)
    assert stored.shape[:2] == (image.rows, image.columns)
    return stored.tolist()  # type: ignore[no-any-return]


def cells_of(name: str, number: int = 1) -> NDArray[Any]:
    instance = shipped(name)
    image = header.image(header.parse(instance.header))
    return decode.decode(image, instance.frame(number), max_samples=MAX_SAMPLES).cells


def rgb_of(name: str, photometric: str | None = None) -> NDArray[np.int16]:
    instance = shipped(name)
    image = header.image(header.parse(instance.header))
    image = replace(image, photometric=photometric or image.photometric)
    decoded = decode.decode(image, instance.frame(1), max_samples=MAX_SAMPLES)
    return colour.rgb(decoded.image, decoded.cells).astype(np.int16)


@pytest.mark.parametrize(
    ("changes", "frame", "expected"),
    [
        ({}, b"\x01\x02\xff\xff", [[0x0201, 0xFFFF]]),
        ({"big_endian": True}, b"\x01\x02\xff\xff", [[0x0102, 0xFFFF]]),
        ({"signed": True}, b"\x01\x02\xff\xff", [[0x0201, -1]]),
        # Four bits of something else above twelve stored ones.
        ({"bits_stored": 12, "high_bit": 11}, b"\x01\xa8\xff\x77", [[0x801, 0x7FF]]),
        ({"bits_stored": 12, "high_bit": 11, "signed": True}, b"\x01\xa8\xff\x77", [[-2047, 2047]]),
        # Twelve stored bits at the top of the cell.
        ({"bits_stored": 12, "signed": True}, b"\x1f\x80\xff\x7f", [[-2047, 2047]]),
        ({"bits_allocated": 8, "bits_stored": 8, "high_bit": 7}, b"\x01\xff", [[1, 255]]),
        ({"bits_allocated": 8, "bits_stored": 6, "high_bit": 5}, b"\x41\xff", [[1, 63]]),
        (
            {"bits_allocated": 8, "bits_stored": 8, "high_bit": 7, "big_endian": True,
             "word_swapped": True},
            b"\x01\x02",
            [[2, 1]],
        ),
        (
            {"bits_allocated": 32, "bits_stored": 32, "high_bit": 31, "signed": True},
            b"\x01\x00\x00\x00\xfe\xff\xff\xff",
            [[1, -2]],
        ),
        (
            {"bits_allocated": 64, "bits_stored": 64, "high_bit": 63, "signed": True},
            b"\1\0\0\0\0\0\0\x80" + b"\xff" * 8,
            [[1 - 2**63, -1]],
        ),
        ({"bits_allocated": 1, "bits_stored": 1, "high_bit": 0}, b"\x02", [[0, 1]]),
        ({"kind": Kind.FLOAT, "bits_allocated": 32}, b"\0\0\x80\x3f\0\0\0\xc0", [[1.0, -2.0]]),
        (
            {"kind": Kind.DOUBLE, "bits_allocated": 64, "big_endian": True},
            b"\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0",
            [[1.0, -2.0]],
        ),
    ],
)  # fmt: skip
def test_native_cells(changes: dict[str, Any], frame: bytes, expected: list[Any]) -> None:
    image = replace(IMAGE, **changes)
    assert values(image, frame) == expected
    # Whatever follows the frame, such as a pad byte, is none of its business.
    assert values(image, frame + b"\xaa") == expected
    with pytest.raises(UnrenderableError, match="rows and columns need"):
        values(image, frame[:-1])


def test_colour_by_pixel_and_by_plane() -> None:
    assert values(RGB, b"\1\2\3\4\5\6") == [[[1, 2, 3], [4, 5, 6]]]
    assert values(replace(RGB, planar=True), b"\1\4\2\5\3\6") == [[[1, 2, 3], [4, 5, 6]]]


def test_big_endian_words_hold_an_odd_number_of_bytes() -> None:
    swapped = replace(RGB, columns=1, big_endian=True, word_swapped=True)
    assert values(swapped, b"\2\1\0\3") == [[[1, 2, 3]]]
    with pytest.raises(UnrenderableError):
        values(swapped, b"\2\1\0")


def test_chrominance_of_every_second_pixel() -> None:
    image = replace(RGB, rows=2, photometric="YBR_FULL_422")
    assert values(image, b"\1\2\3\4\5\6\7\x08") == [
        [[1, 3, 4], [2, 3, 4]],
        [[5, 7, 8], [6, 7, 8]],
    ]
    with pytest.raises(UnrenderableError, match="pairs of pixels"):
        values(replace(image, rows=1, columns=3), bytes(6))


@pytest.mark.parametrize("side", [65535, 1001])
def test_sizes_beyond_the_budget_are_refused_unseen(side: int) -> None:
    huge = replace(IMAGE, rows=side, columns=side)
    with pytest.raises(UnrenderableError, match="larger than can be shown"):
        decode.decode(huge, b"", max_samples=MAX_SAMPLES)
    with pytest.raises(UnrenderableError, match="larger than can be shown"):
        decode.explicit_little_endian(huge, b"", max_samples=MAX_SAMPLES)


@pytest.mark.parametrize("syntax", ["4.100", "4.102", "4.107", "6.1", "99"])
def test_video_and_unknown_encodings_are_refused(syntax: str) -> None:
    image = replace(IMAGE, transfer_syntax_uid=f"1.2.840.10008.1.2.{syntax}")
    with pytest.raises(UnrenderableError, match=syntax):
        values(image, bytes(100))


def test_deflated_frames() -> None:
    image = replace(IMAGE, transfer_syntax_uid="1.2.840.10008.1.2.8.1")
    stream = zlib.compressobj(wbits=-15)
    frame = stream.compress(b"\1\0\2\0") + stream.flush()
    assert values(image, frame) == [[1, 2]]
    with pytest.raises(UnrenderableError, match="damaged"):
        values(image, frame[:-1])


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm", "MR_small_implicit.dcm",
     "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm"],
)  # fmt: skip
def test_one_image_in_many_encodings(name: str) -> None:
    assert (cells_of(name) == cells_of("MR_small.dcm")).all()


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_rle.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_dcmtk_+eb+cr.dcm",
     "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_+eb+cy+n2.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm",
     "SC_rgb_dcmtk_+eb+cy+s2.dcm", "SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_rgb_jpeg_dcmtk.dcm",
     "SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_gdcm_KY.dcm", "SC_ybr_full_422_uncompressed.dcm",
     "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm"],
)  # fmt: skip
def test_colours_of_one_image_in_many_encodings(name: str) -> None:
    original = rgb_of("SC_rgb_rle_2frame.dcm")
    assert original[5, 50].tolist() == [255, 0, 0]
    # Lossy encodings may blur the edges between the bars of colour, not the bars.
    assert np.median(np.abs(rgb_of(name) - original)) <= 1
    assert np.abs(rgb_of(name) - original).mean() < 3


def test_a_jfif_stream_is_ycbcr_whatever_the_header_says() -> None:
    declared, mistaken = (rgb_of("SC_rgb_jpeg_dcmtk.dcm", name) for name in ("YBR_FULL", "RGB"))
    assert (declared == mistaken).all()


def test_without_markers_the_header_decides() -> None:
    # Both files hold the same untransformed RGB; only the second has an Adobe marker to say so.
    plain, marked = (
        rgb_of(name)
        for name in ("SC_jpeg_no_color_transform.dcm", "SC_jpeg_no_color_transform_2.dcm")
    )
    assert np.abs(plain.mean((0, 1)) - marked.mean((0, 1))).max() < 3
    assert np.abs(rgb_of("SC_jpeg_no_color_transform.dcm", "YBR_FULL") - plain).mean() > 10


def test_without_markers_half_of_the_chrominance_means_that_there_is_some() -> None:
    instance = shipped("SC_rgb_dcmtk_+eb+cy+s2.dcm")
    stream = instance.frame(1)
    # Sixteen bytes of JFIF after two of SOI and two of its marker.
    without_jfif = stream[:2] + stream[20:]
    image = header.image(header.parse(instance.header))
    mistaken = replace(image, photometric="RGB")
    one, other = (
        decode.decode(each, frame, max_samples=MAX_SAMPLES).cells
        for each, frame in ((image, stream), (mistaken, without_jfif))
    )
    assert (one == other).all()


def sixteen_bits(*, signed: bool) -> NDArray[Any]:
    ramp = np.arange(30 * 20, dtype=np.int32).reshape(30, 20) * 7
    return (ramp - 2000).astype(np.int16) if signed else ramp.astype(np.uint16)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [13, 16])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        ("4.70", lambda a: imagecodecs.jpeg8_encode(a.view(np.uint16), lossless=True)),
        ("4.80", lambda a: imagecodecs.jpegls_encode(a.view(np.uint16))),
        ("4.90", lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True)),
        ("4.201", lambda a: imagecodecs.htj2k_encode(a.view(np.uint16), reversible=True)),
        ("4.110", lambda a: imagecodecs.jpegxl_encode(a.view(np.uint16), lossless=True)),
    ],
)
def test_lossless_codecs(syntax: str, encode: Any, bits: int, *, signed: bool) -> None:
    original = sixteen_bits(signed=signed)
    image = replace(
        IMAGE,
        transfer_syntax_uid=f"1.2.840.10008.1.2.{syntax}",
        rows=30,
        columns=20,
        bits_stored=bits,
        high_bit=bits - 1,
        signed=signed,
    )
    frame = bytes(encode(original))
    assert values(image, frame) == original.tolist()
    assert values(image, frame + b"\0") == original.tolist()
    taller = replace(image, rows=31)
    assert decode.decode(taller, frame, max_samples=MAX_SAMPLES).image.rows == 30
    with pytest.raises(UnrenderableError, match="not 31, 20, 1 and 16 as the header says"):
        decode.explicit_little_endian(taller, frame, max_samples=MAX_SAMPLES)
    for cut in (len(frame) // 2, len(frame) - 20, 30, 0):
        with pytest.raises(UnrenderableError, match=r"damaged|cut short"):
            values(image, frame[:cut])


def test_values_wider_than_the_header_says_are_shown_but_no_native_bytes() -> None:
    original = sixteen_bits(signed=False)
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.90", rows=30, columns=20,
        bits_allocated=8, bits_stored=8, high_bit=7,
    )  # fmt: skip
    frame = bytes(imagecodecs.jpeg2k_encode(original, codecformat="j2k", reversible=True))
    assert values(image, frame) == original.tolist()
    with pytest.raises(UnrenderableError, match="16 bits, not 30, 20, 1 and 8"):
        decode.explicit_little_endian(image, frame, max_samples=MAX_SAMPLES)


def test_a_stream_larger_than_the_budget_is_refused_although_its_header_is_small() -> None:
    frame = bytes(imagecodecs.jpegls_encode(sixteen_bits(signed=False)))
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.80")
    with pytest.raises(UnrenderableError, match="larger than can be shown"):
        decode.decode(image, frame, max_samples=599)


@pytest.mark.parametrize(
    ("samples", "photometric", "pixels", "expected"),
    [
        (3, "RGB", np.full((8, 8), 77, np.uint8), (1, "MONOCHROME2")),
        (1, "MONOCHROME2", np.full((8, 8, 3), 77, np.uint8), (3, "RGB")),
    ],
)
def test_a_stream_knows_whether_it_has_colours(
    samples: int, photometric: str, pixels: NDArray[Any], expected: tuple[int, str]
) -> None:
    image = replace(RGB, transfer_syntax_uid=f"{JPEG}.50", samples=samples, photometric=photometric)
    frame = bytes(imagecodecs.jpeg8_encode(pixels, level=95))
    decoded = decode.decode(image, frame, max_samples=MAX_SAMPLES)
    assert (decoded.image.samples, decoded.image.photometric) == expected
    assert np.abs(decoded.cells.astype(int) - 77).max() <= 1


def test_recompressed_jpeg_in_jpeg_xl_comes_back_in_rgb() -> None:
    red = np.full((16, 16, 3), (255, 0, 0), np.uint8)
    jpeg = bytes(imagecodecs.jpeg8_encode(red, level=95))
    image = replace(
        RGB,
        transfer_syntax_uid=f"{JPEG}.111",
        rows=16,
        columns=16,
        photometric="YBR_FULL_422",
    )
    frame = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg))
    decoded = decode.decode(image, frame, max_samples=MAX_SAMPLES)
    assert np.abs(colour.rgb(decoded.image, decoded.cells).astype(int) - red).max() <= 3


def test_streams_with_samples_that_no_image_has_are_refused() -> None:
    frame = bytes(imagecodecs.jpeg2k_encode(np.zeros((8, 8, 4), np.uint8), codecformat="j2k"))
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.90", rows=8, columns=8)
    with pytest.raises(UnrenderableError, match="4 samples cannot be shown"):
        values(image, frame)


@pytest.mark.parametrize("samples", [1, 3])
def test_opacity_is_no_sample_of_an_image(samples: int) -> None:
    visible = np.arange(64 * samples, dtype=np.uint8).reshape(8, 8, samples)
    stream = np.dstack([visible, np.full((8, 8), 255, np.uint8)])
    frame = bytes(imagecodecs.jpeg2k_encode(stream, codecformat="j2k", reversible=True))
    image = replace(
        RGB, transfer_syntax_uid=f"{JPEG}.90", rows=8, columns=8, samples=samples,
        photometric="RGB" if samples > 1 else "MONOCHROME2",
    )  # fmt: skip
    native_bytes = decode.explicit_little_endian(image, frame, max_samples=MAX_SAMPLES)
    assert native_bytes == visible.tobytes()


def jpeg_stream(kind: str) -> bytes:
    """Return a JPEG of 30 x 20 noise without its end marker."""
    noise = np.random.default_rng(1).integers(0, 256, (30, 20), np.uint8)
    file = BytesIO()
    if kind == "lossless":
        return bytes(imagecodecs.jpeg8_encode(noise, lossless=True))[:-2]
    options: dict[str, dict[str, Any]] = {
        "progressive": {"progressive": True},
        "restart": {"restart_marker_blocks": 2},
    }
    Picture.fromarray(noise).save(file, "JPEG", quality=90, **options.get(kind, {}))
    return file.getvalue()[:-2]


@pytest.mark.parametrize("kind", ["baseline", "lossless"])
def test_a_jpeg_that_lacks_nothing_but_its_end_marker_is_shown(kind: str) -> None:
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.70", rows=30, columns=20,
        bits_allocated=8, bits_stored=8, high_bit=7,
    )  # fmt: skip
    stream = jpeg_stream(kind)
    assert values(image, stream) == values(image, stream + b"\xff\xd9")
    assert values(image, stream + b"\0") == values(image, stream + b"\xff\xd9")
    for missing in range(1, len(stream) - stream.rfind(b"\xff\xda") - 12):
        with pytest.raises(UnrenderableError, match="cut short"):
            values(image, stream[:-missing])


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(depth: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 24), np.uint8)
    pixels = noise if depth == 8 else noise.astype(np.uint16) * 16
    frame = bytes(
        imagecodecs.jpeg8_encode(pixels, lossless=True)
        if depth == 16
        else imagecodecs.jpeg8_encode(pixels, bitspersample=depth, level=90)
    )
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.51", rows=40, columns=24)
    assert values(image, frame)
    start = frame.rfind(b"\xff\xda")
    for share in (0.2, 0.5, 0.7):
        cut = frame[: start + int((len(frame) - start) * share)].rstrip(b"\xff")
        with pytest.raises(UnrenderableError, match="cut short"):
            values(image, cut + b"\xff\xd9")


@pytest.mark.parametrize("grey", [128, 127])
def test_a_jpeg_may_be_as_grey_as_what_is_filled_in(grey: int) -> None:
    pixels = np.full((20, 30), grey, np.uint8)
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.50", rows=20, columns=30)
    for lossless in (False, True):
        frame = bytes(imagecodecs.jpeg8_encode(pixels, lossless=lossless, level=95))
        assert values(image, frame) == pixels.tolist()
        # Fill bytes make the length even, as DCMTK does it.
        assert values(image, frame[:-2] + b"\xff" + frame[-2:]) == pixels.tolist()


@pytest.mark.parametrize("kind", ["progressive", "restart"])
def test_a_jpeg_without_end_that_may_lack_a_scan_or_an_interval_is_refused(kind: str) -> None:
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.55", rows=30, columns=20)
    assert values(image, jpeg_stream(kind) + b"\xff\xd9")
    with pytest.raises(UnrenderableError, match="cut short"):
        values(image, jpeg_stream(kind))


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        ("80", imagecodecs.jpegls_encode),
        ("90", lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True)),
        ("201", lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
    ],
)
def test_other_streams_that_lack_nothing_but_their_end_marker(syntax: str, encode: Any) -> None:
    original = sixteen_bits(signed=False)
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.{syntax}", rows=30, columns=20)
    stream = bytes(encode(original))[:-2]
    assert values(image, stream) == original.tolist()
    # A sender that cut the stream may have closed it again.
    for missing in (2, 3, 20, len(stream) // 2):
        for end in (b"", b"\xff\xd9"):
            with pytest.raises(UnrenderableError, match=r"cut short|damaged"):
                values(image, stream[:-missing] + end)


def test_damaged_code_blocks_of_htj2k_are_noticed() -> None:
    original = np.random.default_rng(1).integers(0, 4096, (64, 64), np.uint16)
    image = replace(IMAGE, transfer_syntax_uid=f"{JPEG}.201", rows=64, columns=64)
    stream = bytearray(imagecodecs.htj2k_encode(original, reversible=True))
    stream[-120:-2] = b"\xff\x7f" * 59
    try:
        shown = values(image, bytes(stream))
    except UnrenderableError:
        return
    pytest.fail(f"shown as {shown[0][:3]}...")


@pytest.mark.parametrize(
    ("precision", "signed", "dtype", "stored"),
    [(16, False, "u2", 12), (12, False, "u2", 16), (16, True, "i2", 12), (16, True, "i2", 16)],
)
def test_jpeg_2000_knows_its_depth_and_sign(
    precision: int, dtype: str, stored: int, *, signed: bool
) -> None:
    ramp = np.arange(600).reshape(30, 20)
    original = (ramp * 60 - 15000 if signed else ramp * (60 if precision == 16 else 6)).astype(
        dtype
    )
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.90", rows=30, columns=20, bits_stored=stored,
        high_bit=stored - 1,
    )  # fmt: skip
    frame = imagecodecs.jpeg2k_encode(
        original, codecformat="j2k", reversible=True, bitspersample=precision
    )
    assert values(image, bytes(frame)) == original.tolist()


def test_foreign_bits_in_lossless_cells_are_left_out() -> None:
    # An overlay in bit 12, as old ultrasound has it.
    cells = sixteen_bits(signed=False) & 0x0FFF | 0x1000
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.70", rows=30, columns=20, bits_stored=12, high_bit=11
    )
    frame = bytes(imagecodecs.jpeg8_encode(cells, lossless=True))
    assert values(image, frame) == (cells & 0x0FFF).tolist()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        ("70", lambda a: imagecodecs.jpeg8_encode(a, lossless=True, bitspersample=16)),
        ("80", imagecodecs.jpegls_encode),
        ("90", lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True)),
    ],
)
def test_values_at_the_top_of_their_cells(syntax: str, encode: Any, *, signed: bool) -> None:
    """As DCMTK writes them; the same header over a narrower stream cannot mean it."""
    original = np.arange(-300, 300).reshape(30, 20) if signed else np.arange(600).reshape(30, 20)
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.{syntax}", rows=30, columns=20,
        bits_stored=12, high_bit=15, signed=signed,
    )  # fmt: skip
    cells = (original << 4).astype(np.uint16)
    frame = bytes(encode(cells))
    assert values(image, frame) == original.tolist()
    native_bytes = decode.explicit_little_endian(image, frame, max_samples=MAX_SAMPLES)
    assert native_bytes == cells.tobytes()


def test_values_of_a_stream_too_narrow_for_the_high_bit() -> None:
    original = np.arange(600, dtype=np.uint16).reshape(30, 20)
    image = replace(
        IMAGE, transfer_syntax_uid=f"{JPEG}.90", rows=30, columns=20, bits_stored=12, high_bit=15
    )
    frame = imagecodecs.jpeg2k_encode(
        original, codecformat="j2k", reversible=True, bitspersample=12
    )
    assert values(image, bytes(frame)) == original.tolist()


def rle_frame(*segments: bytes) -> bytes:
    offsets = np.cumsum([64, *map(len, segments)])[: len(segments)]
    head = [len(segments), *offsets, *[0] * (15 - len(segments))]
    return np.array(head, "<u4").tobytes() + b"".join(segments)


def test_rle_of_odd_segments_and_of_fewer_bytes_than_cells() -> None:
    image = replace(IMAGE, transfer_syntax_uid="1.2.840.10008.1.2.5", columns=3)
    high, low = b"\x02\x01\x02\x03", b"\xfe\x07"
    assert values(image, rle_frame(high, low)) == [[0x107, 0x207, 0x307]]
    # The upper bytes of eight stored bits are all zero, and some writers leave them out.
    assert values(image, rle_frame(low)) == [[7, 7, 7]]
    red_green_blue = rle_frame(b"\xfe\x01", b"\xfe\x02", b"\xfe\x03\x00")
    colour_image = replace(RGB, transfer_syntax_uid=image.transfer_syntax_uid, columns=3)
    assert values(colour_image, red_green_blue) == [[[1, 2, 3]] * 3]


@pytest.mark.parametrize(
    "frame",
    [b"", bytes(64), rle_frame(b"\xff\x07", b"\xfe\x07"), rle_frame(b"\x02ab", b"\xfe\x07"),
     rle_frame(b"\xfe\x01", b"\xfe\x02", b"\xfe\x03"), rle_frame(b"\xfe\x07")[:64]],
)  # fmt: skip
def test_rle_segments_that_are_missing_or_short_are_refused(frame: bytes) -> None:
    image = replace(IMAGE, transfer_syntax_uid="1.2.840.10008.1.2.5", columns=3)
    with pytest.raises(UnrenderableError):
        values(image, frame)


def test_twelve_packed_bits() -> None:
    image = replace(IMAGE, columns=3, bits_allocated=12, bits_stored=12, high_bit=11)
    assert values(image, b"\x23\x61\x45\xbc\x0a") == [[0x123, 0x456, 0xABC]]
    assert values(replace(image, signed=True), b"\x23\x61\x45\xbc\x0a") == [[0x123, 0x456, -0x544]]
    with pytest.raises(UnrenderableError, match="rows and columns need"):
        values(image, b"\x23\x61\x45\xbc")


def test_full_chrominance_under_the_name_of_half() -> None:
    image = replace(RGB, photometric="YBR_FULL_422")
    assert values(image, b"\1\2\3\4\5\6") == [[[1, 2, 3], [4, 5, 6]]]


def test_single_bits_in_rle() -> None:
    bits = np.tile(np.array([1, 0, 0, 0, 0, 0, 0, 0, 1, 1], np.uint8), 4)
    packed = np.packbits(bits, bitorder="little").tobytes()
    segment = bytes([len(packed) - 1]) + packed
    frame = np.array([1, 64] + [0] * 14, "<u4").tobytes() + segment
    image = replace(
        IMAGE, transfer_syntax_uid="1.2.840.10008.1.2.5", rows=4, columns=10, bits_allocated=1
    )
    assert values(image, frame) == bits.reshape(4, 10).tolist()


@pytest.mark.parametrize(
    ("changes", "frame", "expected"),
    [
        ({}, b"\1\2\3\4", b"\1\2\3\4"),
        ({"big_endian": True}, b"\1\2\3\4", b"\2\1\4\3"),
        # Words, the lower one first, in both byte orders.
        ({"big_endian": True, "bits_allocated": 32}, b"\1\2\3\4\5\6\7\x08", b"\2\1\4\3\6\5\x08\7"),
        (
            {"big_endian": True, "bits_allocated": 32, "kind": Kind.FLOAT},
            b"\1\2\3\4\5\6\7\x08",
            b"\4\3\2\1\x08\7\6\5",
        ),
        ({"big_endian": True, "bits_allocated": 8}, b"\1\2", b"\1\2"),
        (
            {"big_endian": True, "bits_allocated": 8, "word_swapped": True},
            b"\1\2",
            b"\2\1",
        ),
        ({"bits_allocated": 1}, b"\2", b"\2"),
    ],
)
def test_native_frames_in_little_endian(
    changes: dict[str, Any], frame: bytes, expected: bytes
) -> None:
    image = replace(IMAGE, **changes)
    assert decode.explicit_little_endian(image, frame, max_samples=MAX_SAMPLES) == expected


def test_single_bits_in_big_endian_words() -> None:
    image = replace(
        IMAGE, big_endian=True, word_swapped=True, columns=16, bits_allocated=1, bits_stored=1
    )
    assert values(image, b"\x01\x80") == [[0] * 7 + [1, 1] + [0] * 7]
    assert decode.explicit_little_endian(image, b"\x01\x80", max_samples=16) == b"\x80\x01"
    # The pad byte of a lone frame is the first half of its last word.
    assert values(replace(image, columns=8), b"\x01\x80") == [[0] * 7 + [1]]
    for columns, frame in ((15, b"\x01\x80"), (8, b"\x01")):
        with pytest.raises(UnrenderableError):
            values(replace(image, columns=columns), frame)


def test_compressed_colours_come_back_as_planar_configuration_says() -> None:
    by_pixel = replace(RGB, transfer_syntax_uid="1.2.840.10008.1.2.5", columns=2)
    frame = rle_frame(b"\x01\1\4", b"\x01\2\5", b"\x01\3\6")
    for image, expected in (
        (by_pixel, b"\1\2\3\4\5\6"),
        (replace(by_pixel, planar=True), b"\1\4\2\5\3\6"),
    ):
        assert decode.explicit_little_endian(image, frame, max_samples=6) == expected
        assert values(image, frame) == [[[1, 2, 3], [4, 5, 6]]]


def test_odd_frames_of_big_endian_words_are_not_guessed() -> None:
    image = replace(RGB, big_endian=True, word_swapped=True)
    with pytest.raises(UnrenderableError, match="does not end"):
        decode.explicit_little_endian(image, b"\1\2\3", max_samples=MAX_SAMPLES)


def test_compressed_frames_in_little_endian() -> None:
    rle, plain = shipped("MR_small_RLE.dcm"), shipped("MR_small.dcm")
    image = header.image(header.parse(rle.header))
    raw = decode.explicit_little_endian(image, rle.frame(1), max_samples=MAX_SAMPLES)
    assert raw == plain.frame(1)
    bits = replace(IMAGE, transfer_syntax_uid="1.2.840.10008.1.2.8.1", bits_allocated=1, columns=9)
    stream = zlib.compressobj(wbits=-15)
    frame = stream.compress(b"\x55\x01") + stream.flush()
    assert decode.explicit_little_endian(bits, frame, max_samples=9) == b"\x55\x01"


def test_colour_models() -> None:
    white_red = np.array([[[255, 128, 128], [76, 85, 255]]], np.uint8)
    ybr = replace(RGB, photometric="YBR_FULL")
    assert np.abs(colour.rgb(ybr, white_red) - [[[255, 255, 255], [254, 0, 0]]]).max() <= 1
    assert colour.rgb(RGB, white_red).tolist() == white_red.tolist()


def test_chrominance_becomes_the_nearest_colour() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    y, cb, cr = (pixels[..., index].astype(float) - (0, 128, 128)[index] for index in range(3))
    exact = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    found = colour.rgb(replace(RGB, photometric="YBR_FULL"), pixels)
    assert np.abs(found - np.clip(exact, 0, 255)).max() <= 0.501


@pytest.mark.parametrize(
    ("bits", "dtype", "value", "expected"),
    [(16, "u2", 0xFFFF, 255), (12, "u2", 0x800, 128), (32, "u4", 2**31, 128), (4, "u1", 15, 255)],
)
def test_colours_of_other_depths(bits: int, dtype: str, value: int, expected: int) -> None:
    pixels = np.full((1, 1, 3), value, dtype)
    assert colour.rgb(replace(RGB, bits_stored=bits), pixels).tolist() == [[[expected] * 3]]


@pytest.mark.parametrize(
    ("photometric", "pixel", "expected"),
    [
        ("YBR_PARTIAL_422", (16, 128, 128), (0, 0, 0)),
        ("YBR_PARTIAL_422", (235, 128, 128), (255, 255, 255)),
        ("YBR_PARTIAL_420", (81, 90, 240), (255, 0, 0)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("CMYK", (10, 20, 30, 240), (5, 0, 0)),
        ("ARGB", (0, 1, 2, 3), (1, 2, 3)),
    ],
)
def test_retired_colour_models(
    photometric: str, pixel: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    image = replace(RGB, photometric=photometric, samples=len(pixel))
    shown = colour.rgb(image, np.array([[pixel]], np.uint8)).astype(int)
    assert np.abs(shown - expected).max() <= 1


def test_colours_of_a_palette_plane_are_not_guessed() -> None:
    image = replace(RGB, photometric="ARGB", samples=4)
    with pytest.raises(UnrenderableError, match="palette"):
        colour.rgb(image, np.array([[(9, 1, 2, 3)]], np.uint8))


@pytest.mark.parametrize("changes", [{"photometric": "CIELAB"}, {"signed": True}])
def test_colour_models_nobody_knows_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnrenderableError, match="Colour as"):
        colour.rgb(replace(RGB, **changes), np.zeros((1, 1, 3), np.uint8))
