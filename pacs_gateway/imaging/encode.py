"""From 8-bit pictures to the files a browser shows."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.imaging.options import JPEG, RenderOptions

_FULL_CHROMA = 0
"""Pillow's name for 4:4:4: thin coloured lines in ultrasound must not bleed."""


def encode(pixels: NDArray[np.uint8], options: RenderOptions) -> bytes:
    """Return a JPEG or PNG file of (rows, columns) grey or (rows, columns, 3) RGB."""
    picture = Picture.fromarray(pixels)
    if options.viewport is not None:
        # Keeps the aspect ratio and never enlarges: a browser does that as well, for free.
        picture.thumbnail(options.viewport, Picture.Resampling.LANCZOS, reducing_gap=3.0)
    file = BytesIO()
    if options.media_type == JPEG:
        picture.save(file, "JPEG", quality=options.quality, subsampling=_FULL_CHROMA)
    else:
        picture.save(file, "PNG")
    return file.getvalue()
