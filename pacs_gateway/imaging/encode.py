"""From 8-bit pictures to the files a browser shows."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.imaging import film
from pacs_gateway.imaging.options import GIF, JPEG, MP4, PNG, WEBP, RenderOptions

_FULL_CHROMA = 0
"""Pillow's name for 4:4:4: thin coloured lines in ultrasound must not bleed."""
_PNG_LEVEL = 1
"""A CT slice takes 4.6 ms and 79 kB; level 6 takes 6.4 ms and 73 kB."""
_WEBP_METHOD = 2
"""A CT slice takes 16 ms and 18 kB; method 0 takes 6 ms and 22 kB."""
_FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP", GIF: "GIF"}
_MIN_DURATION_MS = 20
"""Browsers take shorter ones for a mistake, and show ten frames a second."""


def picture_of(pixels: NDArray[np.uint8]) -> Picture.Image:
    """Return (rows, columns) grey or (rows, columns, 3) RGB as a picture."""
    return Picture.fromarray(pixels)


def encode(picture: Picture.Image, options: RenderOptions, profile: bytes | None = None) -> bytes:
    """Return a picture as a file; `profile` is an ICC profile to put into it."""
    file = BytesIO()
    picture.save(file, _FORMATS[options.media_type], **_settings(options, profile))
    return file.getvalue()


def encode_cine(
    pictures: Sequence[Picture.Image],
    durations_ms: Sequence[float],
    *,
    options: RenderOptions,
    profile: bytes | None = None,
) -> bytes:
    """Return pictures as one moving GIF or WebP file that repeats for ever, or as a film in MP4.

    Raises NotAcceptableError where films cannot be made.
    """
    if options.media_type == MP4:
        return film.mp4(pictures, durations_ms, quality=options.quality)
    file = BytesIO()
    durations = [max(_MIN_DURATION_MS, round(duration)) for duration in durations_ms]
    pictures[0].save(
        file,
        _FORMATS[options.media_type],
        save_all=True,
        append_images=pictures[1:],
        duration=durations if len(durations) > 1 else durations[0],
        loop=0,
        **_settings(options, profile),
    )
    return file.getvalue()


def _settings(options: RenderOptions, profile: bytes | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if options.media_type == JPEG:
        chosen |= {"quality": options.quality, "subsampling": _FULL_CHROMA}
    elif options.media_type == WEBP:
        chosen |= {"quality": options.quality, "method": _WEBP_METHOD}
    elif options.media_type == PNG:
        chosen |= {"compress_level": _PNG_LEVEL}
    return chosen
