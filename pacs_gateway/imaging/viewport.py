"""Where a finished picture goes: the part of it that is shown, turned and scaled (PS3.18 8.3.5.1.3).

This is the last step of the pipeline, after everything that is drawn in pixels of the image.
"""

from PIL import Image as Picture

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.options import Viewport

_REDUCING_GAP = 3.0
"""Pillow shrinks in two steps, a coarse one down to three times the size: as good, and faster."""

Box = tuple[float, float, float, float]


def placed(picture: Picture.Image, viewport: Viewport) -> Picture.Image:
    """Return the picture as large as the viewport allows, its aspect ratio kept.

    Raises BadRequestError if the part to be shown lies outside the picture.
    """
    left, top, right, bottom = box = _shown(picture, viewport)
    columns, rows = right - left, bottom - top
    scale = min(viewport.columns / columns, viewport.rows / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    picture = picture.resize(size, Picture.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)
    if viewport.flip_horizontally:
        picture = picture.transpose(Picture.Transpose.FLIP_LEFT_RIGHT)
    if viewport.flip_vertically:
        picture = picture.transpose(Picture.Transpose.FLIP_TOP_BOTTOM)
    return picture


def _shown(picture: Picture.Image, viewport: Viewport) -> Box:
    """Return left, top, right and bottom of what is shown of a picture."""
    whole = 0.0, 0.0, float(picture.width), float(picture.height)
    if viewport.source is None:
        return whole
    left, top, columns, rows = viewport.source
    box = max(0.0, left), max(0.0, top), min(left + columns, whole[2]), min(top + rows, whole[3])
    if box[0] >= box[2] or box[1] >= box[3]:
        raise BadRequestError("The part of the image that the viewport asks for is outside of it.")
    return box
