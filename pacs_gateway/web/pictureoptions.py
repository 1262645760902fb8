"""From the query string of a rendered resource to what is rendered (PS3.18 8.3.5).

Parameters that are not known are ignored; known ones that make no sense are refused.
"""

from collections.abc import Mapping, Sequence

from pacs_gateway.errors import BadRequestError, NotAcceptableError
from pacs_gateway.imaging.options import ANNOTATIONS, STILL_TYPES, RenderOptions, Viewport
from pacs_gateway.web.negotiation import MediaType, accepted

MAX_VIEWPORT = 4096
"""Pixels a side; the largest screens for reading have 4096 x 2160."""

OVERLAYS = ("true", "false", "mask")
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_VIEWPORT_SIZE, _VIEWPORT_WITH_SOURCE = 2, 6
_TO_THE_EDGE = 1e9
"""Pixels; more than any image has."""
_MAX_DIGITS = 9


def read_options(
    parameters: Mapping[str, str], media_type: str, *, viewport: Viewport | None = None
) -> RenderOptions:
    """Return how to render; `viewport` is what counts without a parameter of that name.

    Raises BadRequestError.
    """
    if "viewport" in parameters:
        viewport = _viewport(parameters["viewport"])
    window = _window(parameters["window"]) if "window" in parameters else None
    quality = _whole(parameters["quality"], "quality") if "quality" in parameters else 90
    overlays = _overlays(parameters)
    return RenderOptions(
        media_type=media_type,
        quality=quality,
        window=window,
        viewport=viewport,
        overlays=overlays == "true",
        mask=overlays == "mask",
        annotations=_annotations(parameters.get("annotation", "")),
        icc_profile=parameters.get("iccprofile", "no").lower(),
    )


def picture_type(accept: str, offered: Sequence[str] = STILL_TYPES) -> str:
    """Return the type of `offered` that the client wants most; the first of several as welcome.

    Browsers welcome everything they can show alike, and a JPEG is made in a tenth of the time of
    a WebP. Multipart types count as what their parts are.

    Raises NotAcceptableError if it wants none of them.
    """
    ranges = [_inner(wanted) for wanted in accepted(accept)]
    best = max(offered, key=lambda name: _quality(name, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptableError(f"This resource comes as {' or '.join(offered)} only.")
    return best


def _inner(wanted: MediaType) -> MediaType:
    if wanted.name != "multipart/related":
        return wanted
    return MediaType(wanted.parameters.get("type", "*/*").lower(), wanted.parameters)


def _quality(name: str, ranges: Sequence[MediaType]) -> float:
    """Return how welcome a type is; the most exact range decides (RFC 9110 12.5.1)."""
    fitting = [wanted for wanted in ranges if wanted.matches(name)]
    return min(fitting, key=lambda wanted: wanted.name.count("*")).quality if fitting else 0.0


def _window(text: str) -> tuple[float, float, str]:
    pieces = [piece.strip() for piece in text.lower().split(",")]
    function = _FUNCTIONS.get(pieces[2] if pieces[2:] else "linear")
    if len(pieces) not in (2, 3) or function is None:
        raise BadRequestError(
            "window is center,width or center,width,function"
            " with the function linear, linear-exact or sigmoid."
        )
    center, width = (_number(piece, "The window's center and width") for piece in pieces[:2])
    return center, width, function


def _viewport(text: str) -> Viewport:
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) not in (_VIEWPORT_SIZE, _VIEWPORT_WITH_SOURCE):
        raise BadRequestError(
            "viewport is width,height in pixels, or width,height,left,top,width,height with the"
            " part of the image to show."
        )
    columns, rows = (_whole(piece, "viewport") for piece in pieces[:_VIEWPORT_SIZE])
    if not all(1 <= side <= MAX_VIEWPORT for side in (columns, rows)):
        raise BadRequestError(f"The sides of the viewport are 1 to {MAX_VIEWPORT} pixels.")
    if len(pieces) == _VIEWPORT_SIZE:
        return Viewport(columns=columns, rows=rows)
    defaults = (0.0, 0.0, _TO_THE_EDGE, _TO_THE_EDGE)
    left, top, wide, high = (
        _number(piece, "The numbers of a viewport") if piece else default
        for piece, default in zip(pieces[_VIEWPORT_SIZE:], defaults, strict=True)
    )
    return Viewport(
        columns=columns,
        rows=rows,
        source=(left, top, abs(wide), abs(high)),
        flip_horizontally=wide < 0,
        flip_vertically=high < 0,
    )


def _annotations(text: str) -> tuple[str, ...]:
    wanted = {piece.strip().lower() for piece in text.split(",")} - {""}
    if not wanted <= set(ANNOTATIONS):
        raise BadRequestError(f"annotation is made of {' and '.join(ANNOTATIONS)}.")
    return tuple(kind for kind in ANNOTATIONS if kind in wanted)


def _overlays(parameters: Mapping[str, str]) -> str:
    text = parameters.get("overlays", "false").lower()
    if text not in OVERLAYS:
        raise BadRequestError(f"overlays is one of {', '.join(OVERLAYS)}.")
    return text


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadRequestError(f"{what} are numbers.") from error


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadRequestError(f"{name} takes whole numbers.")
    return int(text)
