"""A hospital's own colour is readable wherever pages put it, and its logo is a small picture; what
is not stops the start with one line that says what to do."""

import colorsys
import re
from pathlib import Path

import pytest

import viewer
from pacs_gateway.config import HospitalSettings, load_settings
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.identity import (
    CONTRAST,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    MAX_LOGO_BYTES,
    check_accent,
    contrast,
    dark_shades,
    light_shades,
    read_logo,
)
from pacs_gateway.web.identity import Identity

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def hues(*, value: float) -> list[str]:
    colours = [colorsys.hsv_to_rgb(step / 12, 0.9, value) for step in range(12)]
    return ["#" + "".join(f"{round(channel * 255):02x}" for channel in each) for each in colours]


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#ffffff", 8.59)],
)
def test_contrast_is_that_of_the_guidelines(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


def test_the_grounds_are_those_of_the_pages() -> None:
    tokens = (viewer.static_dir() / "css" / "tokens.css").read_text()
    themes = [tuple(re.findall(rf"--{name}: (#\w+);", tokens)) for name in ("surface", "ground")]
    assert [each[0] for each in themes] == list(LIGHT_GROUNDS)
    assert [set(each[1:]) for each in themes] == [{each} for each in DARK_GROUNDS]


@pytest.mark.parametrize("colour", [*hues(value=0.4), "#000000", "#0f766e"])
def test_an_accepted_colour_is_readable_in_every_place_and_theme(colour: str) -> None:
    light, dark = light_shades(check_accent(colour, dark=False)), dark_shades(colour)
    for shades, grounds in ((light, LIGHT_GROUNDS), (dark, DARK_GROUNDS)):
        for ground in grounds:
            assert contrast(shades.accent, ground) >= CONTRAST
        assert contrast(shades.on_accent, shades.accent) >= CONTRAST
        assert contrast(shades.strong, shades.ground) >= CONTRAST


@pytest.mark.parametrize("colour", ["#ffcc00", "#00ff00", "#999999"])
def test_a_pale_colour_is_refused_with_one_that_would_do(colour: str) -> None:
    with pytest.raises(ValueError, match="WCAG AA") as refused:
        check_accent(colour, dark=False)
    better = re.search(r"(#[0-9a-f]{6}) would do", str(refused.value))
    assert better is not None
    assert check_accent(better[1], dark=False) == better[1]


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#0f766e; }", ""])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="is no colour"):
        check_accent(colour, dark=False)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"<svg onload='alert(1)'/>", "is no PNG"),
        (b"", "is no PNG"),
        (PNG + b"\0" * MAX_LOGO_BYTES, "more than 256 KiB"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_small_picture_is_refused(
    tmp_path: Path, content: bytes | None, fault: str
) -> None:
    path = tmp_path / "logo"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=fault):
        read_logo(path)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"RIFF1234WEBP", "image/webp")],
)
def test_pictures_are_known_by_their_content(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    (tmp_path / "logo").write_bytes(content)
    assert read_logo(tmp_path / "logo").media_type == media_type


def test_a_wrong_identity_stops_the_start_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACS_GATEWAY_HOSPITAL__ACCENT", "#ffff00")
    with pytest.raises(
        ConfigurationError, match=r"hospital\.accent .*contrast of 1\.\d to 1"
    ) as no:
        load_settings()
    assert "\n" not in str(no.value)


def test_a_logo_that_went_away_is_told(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(PNG)
    settings = HospitalSettings(logo=path)
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"hospital\.logo"):
        Identity(settings)
