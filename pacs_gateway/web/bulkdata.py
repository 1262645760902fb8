"""Bulk data resources of WADO-RS: one value, or all of a study, series or instance.

PS3.18 10.4.1.1.5 and 10.4.1.1.6. Of several instances those values come that can be had in a media
type which the client accepts (10.4.3.3); it is 406 only if none can.
"""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom import meta
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.errors import NotAcceptableError, UnknownError
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.envelope import Part, enveloped
from pacs_gateway.web.framedata import FrameData, answer_with, stored_as
from pacs_gateway.web.paths import INSTANCE, SERIES, STUDY, accept_of, uids_of
from pacs_gateway.web.representations import FrameChoice, choose_frames
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from storage.records import StoredInstance

# As dicom.jsonmodel writes it; inside of texts the quotes would be escaped.
_BULK_DATA = re.compile(rb'"BulkDataURI":"bulkdata/([0-9A-F/]+)"')
_Choices = Mapping[str, FrameChoice | None]


class BulkEndpoints:
    """The routes of bulk data and pixel data."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._frames = FrameData(services)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(f"{INSTANCE}/bulkdata/{{path:path}}", self.value),
            Route(f"{INSTANCE}/pixeldata", self.pixels_of_instance),
            *(Route(f"{path}/bulkdata", self.values) for path in (STUDY, SERIES, INSTANCE)),
            *(Route(f"{path}/pixeldata", self.pixels) for path in (STUDY, SERIES)),
        ]

    async def value(self, request: Request) -> Response:
        """Answer with a value that the metadata refers to; pixel data frame by frame."""
        return await answer_of(request, lambda: self._value(request))

    async def values(self, request: Request) -> Response:
        """Answer with all bulk data, a part for each value or compressed frame."""
        return await answer_of(request, lambda: self._all(request, only_pixels=False))

    async def pixels(self, request: Request) -> Response:
        """Answer with the pixel data of all instances."""
        return await answer_of(request, lambda: self._all(request, only_pixels=True))

    async def pixels_of_instance(self, request: Request) -> Response:
        """Answer with the pixel data of one instance."""
        return await answer_of(request, lambda: self._pixels_of_instance(request))

    def _value(self, request: Request) -> Content | Response:
        path = request.path_params["path"]
        instance = self._named(request)
        if instance.pixels is not None and path == instance.pixels.tag:
            return self._frames.value(request, instance)
        choice = choose_frames(accept_of(request), meta.EXPLICIT_VR_LITTLE_ENDIAN, single=True)
        headers = validators(instance.sha256, path, choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        value = bulk_value(self._retrieval.header(instance), path)
        location = f"{self._frames.location(request, instance)}/bulkdata/{path}"
        return answer_with(request, value, choice, headers, location)

    def _pixels_of_instance(self, request: Request) -> Content | Response:
        instance = self._named(request)
        if instance.pixels is None:
            raise UnknownError("This instance has no pixels.")
        return self._frames.value(request, instance)

    def _all(self, request: Request, *, only_pixels: bool) -> Content:
        study, series, uid = uids_of(request)
        instances = self._retrieval.instances(study, series, uid)
        choices = _choices(accept_of(request), instances)
        parts = self._parts(request, instances, choices, only_pixels=only_pixels)
        # Nothing of its value is read yet.
        first = next(parts, None)
        if first is None:
            raise UnknownError("Nothing here has bulk data.")
        return enveloped(chain((first,), parts), first.content_type.partition(";")[0])

    def _parts(
        self,
        request: Request,
        instances: Sequence[StoredInstance],
        choices: _Choices,
        *,
        only_pixels: bool,
    ) -> Iterator[Part]:
        for instance in instances:
            location = self._frames.location(request, instance)
            pixels = choices[stored_as(instance)]
            if instance.pixels is not None and pixels is not None:
                yield from self._frames.parts_of_value(instance, pixels, location)
            values = choices[meta.EXPLICIT_VR_LITTLE_ENDIAN]
            if not only_pixels and values is not None:
                yield from self._parts_of_values(instance, values, location)

    def _parts_of_values(
        self, instance: StoredInstance, choice: FrameChoice, location: str
    ) -> Iterator[Part]:
        """Yield the values that metadata refers to, without that of Pixel Data."""
        uids = (instance.study_uid, instance.series_uid, instance.sop_instance_uid)
        pixels = instance.pixels.tag if instance.pixels is not None else ""
        for packed in self._retrieval.metadata(*uids):
            found = (path.decode() for path in _BULK_DATA.findall(zlib.decompress(packed)))
            paths = [path for path in found if path != pixels]
            header = self._retrieval.header(instance) if paths else b""
            for path in paths:
                value = bulk_value(header, path)
                yield Part(
                    pieces=(value,),
                    content_type=choice.content_type,
                    location=f"{location}/bulkdata/{path}",
                    length=len(value),
                )

    def _named(self, request: Request) -> StoredInstance:
        study, series, instance = uids_of(request)
        assert series is not None
        assert instance is not None
        return self._retrieval.instance(study, series, instance)


def _choices(accept: str, instances: Sequence[StoredInstance]) -> _Choices:
    """Return how values of each transfer syntax are served, None where that is not accepted.

    Raises NotAcceptableError if nothing is.
    """
    choices: dict[str, FrameChoice | None] = {}
    refusals: list[NotAcceptableError] = []
    for stored in {*map(stored_as, instances), meta.EXPLICIT_VR_LITTLE_ENDIAN}:
        try:
            choices[stored] = choose_frames(accept, stored, single=False)
        except NotAcceptableError as error:
            choices[stored] = None
            refusals.append(error)
    if len(refusals) == len(choices):
        raise refusals[0]
    return choices
