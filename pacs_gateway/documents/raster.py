"""A drawing as pixels, by Pillow; imported in the child processes only."""

import unicodedata
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from pacs_gateway.documents.drawing import (
    GRID_FINE,
    GRID_FINE_WIDTH,
    GRID_STRONG,
    GRID_STRONG_WIDTH,
    WHITE,
    Box,
    Drawing,
    Grid,
    Label,
    Line,
    Point,
    Shape,
    grid_lines,
)

PIXELS_PER_MM = 8.0
"""As on paper at 200 dpi: a line of 0.25 mm is two pixels."""
MAX_PIXELS = 40_000_000
"""Beyond this a drawing gets fewer pixels a millimetre: 120 MB while it is drawn."""
_OVERSAMPLING = 3
"""Small pictures are drawn larger and made smaller, which smooths their lines."""
_MM_PER_INCH = 25.4
_ROUNDED_PIXELS = 4

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
# The letters that stay themselves when their marks are taken away.
_PLAIN = str.maketrans(
    {"Đ": "D", "đ": "d", "\N{MICRO SIGN}": "u", "\N{EN DASH}": "-", "·": "-", "…": "..."}
)


def picture(
    drawing: Drawing, *, file_format: str, quality: int, fit: tuple[int, int] | None
) -> bytes:
    """Return the drawing as a JPEG, PNG, GIF or WEBP file.

    `fit`: columns and rows to fit into, whatever the scale; None: PIXELS_PER_MM, and the file
    says so, as far as its format can.
    """
    most = (MAX_PIXELS / (drawing.width * drawing.height)) ** 0.5
    if fit is None:
        scale = min(PIXELS_PER_MM, most)
        image = _drawn(drawing, scale)
    else:
        wanted = min(fit[0] / drawing.width, fit[1] / drawing.height, most)
        wide, high = (max(1, round(side * wanted)) for side in (drawing.width, drawing.height))
        image = _drawn(drawing, min(wanted * _OVERSAMPLING, most))
        scale = wanted
        image = image.resize((wide, high), Image.Resampling.LANCZOS)
    file = BytesIO()
    dpi = scale * _MM_PER_INCH
    image.save(file, file_format, quality=quality, dpi=(dpi, dpi))
    return file.getvalue()


def _drawn(drawing: Drawing, scale: float) -> Image.Image:
    size = (max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale)))
    image = Image.new("RGB", size, WHITE)
    pen = _Pen(ImageDraw.Draw(image), scale)
    for shape in drawing.shapes:
        pen.draw(shape)
    return image


class _Pen:
    """Draws shapes given in millimetres."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self._draw = draw
        self._scale = scale

    def draw(self, shape: Shape) -> None:
        match shape:
            case Line():
                self._line([*shape.points], shape.colour, shape.width)
            case Box():
                right, bottom = shape.left + shape.width, shape.top + shape.height
                corners = [self._at((shape.left, shape.top)), self._at((right, bottom))]
                self._draw.rectangle(corners, fill=shape.colour)
            case Grid():
                self._grid(shape)
            case Label():
                self._label(shape)

    def _grid(self, grid: Grid) -> None:
        for start, end, strong in grid_lines(grid):
            colour = GRID_STRONG if strong else GRID_FINE
            self._line([start, end], colour, GRID_STRONG_WIDTH if strong else GRID_FINE_WIDTH)

    def _line(self, points: list[Point], colour: str, width: float) -> None:
        pixels = max(1, round(width * self._scale))
        # Corners of thin lines need no rounding, which takes a hundred times as long as the line.
        joint = "curve" if pixels >= _ROUNDED_PIXELS else None
        self._draw.line([self._at(point) for point in points], colour, pixels, joint)

    def _label(self, label: Label) -> None:
        font, plain = _font(max(1, round(label.size * self._scale)))
        text = _without_marks(label.text) if plain else label.text
        place = self._at((label.left, label.baseline))
        self._draw.text(place, text, label.colour, font, _ANCHORS[label.anchor])

    def _at(self, point: Point) -> Point:
        return point[0] * self._scale, point[1] * self._scale


@lru_cache(maxsize=16)
def _font(size: int) -> tuple[Font, bool]:
    """Return a font and whether it has plain letters only."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size), False
    except OSError:
        # Pillow brings this one along; Vietnamese is still read without its marks.
        return ImageFont.load_default(size), True


def _without_marks(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return decomposed.encode("ascii", "ignore").decode("ascii")
