"""Invariant: a colour picture carries the profile asked for, and no profile of an image, however
damaged, stops it from being shown."""

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from pacs_gateway.imaging import header, profiles
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.options import (
    ADOBE_RGB,
    DISPLAY_P3,
    NO_PROFILE,
    OWN_PROFILE,
    ROMM_RGB,
    SRGB,
)
from tests.instances import made

OWN = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
COLOUR = Image.fromarray(np.full((2, 2, 3), (200, 100, 50), np.uint8))


def data_set(profile: bytes | None = None) -> DataSet:
    if profile is None:
        return header.parse(made()).data_set
    return header.parse(made(OpticalPathSequence=[_item(profile)])).data_set


def _item(profile: bytes) -> Dataset:
    item = Dataset()
    item.ICCProfile = profile + b"\0" * (len(profile) % 2)
    return item


def test_none_unless_asked_for_and_never_for_grey() -> None:
    grey = Image.new("L", (2, 2))
    assert profiles.profiled(COLOUR, data_set(OWN), NO_PROFILE)[1] is None
    assert profiles.profiled(grey, data_set(OWN), OWN_PROFILE)[1] is None


def test_the_own_profile_is_passed_on() -> None:
    picture, profile = profiles.profiled(COLOUR, data_set(OWN), OWN_PROFILE)
    assert profile is not None
    assert profile.startswith(OWN)
    assert picture.tobytes() == COLOUR.tobytes()


@pytest.mark.parametrize(
    "damaged", [None, b"no profile", OWN[:100]], ids=["none", "text", "cut short"]
)
@pytest.mark.parametrize("choice", [OWN_PROFILE, SRGB])
def test_without_a_usable_one_colours_are_srgb(damaged: bytes | None, choice: str) -> None:
    picture, profile = profiles.profiled(COLOUR, data_set(damaged), choice)
    assert profile is not None
    assert profile[16:20] == b"RGB "
    assert picture.tobytes() == COLOUR.tobytes()


@pytest.mark.parametrize(
    ("choice", "expected"),
    # The same red of sRGB, by the matrices that the makers of these colour spaces published.
    [(SRGB, (255, 0, 0)), (ADOBE_RGB, (219, 0, 0)), (DISPLAY_P3, (234, 51, 35)),
     (ROMM_RGB, (179, 70, 27))],
)  # fmt: skip
def test_colours_are_converted_to_the_profile_by_name(
    choice: str, expected: tuple[int, ...]
) -> None:
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    picture, profile = profiles.profiled(red, data_set(), choice)
    assert np.abs(np.array(picture.getpixel((0, 0))) - expected).max() <= 1
    white = profiles.profiled(Image.new("RGB", (1, 1), (255, 255, 255)), data_set(), choice)[0]
    assert white.getpixel((0, 0)) == (255, 255, 255)
    assert profile is not None
    # What reads the profile finds the red of sRGB again.
    back = profiles.profiled(picture, data_set(profile), SRGB)[0]
    assert np.abs(np.array(back.getpixel((0, 0))) - (255, 0, 0)).max() <= 3
