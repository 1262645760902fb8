"""Invariant: a colour picture carries the profile asked for, and no profile of an image, however
damaged, stops it from being shown."""

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from pacs_gateway.imaging import header, profiles
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.options import NO_PROFILE, OWN_PROFILE, SRGB
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


@pytest.mark.parametrize("damaged", [None, b"no profile", OWN[:100]])
@pytest.mark.parametrize("choice", [OWN_PROFILE, SRGB])
def test_without_a_usable_one_colours_are_srgb(damaged: bytes | None, choice: str) -> None:
    picture, profile = profiles.profiled(COLOUR, data_set(damaged), choice)
    assert profile is not None
    assert profile[16:20] == b"RGB "
    assert picture.tobytes() == COLOUR.tobytes()
