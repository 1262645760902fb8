"""ICC profiles of colour pictures (PS3.18 8.3.5.1.5, PS3.3 C.11.15)."""

from functools import lru_cache
from io import BytesIO

from PIL import Image as Picture
from PIL import ImageCms

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.options import NO_PROFILE, SRGB


def profiled(
    picture: Picture.Image, data_set: DataSet, choice: str
) -> tuple[Picture.Image, bytes | None]:
    """Return the picture in the colours asked for, and the profile to put into its file.

    Grey pictures have no profile: their values are P-Values.
    """
    if choice == NO_PROFILE or picture.mode == "L":
        return picture, None
    own = _own(data_set)
    if choice == SRGB:
        return (_converted(picture, own) if own else picture), _srgb()
    return picture, own or _srgb()


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


def _converted(picture: Picture.Image, profile: bytes) -> Picture.Image:
    try:
        result = ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        )
    except ImageCms.PyCMSError:
        # A profile of another colour space than the pixels': the pixels stay what they are.
        return picture
    return result if result is not None else picture


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
