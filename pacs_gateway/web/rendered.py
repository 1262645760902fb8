"""WADO-RS rendered and thumbnail resources (PS3.18 10.4.1.1.3 and 8.3.5)."""

from collections.abc import Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.errors import BadRequestError, UnrenderableError
from pacs_gateway.imaging.options import MEDIA_TYPES, RenderOptions
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.negotiation import choose
from pacs_gateway.web.services import Services
from pacs_gateway.web.wado import accept_of, frame_numbers, uids_of
from storage.records import StoredInstance

THUMBNAIL_VIEWPORT = (160, 160)
"""Pixels; the cards of the study list are as wide."""
MAX_VIEWPORT = 16_384
"""Pixels a side, beyond any screen; pictures are not enlarged to it anyway."""

_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_VIEWPORT_NUMBERS = 2


class RenderedEndpoints:
    """The routes that answer with pictures."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._renderer = services.renderer

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/dicom-web/studies/{study}"
        series = f"{study}/series/{{series}}"
        instance = f"{series}/instances/{{instance}}"
        return [
            Route(f"{instance}/rendered", self.rendered),
            Route(f"{instance}/frames/{{frame}}/rendered", self.rendered),
            Route(f"{study}/thumbnail", self.thumbnail),
            Route(f"{series}/thumbnail", self.thumbnail),
            Route(f"{instance}/thumbnail", self.thumbnail),
            Route(f"{instance}/frames/{{frame}}/thumbnail", self.thumbnail),
        ]

    async def rendered(self, request: Request) -> Response:
        """Answer with a picture of one frame; of an instance's first, if none is named."""
        options = read_options(request.query_params, _media_type(request))
        number = _frame_number(request) or 1
        instances = await run_in_threadpool(self._retrieval.instances, *uids_of(request))
        return await self._picture(request, instances[0], number, options)

    async def thumbnail(self, request: Request) -> Response:
        """Answer with a small picture that stands for a study, series, instance or frame."""
        options = read_options(
            request.query_params, _media_type(request), viewport=THUMBNAIL_VIEWPORT
        )
        uids = uids_of(request)
        instances = await run_in_threadpool(self._retrieval.instances, *uids)
        shown = representative(instances)
        assert shown.pixels is not None
        number = _frame_number(request) or (shown.pixels.frame_count + 1) // 2
        return await self._picture(request, shown, number, options, fixed=uids[2] is not None)

    async def _picture(
        self,
        request: Request,
        instance: StoredInstance,
        number: int,
        options: RenderOptions,
        *,
        fixed: bool = True,
    ) -> Response:
        """`fixed`: the address names one instance, whose picture can never change."""
        headers = validators(instance.sha256, number, options, immutable=fixed)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        picture = await run_in_threadpool(self._render, instance, number, options)
        return Response(picture, headers=headers, media_type=options.media_type)

    def _render(self, instance: StoredInstance, number: int, options: RenderOptions) -> bytes:
        frame = self._retrieval.frame(instance, number)
        header = self._retrieval.header(instance)
        return self._renderer.render(header, frame, number=number, options=options)


def representative(instances: Sequence[StoredInstance]) -> StoredInstance:
    """Return the instance that stands for all: the middle one of the first series with pixels.

    Raises UnrenderableError if none has pixels.
    """
    shown = [instance for instance in instances if instance.pixels is not None]
    if not shown:
        raise UnrenderableError("There are no pixels here to show.")
    series = [instance for instance in shown if instance.series_uid == shown[0].series_uid]
    return series[len(series) // 2]


def read_options(
    parameters: Mapping[str, str], media_type: str, *, viewport: tuple[int, int] | None = None
) -> RenderOptions:
    """Return how to render; parameters that are not known are ignored (PS3.18 8.3.5).

    Raises BadRequestError.
    """
    if "viewport" in parameters:
        viewport = _viewport(parameters["viewport"])
    window = _window(parameters["window"]) if "window" in parameters else None
    if "quality" not in parameters:
        return RenderOptions(media_type=media_type, window=window, viewport=viewport)
    quality = _whole(parameters["quality"], "quality")
    return RenderOptions(media_type=media_type, quality=quality, window=window, viewport=viewport)


def _media_type(request: Request) -> str:
    return choose(accept_of(request), MEDIA_TYPES)


def _frame_number(request: Request) -> int | None:
    text = request.path_params.get("frame")
    if text is None:
        return None
    numbers = frame_numbers(text)
    if len(numbers) != 1:
        raise BadRequestError("One frame is rendered at a time.")
    return numbers[0]


def _window(text: str) -> tuple[float, float, str]:
    pieces = [piece.strip() for piece in text.lower().split(",")]
    function = _FUNCTIONS.get(pieces[2] if pieces[2:] else "linear")
    if len(pieces) not in (2, 3) or function is None:
        raise BadRequestError(
            "window is center,width or center,width,function"
            " with the function linear, linear-exact or sigmoid."
        )
    return _number(pieces[0]), _number(pieces[1]), function


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadRequestError("The window's center and width are numbers.") from error


def _viewport(text: str) -> tuple[int, int]:
    pieces = text.split(",")
    # Six numbers would also name a part of the image; that is not offered, and not guessed at.
    if len(pieces) != _VIEWPORT_NUMBERS:
        raise BadRequestError("viewport is width,height in pixels.")
    sides = [_whole(piece, "viewport") for piece in pieces]
    if not all(1 <= side <= MAX_VIEWPORT for side in sides):
        raise BadRequestError(f"The sides of the viewport are 1 to {MAX_VIEWPORT} pixels.")
    return sides[0], sides[1]


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004
        raise BadRequestError(f"{name} takes whole numbers.")
    return int(text)
