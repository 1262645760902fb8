"""WADO-URI: one object by its UIDs in the query string (PS3.18 9); what EMR links are made of."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, NotAcceptableError
from pacs_gateway.imaging.options import STILL_TYPES, RenderOptions, Viewport
from pacs_gateway.web.negotiation import choose
from pacs_gateway.web.paths import frame_numbers
from pacs_gateway.web.pictureoptions import MAX_VIEWPORT, picture_type, read_options
from pacs_gateway.web.rendered import OtherKindError, RenderedEndpoints
from pacs_gateway.web.renditions import Renditions
from pacs_gateway.web.representations import DICOM
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from pacs_gateway.web.wado import RetrieveEndpoints
from storage.records import StoredInstance

_UIDS = ("studyUID", "seriesUID", "objectUID")
_RENAMED = {"imageQuality": "quality", "annotation": "annotation"}
"""Parameters of WADO-RS by their names here."""


class WadoUriEndpoints:
    """The route `/wado`."""

    def __init__(
        self, services: Services, retrieve: RetrieveEndpoints, rendered: RenderedEndpoints
    ) -> None:
        self._retrieval = services.retrieval
        self._retrieve = retrieve
        self._rendered = rendered
        self._renditions = Renditions(services)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route("/wado", self.object)]

    async def object(self, request: Request) -> Response:
        """Answer with one object, as DICOM or as a picture, page or document."""
        try:
            return await answer_of(request, lambda: self._object(request))
        except OtherKindError as other:
            forms = self._renditions.media_types(other.instance)
            media_type = choose(_content_type(request) or "*/*", forms)
            return await self._renditions.answer(request, other.instance, media_type)

    def _object(self, request: Request) -> Content | Response:
        given = request.query_params
        _check(given)
        study, series, uid = (given[name] for name in _UIDS)
        instance = self._retrieval.instance(study, series, uid)
        accept = _content_type(request)
        if _wants_dicom(accept, instance):
            syntax = given.get("transferSyntax")
            wanted = f"{DICOM}; transfer-syntax={syntax}" if syntax else DICOM
            return self._retrieve.whole(request, instance, wanted)
        if self._renditions.media_types(instance):
            raise OtherKindError(instance)
        frames = frame_numbers(given["frameNumber"]) if "frameNumber" in given else ()
        if len(frames) > 1:
            raise BadRequestError("frameNumber is one number.")
        return self._rendered.show(
            request,
            instance,
            self._options(given, picture_type(accept or "*/*", STILL_TYPES), instance),
            frames=frames,
            state_uid=given.get("presentationUID"),
        )

    def _options(
        self, given: Mapping[str, str], media_type: str, instance: StoredInstance
    ) -> RenderOptions:
        parameters = {ours: given[name] for name, ours in _RENAMED.items() if name in given}
        window = [given.get(name) for name in ("windowCenter", "windowWidth")]
        if any(window):
            if not all(window):
                raise BadRequestError("windowCenter and windowWidth belong together.")
            parameters["window"] = ",".join(str(part) for part in window)
        return read_options(parameters, media_type, viewport=self._viewport(given, instance))

    def _viewport(self, given: Mapping[str, str], instance: StoredInstance) -> Viewport | None:
        """Return where the picture goes: `rows` and `columns` are the most it may have."""
        if not {"rows", "columns", "region"} & set(given):
            return None
        columns, rows = (_side(given.get(name)) for name in ("columns", "rows"))
        if "region" not in given:
            return Viewport(columns=columns or MAX_VIEWPORT, rows=rows or MAX_VIEWPORT)
        left, top, right, bottom = _region(given["region"])
        wide, high = self._size(instance)
        source = (left * wide, top * high, (right - left) * wide, (bottom - top) * high)
        # Without a size the part comes as large as it is.
        return Viewport(
            columns=columns or (MAX_VIEWPORT if rows else max(1, round(source[2]))),
            rows=rows or (MAX_VIEWPORT if columns else max(1, round(source[3]))),
            source=source,
        )

    def _size(self, instance: StoredInstance) -> tuple[float, float]:
        """Return columns and rows of an image."""
        uids = (instance.study_uid, instance.series_uid, instance.sop_instance_uid)
        model = json.loads(zlib.decompress(next(self._retrieval.metadata(*uids))))
        return _number(model, "00280011"), _number(model, "00280010")


def _check(given: Mapping[str, str]) -> None:
    if given.get("requestType") != "WADO":
        raise BadRequestError("requestType must be WADO.")
    for name in _UIDS:
        if not is_uid(given.get(name, "")):
            raise BadRequestError(f"{name} is missing, or is no UID.")
    if given.get("anonymize", "no") == "yes":
        raise NotAcceptableError("Objects are not anonymized here; ask without anonymize.")


def _content_type(request: Request) -> str:
    return request.query_params.get("contentType") or request.headers.get("accept", "")


def _wants_dicom(accept: str, instance: StoredInstance) -> bool:
    if DICOM in accept.lower():
        return True
    # What has no picture comes as it is, unless another form of it is asked for (9.1.2.2.3).
    return instance.pixels is None and accept in ("", "*/*")


def _side(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_VIEWPORT):
        raise BadRequestError(f"rows and columns are 1 to {MAX_VIEWPORT}.")
    return int(text)


def _region(text: str) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = (float(piece) for piece in text.split(","))
    except ValueError as error:
        raise BadRequestError("region is left,top,right,bottom, each from 0 to 1.") from error
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadRequestError("region is left,top,right,bottom, each from 0 to 1.")
    return left, top, right, bottom


def _number(model: Mapping[str, Any], tag: str) -> float:
    value = (model.get(tag, {}).get("Value") or [0])[0]
    return float(value) if isinstance(value, int) else 0.0
