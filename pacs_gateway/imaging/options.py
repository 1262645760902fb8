"""What a client may choose about a rendered frame (PS3.18 8.3.5)."""

import math
from dataclasses import dataclass

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.image import WINDOW_FUNCTIONS, Window

JPEG = "image/jpeg"
PNG = "image/png"
MEDIA_TYPES = (JPEG, PNG)

_BEST_QUALITY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """One choice; values that cannot be raise BadRequestError when it is made."""

    media_type: str = JPEG
    quality: int = 90
    """JPEG quality from 1 to 100; PNG has none."""
    window: tuple[float, float, str] | None = None
    """Center, width and function (LINEAR, LINEAR_EXACT or SIGMOID) instead of the header's."""
    viewport: tuple[int, int] | None = None
    """Columns and rows to fit into; the aspect ratio is kept and nothing is enlarged."""

    def __post_init__(self) -> None:
        if self.media_type not in MEDIA_TYPES:
            raise BadRequestError(f"Images are rendered as {' or '.join(MEDIA_TYPES)} only.")
        if not 1 <= self.quality <= _BEST_QUALITY:
            raise BadRequestError("The quality is a number from 1 to 100.")
        if self.viewport is not None and min(self.viewport) < 1:
            raise BadRequestError("A viewport has at least one column and one row.")
        if self.window is not None and not _usable(Window(*self.window)):
            raise BadRequestError(
                "A window is a center, a width of at least 1 (LINEAR) or above 0, and one of"
                f" {', '.join(WINDOW_FUNCTIONS)}."
            )


def _usable(window: Window) -> bool:
    finite = math.isfinite(window.center) and math.isfinite(window.width)
    return finite and window.function in WINDOW_FUNCTIONS and window.valid
