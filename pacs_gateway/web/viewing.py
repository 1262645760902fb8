"""What a viewer must know of a study to show it, in one small document made from the index.

A viewer that reads whole DICOM JSON loads some 3 kB for each image before the first one is shown;
here it is about 100 bytes, and nothing is left to interpret.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from pacs_gateway import __version__
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.documents.kinds import VIDEOS, kind_of
from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.model import BulkReader, ModelElements
from pacs_gateway.imaging.viewing import image_facts
from pacs_gateway.web import display
from pacs_gateway.web.bodies import Bodies
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.headerdocuments import Remembering, gzipped
from pacs_gateway.web.negotiation import takes
from pacs_gateway.web.paths import INSTANCE, uids_of
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from storage.lookup import StoredHeader
from storage.records import StoredInstance

JSON = "application/json"
_BULK_DATA = "bulkdata/"
_LOSSY = "01"


class ViewingEndpoints:
    """The route of what viewers begin with."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._bodies = Bodies(services.settings.web.remembered_metadata_bytes)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        path = "/api/studies/{study}/display"
        return [APIRoute(path, self.display, response_class=Response, tags=["studies"])]

    async def display(self, request: Request, study: str) -> Response:
        """Describe every series and image of a study: how stored values become shades, where and when."""
        del study
        return await answer_of(request, lambda: self._display(request))

    def _display(self, request: Request) -> Content | Response:
        study = uids_of(request).study
        zipped = takes("gzip", request.headers.get("accept-encoding", ""))
        revision = self._retrieval.revision(study)
        headers = validators(__version__, "display", revision, zipped, immutable=False)
        headers["Vary"] = "Accept-Encoding"
        if zipped:
            headers["Content-Encoding"] = "gzip"
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        body = self._bodies.get(headers["ETag"])
        if body is not None:
            return Content(
                pieces=iter([body]), content_type=JSON, headers=headers, length=len(body)
            )
        remembering = Remembering(self._bodies, headers["ETag"], revision)
        pieces = self._document(study, remembering.noting(self._retrieval.headers(study)))
        if zipped:
            pieces = gzipped(pieces)
        return Content(pieces=remembering.kept(pieces), content_type=JSON, headers=headers)

    def _document(self, study: str, headers: Iterator[StoredHeader]) -> Iterator[bytes]:
        """Yield the document; headers come series by series."""
        series: str | None = None
        for header in headers:
            model = ModelElements(
                json.loads(zlib.decompress(header.metadata)), self._bulk_reader(study, header)
            )
            if series is None:
                yield b'{"study":' + _encoded(_study(study, model)) + b',"series":['
            if header.series_uid != series:
                yield b"" if series is None else b"]},"
                series = header.series_uid
                # The list of instances stands open at the end of the object.
                yield _encoded(_series(series, model))[:-1] + b',"instances":['
            else:
                yield b","
            yield _encoded(self._instance(study, header, model))
        yield b'{"study":{},"series":[]}' if series is None else b"]}]}"

    def _instance(
        self, study: str, header: StoredHeader, elements: ModelElements
    ) -> dict[str, Any]:
        sop_class = _text(elements, "SOPClassUID")
        syntax = _text(elements, "AvailableTransferSyntaxUID")
        kind = _kind(elements, sop_class, syntax)
        shown = {}
        if kind == "image":
            shown = image_facts(elements, syntax, self._frames(study, header, elements))
        return {
            "uid": header.sop_instance_uid,
            "number": attributes.integer(elements, "InstanceNumber"),
            "sopClass": sop_class,
            "kind": kind,
            "address": INSTANCE.format(
                study=study, series=header.series_uid, instance=header.sop_instance_uid
            ),
            "lossy": _text(elements, "LossyImageCompression") == _LOSSY or meta.is_lossy(syntax),
            "acquired": _text(elements, "AcquisitionTime") or _text(elements, "ContentTime"),
            "sliceLocation": attributes.decimal(elements, "SliceLocation"),
            "laterality": _text(elements, "ImageLaterality"),
            "viewPosition": _text(elements, "ViewPosition"),
            **shown,
        }

    def _frames(self, study: str, header: StoredHeader, elements: ModelElements) -> int:
        """Return how many frames there are, which is not always what the header announces."""
        if (attributes.integer(elements, "NumberOfFrames") or 1) == 1:
            return 1
        pixels = self._named(study, header).pixels
        return pixels.frame_count if pixels is not None else 1

    def _named(self, study: str, header: StoredHeader) -> StoredInstance:
        return self._retrieval.instance(study, header.series_uid, header.sop_instance_uid)

    def _bulk_reader(self, study: str, header: StoredHeader) -> BulkReader:
        def read(uri: str) -> bytes:
            start = self._retrieval.header(self._named(study, header))
            return bulk_value(start, uri.removeprefix(_BULK_DATA))

        return read


def _study(study: str, elements: ModelElements) -> dict[str, Any]:
    return {
        "uid": study,
        "patient": {
            "name": display.person_name(elements.model.get("00100010")),
            "id": _text(elements, "PatientID"),
            "birthDate": _text(elements, "PatientBirthDate"),
            "sex": _text(elements, "PatientSex"),
        },
        "date": _text(elements, "StudyDate"),
        "time": _text(elements, "StudyTime"),
        "description": _text(elements, "StudyDescription"),
        "accession": _text(elements, "AccessionNumber"),
    }


def _series(uid: str, elements: ModelElements) -> dict[str, Any]:
    return {
        "uid": uid,
        "number": attributes.integer(elements, "SeriesNumber"),
        "modality": _text(elements, "Modality"),
        "description": _text(elements, "SeriesDescription"),
        "protocol": _text(elements, "ProtocolName"),
        "bodyPart": _text(elements, "BodyPartExamined"),
        "laterality": _text(elements, "Laterality"),
        "date": _text(elements, "SeriesDate"),
        "time": _text(elements, "SeriesTime"),
    }


def _kind(elements: ModelElements, sop_class: str, syntax: str) -> str:
    if kind_of(sop_class, syntax) in VIDEOS:
        return "video"
    if elements.pixel_tag and attributes.integer(elements, "Rows"):
        return "image"
    return display.object_kind(sop_class)


def _text(elements: ModelElements, keyword: str) -> str:
    found = attributes.first(elements, keyword)
    return "" if found is None else str(found)


def _encoded(part: dict[str, Any]) -> bytes:
    return json.dumps(part, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
