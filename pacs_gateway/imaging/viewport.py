"""Where a finished picture goes: the part of it that is shown, turned and scaled (PS3.18 8.3.5.1.3).

This is the last step of the pipeline, after everything that is drawn in pixels of the image.
"""

from PIL import Image as Picture

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.options import Viewport

_REDUCING_GAP = 3.0
"""Pillow shrinks in two steps, a coarse one down to three times the size: as good, and faster."""


def placed(picture: Picture.Image, viewport: Viewport) -> Picture.Image:
    """Return the picture as large as the viewport allows, its aspect ratio kept.

    Raises BadRequestError if the part to be shown lies outside the picture.
    """
    if viewport.source is None:
        picture.thumbnail(
            (viewport.columns, viewport.rows),
            Picture.Resampling.LANCZOS,
            reducing_gap=_REDUCING_GAP,
        )
    else:
        picture = _part(picture, viewport.source, (viewport.columns, viewport.rows))
    if viewport.flip_horizontally:
        picture = picture.transpose(Picture.Transpose.FLIP_LEFT_RIGHT)
    if viewport.flip_vertically:
        picture = picture.transpose(Picture.Transpose.FLIP_TOP_BOTTOM)
    return picture


def _part(
    picture: Picture.Image, source: tuple[float, float, float, float], room: tuple[int, int]
) -> Picture.Image:
    left, top = max(0.0, source[0]), max(0.0, source[1])
    right = min(source[0] + source[2], float(picture.width))
    bottom = min(source[1] + source[3], float(picture.height))
    columns, rows = right - left, bottom - top
    if columns <= 0 or rows <= 0:
        raise BadRequestError("The part of the image that the viewport asks for is outside of it.")
    scale = min(room[0] / columns, room[1] / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return picture.resize(
        size,
        Picture.Resampling.LANCZOS,
        box=(left, top, right, bottom),
        reducing_gap=_REDUCING_GAP,
    )
