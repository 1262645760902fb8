"""Invariant: what is written into a picture can be read and is never another word or number, whatever
font the machine has."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pacs_gateway.imaging.lettering import Lettering, lettering, written

PLAIN = Lettering(ImageFont.load_default(12), rich=False)
RICH = Lettering(ImageFont.load_default(12), rich=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nguyễn Văn Đạt", "Nguyen Van Dat"),
        ("Nguyê\u0303n Đặng", "Nguyen Dang"),
        ("12 mm² at 45°", "12 mm2 at 45 deg"),
        ("1½ µm", "1? um"),
        ("Иван", "????"),
        ("a\nb\x1b[2J", "a b?[2J"),
    ],
)
def test_a_font_of_english_letters(text: str, shown: str) -> None:
    assert PLAIN.shown(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nguyễn Văn Đạt", "Nguyễn Văn Đạt"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("12 mm² … 45°", "12 mm² … 45°"),
        ("阮文", "??"),
        ("a\u200bb\x00", "a?b?"),
    ],
)
def test_a_font_of_many_letters(text: str, shown: str) -> None:
    assert RICH.shown(text) == shown


def test_the_font_of_this_machine_has_a_shape_for_each_vietnamese_letter() -> None:
    letters = lettering(1024)
    shapes = {bytes(letters.font.getmask(letters.shown(letter))) for letter in ("A", "Ế", "Đ", "Ơ")}
    missing = bytes(letters.font.getmask("\uffff"))
    assert missing not in shapes
    assert len(shapes) == 4


def test_letters_grow_with_the_picture_and_have_a_dark_rim() -> None:
    assert lettering(4096).height > 2 * lettering(512).height
    picture = Image.new("L", (64, 32), 255)
    written(ImageDraw.Draw(picture), "Ag", (8, 8), lettering(512), 255)
    found = np.asarray(picture)
    assert found.min() == 0
    assert (found[:4] == 255).all()
