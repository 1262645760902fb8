"""What runs in the child process: header and frame bytes in, file bytes out; no network, no disk.

Only this module and what it imports know numpy and the codecs; the web process imports `render`.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging import (
    annotation,
    colour,
    graphics,
    header,
    luts,
    native,
    overlay,
    presentation,
    profiles,
)
from pacs_gateway.imaging.arrangement import arrangement
from pacs_gateway.imaging.decode import Decoded, decode, explicit_little_endian
from pacs_gateway.imaging.encode import encode, encode_cine, picture_of
from pacs_gateway.imaging.image import Window
from pacs_gateway.imaging.options import CINE_TYPES, RenderOptions
from pacs_gateway.imaging.state import State, read_state
from pacs_gateway.imaging.state import shades as grey_levels
from pacs_gateway.imaging.viewport import placed

OVERLAID, SHUTTERED = 255, 128
"""In a mask: what an overlay marks, and what lies outside of the shutters (PS3.3 C.7.6.11)."""


def render_frame(
    part10: bytes,
    frame: bytes,
    *,
    number: int,
    options: RenderOptions,
    max_samples: int,
    presentation_state: bytes | None = None,
) -> bytes:
    """Return frame `number` (1 being the first) as a file of `options.media_type`.

    `part10` is the object up to the value of its pixel data, `frame` the bytes of the frame,
    `presentation_state` the Part 10 file of a state to show it with.

    Raises UnrenderableError, BadRequestError.
    """
    parsed = _parsed(part10)
    state = _state(presentation_state, parsed, number)
    picture = _picture(parsed, frame, number, options, max_samples=max_samples, state=state)
    picture, profile = profiles.profiled(picture, parsed.data_set, options.icc_profile)
    return encode(picture, options, profile)


def render_cine(
    part10: bytes,
    frames: Sequence[bytes],
    *,
    options: RenderOptions,
    max_samples: int,
    max_bytes: int,
    presentation_state: bytes | None = None,
) -> bytes:
    """Return frames, the first of an instance, as one moving picture; raises as `render_frame`.

    It ends before its pictures would take more than `max_bytes` of memory; it has one at least.
    """
    if options.media_type not in CINE_TYPES:
        raise BadRequestError(f"Moving pictures come as {' or '.join(CINE_TYPES)} only.")
    parsed = _parsed(part10)
    pictures: list[Picture.Image] = []
    profile = None
    for number, frame in enumerate(frames, start=1):
        state = _state(presentation_state, parsed, number)
        picture = _picture(parsed, frame, number, options, max_samples=max_samples, state=state)
        picture, profile = profiles.profiled(picture, parsed.data_set, options.icc_profile)
        pictures.append(picture)
        if _bytes_of(picture) * (number + 1) > max_bytes:
            break
    durations = [header.frame_duration_ms(parsed.data_set, n + 1) for n in range(len(pictures))]
    return encode_cine(pictures, durations, options=options, profile=profile)


def native_frame(part10: bytes, frame: bytes, *, max_samples: int) -> bytes:
    """Return a frame as it would stand in Explicit VR Little Endian.

    Raises UnrenderableError.
    """
    return explicit_little_endian(header.image(_parsed(part10)), frame, max_samples=max_samples)


def _picture(
    parsed: header.Header,
    frame: bytes,
    number: int,
    options: RenderOptions,
    *,
    max_samples: int,
    state: State | None,
) -> Picture.Image:
    """Return what a screen shows: the steps of PS3.4 N.2 in their order."""
    decoded = decode(header.image(parsed), frame, max_samples=max_samples)
    if options.mask:
        return picture_of(_mask(parsed, decoded, number, state))
    pixels = _colours_or_greys(parsed, decoded, number, options, state)
    pixels = overlay.drawn(pixels, _overlays(parsed, decoded, number, options, state))
    picture = picture_of(pixels)
    if state is not None:
        shown = arrangement(state, picture.size)
        picture = shown.apply(presentation.shuttered(state, picture))
        picture = graphics.annotated(state, picture, shown)
    if options.viewport is not None:
        picture = placed(picture, options.viewport)
    if options.annotations:
        picture = annotation.annotated(picture, parsed.data_set, options.annotations, number=number)
    return picture


def _colours_or_greys(
    parsed: header.Header,
    decoded: Decoded,
    number: int,
    options: RenderOptions,
    state: State | None,
) -> NDArray[np.uint8]:
    values = native.stored_values(decoded.image, decoded.cells)
    if decoded.image.samples > 1:
        return colour.rgb(decoded.image, values)
    if decoded.image.photometric == "PALETTE COLOR":
        return luts.colours(values, header.palette(parsed))
    shades = header.shades(parsed, number)
    if state is not None:
        shades = grey_levels(state, shades)
    grey = luts.grey(values, shades, Window(*options.window) if options.window else None)
    return grey if state is None else presentation.coloured(state, grey)


def _overlays(
    parsed: header.Header,
    decoded: Decoded,
    number: int,
    options: RenderOptions,
    state: State | None,
) -> Iterator[NDArray[np.bool_]]:
    """Yield what overlays mark: all of the image if asked for, and those a state shows."""
    if options.overlays:
        yield from _all_overlays(parsed, decoded, number)
    if state is not None:
        yield from presentation.overlays(state, parsed, decoded)


def _all_overlays(
    parsed: header.Header, decoded: Decoded, number: int
) -> Iterator[NDArray[np.bool_]]:
    for group in overlay.GROUPS:
        yield overlay.mask(
            parsed.data_set, group, number, shape=decoded.cells.shape, decoded=decoded
        )


def _mask(
    parsed: header.Header, decoded: Decoded, number: int, state: State | None
) -> NDArray[np.uint8]:
    """Return what lies over the whole image, neither cut nor turned; 0 where nothing does.

    That is what the state shows, without one all overlays of the image.
    """
    rows, columns = decoded.cells.shape[:2]
    laid = np.zeros((rows, columns), np.uint8)
    if state is None:
        marked, hidden = _all_overlays(parsed, decoded, number), None
    else:
        marked = presentation.overlays(state, parsed, decoded)
        hidden = presentation.hidden(state, (columns, rows))
    for each in marked:
        laid[each] = OVERLAID
    if hidden is not None:
        laid[hidden] = SHUTTERED
    return laid


def _state(part10: bytes | None, image: header.Header, number: int) -> State | None:
    return read_state(part10, image, number) if part10 is not None else None


def _bytes_of(picture: Picture.Image) -> int:
    return picture.width * picture.height * len(picture.getbands())


@lru_cache(maxsize=4)
def _parsed(part10: bytes) -> header.Header:
    # Frames of one object are asked for in a row, and an enhanced header takes long to parse.
    return header.parse(part10)
