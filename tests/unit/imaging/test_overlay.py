"""Invariant: overlays are drawn where they say, in the frames they say, and only when asked for; what
makes no sense is left out."""

from io import BytesIO
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pacs_gateway.imaging import dataset, worker
from pacs_gateway.imaging import overlay as overlays
from pacs_gateway.imaging.options import PNG, RenderOptions
from tests.instances import made

ROWS, COLUMNS = 4, 8
CELLS = np.full((ROWS, COLUMNS), 40, np.uint16)
PLANE = np.zeros((ROWS, COLUMNS), np.uint8)
PLANE[1, 2:5] = 1
PLANE[3, 7] = 1


def packed(plane: NDArray[np.uint8]) -> bytes:
    return np.packbits(plane.ravel(), bitorder="little").tobytes()


def overlay(plane: NDArray[np.uint8] = PLANE, **more: Any) -> dict[str, Any]:
    """Return attributes of group 6000, by tag, as `made` cannot know repeating groups."""
    return {
        "OverlayRows": plane.shape[-2],
        "OverlayColumns": plane.shape[-1],
        "OverlayOrigin": [1, 1],
        "OverlayBitsAllocated": 1,
        "OverlayBitPosition": 0,
        "OverlayData": packed(plane),
        **more,
    }


_TAGS = {
    "OverlayRows": (0x60000010, "US"),
    "OverlayColumns": (0x60000011, "US"),
    "NumberOfFramesInOverlay": (0x60000015, "IS"),
    "OverlayOrigin": (0x60000050, "SS"),
    "ImageFrameOrigin": (0x60000051, "US"),
    "OverlayBitsAllocated": (0x60000100, "US"),
    "OverlayBitPosition": (0x60000102, "US"),
    "OverlayData": (0x60003000, "OW"),
}


def element(tag: int, vr: str, value: Any) -> bytes:
    body: bytes
    if vr == "OW":
        body = value + b"\0" * (len(value) % 2)
        head = vr.encode() + b"\0\0" + len(body).to_bytes(4, "little")
    else:
        numbers = value if isinstance(value, list) else [value]
        if vr == "IS":
            body = "\\".join(map(str, numbers)).encode()
            body += b" " * (len(body) % 2)
        else:
            body = b"".join(n.to_bytes(2, "little", signed=vr == "SS") for n in numbers)
        head = vr.encode() + len(body).to_bytes(2, "little")
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + head + body


def shown(
    number: int = 1,
    cells: NDArray[np.uint16] = CELLS,
    *,
    asked: bool = True,
    mask: bool = False,
    bits: int = 16,
    **attributes: Any,
) -> NDArray[np.uint8]:
    header = made(
        Rows=ROWS,
        Columns=COLUMNS,
        BitsStored=bits,
        HighBit=bits - 1,
        WindowCenter=128,
        WindowWidth=256,
    )
    pixel_data = header[-12:]
    group = b"".join(element(*_TAGS[name], value) for name, value in attributes.items())
    file = worker.render_frame(
        header[:-12] + group + pixel_data,
        cells.tobytes(),
        number=number,
        options=RenderOptions(media_type=PNG, overlays=asked, mask=mask),
        max_samples=1000,
    )
    return np.asarray(Image.open(BytesIO(file)))


def test_it_is_drawn_in_white_when_asked_for() -> None:
    found = shown(**overlay())
    assert ((found == 255) == (PLANE == 1)).all()
    assert (found[PLANE == 0] == 40).all()
    assert (shown(asked=False, **overlay()) == 40).all()


def test_a_mask_shows_them_without_the_image() -> None:
    cells = (CELLS | PLANE.astype(np.uint16) << 13).astype(np.uint16)
    assert (shown(1, cells, mask=True, **overlay()) == 255 * PLANE).all()
    assert (shown(1, cells, mask=True) == 0).all()


@pytest.mark.parametrize(("row", "column"), [(2, 3), (0, -1), (-1, 1), (4, 8), (9, 9)])
def test_it_begins_at_its_origin(row: int, column: int) -> None:
    found = shown(**overlay(OverlayOrigin=[row, column])) == 255
    expected = np.zeros((ROWS, COLUMNS), bool)
    for at in np.argwhere(PLANE):
        y, x = at[0] + row - 1, at[1] + column - 1
        if 0 <= y < ROWS and 0 <= x < COLUMNS:
            expected[y, x] = True
    assert (found == expected).all()


def test_frames_have_their_own_planes() -> None:
    planes = np.stack([PLANE, 1 - PLANE])
    given = overlay(planes, NumberOfFramesInOverlay=2, ImageFrameOrigin=2)
    given["OverlayRows"], given["OverlayColumns"] = ROWS, COLUMNS
    assert (shown(1, **given) == 40).all()
    assert ((shown(2, **given) == 255) == (PLANE == 1)).all()
    assert ((shown(3, **given) == 255) == (PLANE == 0)).all()
    assert (shown(4, **given) == 40).all()


def test_older_overlays_lie_in_unused_bits_of_the_pixels() -> None:
    cells = (CELLS | PLANE.astype(np.uint16) << 13).astype(np.uint16)
    given = overlay(OverlayBitsAllocated=16, OverlayBitPosition=13)
    del given["OverlayData"]
    found = shown(1, cells, bits=12, **given)
    assert ((found == 255) == (PLANE == 1)).all()
    # A position inside the image's own bits is no overlay.
    assert (shown(1, cells, bits=12, **given | {"OverlayBitPosition": 5}) != 255).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"OverlayData": b"\xff\xff"},
        {"OverlayRows": 0},
        {"OverlayRows": 60_000, "OverlayColumns": 60_000},
        {"OverlayData": b"", "OverlayBitPosition": 99},
    ],
)
def test_what_makes_no_sense_is_left_out(wrong: dict[str, Any]) -> None:
    assert (shown(**overlay(**wrong)) == 40).all()


@pytest.mark.parametrize(("vr", "big_endian"), [("OW", True), ("OB", True), ("OW", False)])
def test_words_may_be_big_endian(vr: str, big_endian: bool) -> None:
    order: Literal["big", "little"] = "big" if big_endian else "little"

    def short(value: int) -> bytes:
        return value.to_bytes(2, order)

    bits = packed(PLANE)
    if vr == "OW" and big_endian:
        bits = np.frombuffer(bits, np.uint16).byteswap().tobytes()
    head = [(0x10, b"US", short(2) + short(ROWS)), (0x11, b"US", short(2) + short(COLUMNS))]
    body = b"".join(short(0x6000) + short(element) + vr_ + rest for element, vr_, rest in head)
    body += short(0x6000) + short(0x3000) + vr.encode() + bytes(2) + len(bits).to_bytes(4, order)
    found = dataset.read(body + bits, 0, implicit=False, big_endian=big_endian)
    assert (overlays.mask(found, 0x6000, 1, shape=PLANE.shape) == (PLANE == 1)).all()
