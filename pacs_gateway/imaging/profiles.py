"""ICC profiles of colour pictures (PS3.18 8.3.5.1.5, PS3.3 C.11.15)."""

from functools import lru_cache
from io import BytesIO

import imagecodecs
import numpy as np
from PIL import Image as Picture
from PIL import ImageCms

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.options import (
    ADOBE_RGB,
    DISPLAY_P3,
    NO_PROFILE,
    OWN_PROFILE,
    ROMM_RGB,
    SRGB,
)

_CURVE_ENTRIES = 1024


def profiled(
    picture: Picture.Image, data_set: DataSet, choice: str
) -> tuple[Picture.Image, bytes | None]:
    """Return the picture in the colours asked for, and the profile to put into its file.

    Grey pictures have no profile: their values are P-Values.
    """
    if choice == NO_PROFILE or picture.mode == "L":
        return picture, None
    own = _own(data_set)
    if choice == OWN_PROFILE:
        return picture, own or _named(SRGB)
    source, target = own or _named(SRGB), _named(choice)
    return (picture if source == target else _converted(picture, source, target)), target


def _own(data_set: DataSet) -> bytes | None:
    path = attributes.item(data_set, "OpticalPathSequence")
    for place in (data_set, path):
        found = attributes.value(place, "ICCProfile") if place is not None else None
        if isinstance(found, bytes) and _readable(found):
            return found
    return None


def _readable(profile: bytes) -> bool:
    try:
        ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return False
    return True


def _converted(picture: Picture.Image, source: bytes, target: bytes) -> Picture.Image:
    try:
        result = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(BytesIO(source)),
            ImageCms.ImageCmsProfile(BytesIO(target)),
        )
    except ImageCms.PyCMSError:
        # A profile of another colour space than the pixels': the pixels stay what they are.
        return picture
    return result if result is not None else picture


@lru_cache(maxsize=4)
def _named(name: str) -> bytes:
    """Return a profile by its name in PS3.18; primaries and white points are as published."""
    if name == ADOBE_RGB:
        return bytes(imagecodecs.cms_profile("adobergb"))
    if name == ROMM_RGB:
        # ISO 22028-2.
        primaries = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
        return _built((0.3457, 0.3585), primaries, gamma=1.8)
    if name == DISPLAY_P3:
        # The primaries of SMPTE RP 431-2 with the white point and the curve of sRGB.
        primaries = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
        return _built((0.3127, 0.3290), primaries)
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _built(
    white: tuple[float, float], primaries: tuple[float, ...], gamma: float | None = None
) -> bytes:
    """Return a profile of three primaries (x and y of each); without `gamma` it is sRGB's curve."""
    if gamma is not None:
        built = imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=gamma)
        return bytes(built)
    encoded = np.linspace(0, 1, _CURVE_ENTRIES)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004
    curve = np.round(linear * 0xFFFF).astype(np.uint16)
    built = imagecodecs.cms_profile(
        "rgb", whitepoint=white, primaries=primaries, transferfunction=curve
    )
    return bytes(built)
