"""A picture is drawn wherever the gateway runs, with letters that can be read even where no font
for Vietnamese is installed."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageFont

from pacs_gateway.documents import raster
from pacs_gateway.documents.card import card
from pacs_gateway.documents.drawing import Box, Drawing, Grid, Label, Line


def pixels(drawing: Drawing, fit: tuple[int, int] | None = None) -> Image.Image:
    file = raster.picture(drawing, file_format="PNG", quality=90, fit=fit)
    return Image.open(BytesIO(file)).convert("RGB")


def test_shapes_are_drawn_where_they_are() -> None:
    drawing = Drawing(
        width=20,
        height=10,
        shapes=[
            Box(left=0, top=0, width=5, height=5, colour="#00ff00"),
            Line(points=((10, 2), (18, 2)), colour="#0000ff", width=1),
            Grid(left=10, top=5, width=5, height=5),
        ],
    )
    with pixels(drawing) as image:
        assert image.size == (20 * raster.PIXELS_PER_MM, 10 * raster.PIXELS_PER_MM)
        at = {
            (x, y): image.getpixel((int(x * 8), int(y * 8))) for x, y in [(2, 2), (14, 2), (7, 7)]
        }
        assert at == {(2, 2): (0, 255, 0), (14, 2): (0, 0, 255), (7, 7): (255, 255, 255)}
        assert image.getpixel((80, 60)) == (0xE9, 0xA9, 0xA3)


@pytest.mark.parametrize("fit", [(160, 160), (64, 300), (1, 1), (2000, 10)])
def test_a_picture_fits_and_keeps_its_proportions(fit: tuple[int, int]) -> None:
    with pixels(card("page", "Report"), fit) as image:
        assert image.size == (min(fit), min(fit))


def test_a_picture_stays_within_the_pixels_allowed() -> None:
    with pixels(card("page", "Report"), (100_000, 100_000)) as image:
        assert image.size[0] * image.size[1] <= raster.MAX_PIXELS * 1.01


def test_without_a_font_of_its_own_text_loses_only_its_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = ImageFont.truetype

    def installed_nowhere(font: Any, *arguments: Any, **more: Any) -> Any:
        if isinstance(font, str):
            raise OSError
        return real(font, *arguments, **more)

    assert raster._without_marks("NGUYỄN VĂN ĐỨC · 5 µV") == "NGUYEN VAN DUC - 5 uV"
    label = Label(left=1, baseline=8, text="Báo cáo", size=6)
    plain = Label(left=1, baseline=8, text="Bao cao", size=6)
    raster._font.cache_clear()
    monkeypatch.setattr(ImageFont, "truetype", installed_nowhere)
    with (
        pixels(Drawing(width=40, height=10, shapes=[label])) as marked,
        pixels(Drawing(width=40, height=10, shapes=[plain])) as unmarked,
    ):
        assert marked.tobytes() == unmarked.tobytes()
        assert min(marked.tobytes()) < 50
    raster._font.cache_clear()
