"""What a client may choose about a rendered frame (PS3.18 8.3.5)."""

import math
from dataclasses import dataclass

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.image import WINDOW_FUNCTIONS, Window

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"
GIF = "image/gif"
MP4 = "video/mp4"
STILL_TYPES = (JPEG, PNG, WEBP, GIF)
CINE_TYPES = (GIF, WEBP, MP4)
"""Types of one file that holds many frames."""

PATIENT, TECHNIQUE = "patient", "technique"
ANNOTATIONS = (PATIENT, TECHNIQUE)
NO_PROFILE, OWN_PROFILE = "no", "yes"
SRGB, ADOBE_RGB, ROMM_RGB, DISPLAY_P3 = "srgb", "adobergb", "rommrgb", "displayp3"
ICC_PROFILES = (NO_PROFILE, OWN_PROFILE, SRGB, ADOBE_RGB, ROMM_RGB, DISPLAY_P3)

_BEST_QUALITY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewport:
    """Where a picture goes, and which part of the image it shows (PS3.18 8.3.5.1.3).

    It is made as large as fits, also larger than the image: the standard says "shall scale", and
    a client that asked for a size counts on it. Without a viewport nothing is scaled.
    """

    columns: int
    rows: int
    source: tuple[float, float, float, float] | None = None
    """Left, top, columns and rows of the part that is shown, in pixels of the image."""
    flip_horizontally: bool = False
    flip_vertically: bool = False

    @property
    def possible(self) -> bool:
        """Whether there is anything to show, and room for it."""
        if min(self.columns, self.rows) < 1:
            return False
        if self.source is None:
            return True
        return all(map(math.isfinite, self.source)) and min(self.source[2:]) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """One choice; values that cannot be raise BadRequestError when it is made.

    Its `repr` says all of it, and names a rendering in caches.
    """

    media_type: str = JPEG
    quality: int = 90
    """From 1 to 100, of JPEG and WebP; PNG and GIF have none."""
    window: tuple[float, float, str] | None = None
    """Center, width and function (LINEAR, LINEAR_EXACT or SIGMOID) instead of the header's."""
    viewport: Viewport | None = None
    overlays: bool = False
    """Draw the overlays of the image (PS3.3 C.9.2) into the picture."""
    mask: bool = False
    """Instead of the image, what lies over it, for viewers that draw the image themselves."""
    annotations: tuple[str, ...] = ()
    """What to write into the picture, of ANNOTATIONS (PS3.18 8.3.5.1.1)."""
    icc_profile: str = NO_PROFILE
    """Of ICC_PROFILES: none, the image's own (else sRGB), or colours converted to one by name."""

    def __post_init__(self) -> None:
        if self.media_type not in (*STILL_TYPES, *CINE_TYPES):
            raise BadRequestError(f"Images are rendered as {' or '.join(STILL_TYPES)} only.")
        if not 1 <= self.quality <= _BEST_QUALITY:
            raise BadRequestError("The quality is a number from 1 to 100.")
        if self.viewport is not None and not self.viewport.possible:
            raise BadRequestError(
                "A viewport has at least one column and one row, and shows some part of the image."
            )
        if self.window is not None and not _usable(Window(*self.window)):
            raise BadRequestError(
                "A window is a center, a width of at least 1 (LINEAR) or above 0, and one of"
                f" {', '.join(WINDOW_FUNCTIONS)}."
            )
        if not set(self.annotations) <= set(ANNOTATIONS):
            raise BadRequestError(f"Annotations are {' and '.join(ANNOTATIONS)}.")
        if self.icc_profile not in ICC_PROFILES:
            raise BadRequestError(f"The ICC profile is one of {', '.join(ICC_PROFILES)}.")
        if self.icc_profile != NO_PROFILE and self.media_type in (GIF, MP4):
            # PS3.18 8.3.5.1.5 wants this where a type has no place for a profile.
            raise BadRequestError(f"Pictures of type {self.media_type} have no ICC profile.")


def _usable(window: Window) -> bool:
    finite = math.isfinite(window.center) and math.isfinite(window.width)
    return finite and window.function in WINDOW_FUNCTIONS and window.valid
