"""WADO-RS: whole instances, metadata and frames (PS3.18 10.4)."""

import json
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive import transcoding
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.xmlmodel import native_model
from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging.recode import MADE_ON_REQUEST
from pacs_gateway.web import address, headerdocuments
from pacs_gateway.web.bodies import Bodies
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.datasets import XML, Form, choose_form, xml_parts
from pacs_gateway.web.envelope import Part, enveloped
from pacs_gateway.web.framedata import FrameData
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.negotiation import takes
from pacs_gateway.web.paths import (
    INSTANCE,
    SERIES,
    STUDY,
    accept_of,
    frame_numbers,
    instance_url,
    uids_of,
)
from pacs_gateway.web.ranges import ranged
from pacs_gateway.web.representations import DICOM, ObjectChoice, choose_objects
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from storage.lookup import StoredHeader
from storage.records import DicomJson, StoredInstance


class RetrieveEndpoints:
    """The routes of WADO-RS, without those of bulk data and those that render."""

    def __init__(self, services: Services) -> None:
        self._retrieval = services.retrieval
        self._renderer = services.renderer
        self._behind_proxy = services.settings.web.behind_proxy
        self._bodies = Bodies(services.settings.web.remembered_metadata_bytes)
        self._frame_data = FrameData(services)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(f"{INSTANCE}/frames/{{frames}}", self.frames),
            *(Route(f"{path}/metadata", self.metadata) for path in (STUDY, SERIES, INSTANCE)),
            *(Route(path, self.objects) for path in (STUDY, SERIES)),
            Route(INSTANCE, self.object),
        ]

    async def objects(self, request: Request) -> Response:
        """Answer with the instances of a study or series."""
        return await answer_of(request, lambda: self._objects(request))

    async def object(self, request: Request) -> Response:
        """Answer with one instance."""
        return await answer_of(
            request, lambda: self.whole(request, self._named(request), accept_of(request))
        )

    async def metadata(self, request: Request) -> Response:
        """Answer with the headers of instances in the DICOM JSON model or in XML."""
        return await answer_of(request, lambda: self._metadata(request))

    async def frames(self, request: Request) -> Response:
        """Answer with frames of one instance, in the order asked for."""
        return await answer_of(request, lambda: self._frames(request))

    def _objects(self, request: Request) -> Content:
        instances = self._retrieval.instances(*uids_of(request))
        stored = {instance.transfer_syntax_uid for instance in instances}
        choice = choose_objects(accept_of(request), stored, single=False)
        return enveloped(self._parts(request, instances, choice), DICOM)

    def whole(self, request: Request, instance: StoredInstance, accept: str) -> Content | Response:
        """Return one instance as `accept` wants it; blocking."""
        choice = choose_objects(accept, {instance.transfer_syntax_uid}, single=True)
        headers = validators(instance.sha256, choice)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        if choice.multipart:
            return enveloped(self._parts(request, [instance], choice), DICOM, headers)
        syntax = _served(instance, choice)
        content_type = _dicom_type(syntax)
        if syntax != instance.transfer_syntax_uid:
            pieces = transcoding.whole(self._retrieval, self._renderer, instance, syntax)
            return Content(pieces=pieces, content_type=content_type, headers=headers)
        return ranged(
            request,
            size=self._retrieval.part10_size(instance),
            read=lambda offset, length: self._retrieval.part10_range(instance, offset, length),
            content_type=content_type,
            headers=headers,
        )

    def _metadata(self, request: Request) -> Content | Response:
        study, series, instance = uids_of(request)
        form = choose_form(accept_of(request), single=instance is not None)
        zipped = takes("gzip", request.headers.get("accept-encoding", ""))
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        revision: Sequence[int] | None = None
        if series is not None and instance is not None:
            found = self._retrieval.instance(study, series, instance)
            # It may have been asked for under a series UID that is not its own any more.
            series, facts = found.series_uid, found.sha256
        else:
            revision = self._retrieval.revision(study, series)
            facts = ",".join(map(str, revision))
        headers = validators(facts, base, zipped, form, immutable=False)
        headers["Vary"] = "Accept, Accept-Encoding"
        if zipped:
            headers["Content-Encoding"] = "gzip"
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        study_url = f"{base}{STUDY.format(study=study)}"
        body = self._bodies.get(headers["ETag"])
        if body is not None:
            return Content(
                pieces=iter([body]), content_type=form, headers=headers, length=len(body)
            )
        found_headers = self._retrieval.headers(study, series, instance)
        if form not in (Form.DICOM_JSON, Form.JSON):
            return _in_xml(found_headers, study_url, form, headers, zipped=zipped)
        remembering = headerdocuments.Remembering(self._bodies, headers["ETag"], revision)
        pieces = headerdocuments.json_array(remembering.noting(found_headers), study_url)
        if zipped:
            pieces = headerdocuments.gzipped(pieces)
        return Content(pieces=remembering.kept(pieces), content_type=form, headers=headers)

    def _frames(self, request: Request) -> Content | Response:
        numbers = frame_numbers(request.path_params["frames"])
        instance = self._named(request)
        if instance.pixels is None:
            raise UnrenderableError("This instance has no pixels.")
        return self._frame_data.frames(request, instance, numbers)

    def _named(self, request: Request) -> StoredInstance:
        study, series, instance = uids_of(request)
        assert series is not None
        assert instance is not None
        return self._retrieval.instance(study, series, instance)

    def _parts(
        self, request: Request, instances: Sequence[StoredInstance], choice: ObjectChoice
    ) -> Iterator[Part]:
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        for instance in instances:
            syntax = _served(instance, choice)
            as_stored = syntax == instance.transfer_syntax_uid
            yield Part(
                pieces=transcoding.whole(self._retrieval, self._renderer, instance, syntax),
                content_type=_dicom_type(syntax),
                location=instance_url(base, instance),
                length=self._retrieval.part10_size(instance) if as_stored else None,
            )


def _served(instance: StoredInstance, choice: ObjectChoice) -> str:
    """Return the transfer syntax that an instance leaves in; only pixels can be compressed."""
    syntax = choice.syntaxes[instance.transfer_syntax_uid]
    if instance.pixels is None and syntax in MADE_ON_REQUEST:
        return meta.EXPLICIT_VR_LITTLE_ENDIAN
    return syntax


def _dicom_type(syntax: str) -> str:
    return f"{DICOM}; transfer-syntax={syntax}"


def _in_xml(
    found: Iterator[StoredHeader],
    study_url: str,
    form: Form,
    headers: dict[str, str],
    *,
    zipped: bool,
) -> Content:
    """Return headers in XML; one after the other is in memory."""
    models = (_located(header, study_url) for header in found)
    if form is Form.XML_ALONE:
        content_type = str(form)
        pieces: Iterator[bytes] = (native_model(model) for model in models)
    else:
        writer = MultipartWriter(XML)
        content_type, pieces = writer.content_type, xml_parts(models, writer)
    if zipped:
        pieces = headerdocuments.gzipped(pieces)
    return Content(pieces=pieces, content_type=content_type, headers=headers)


def _located(header: StoredHeader, study_url: str) -> DicomJson:
    """Return a header whose bulk data has addresses under which the client reaches it."""
    document = b"".join(headerdocuments.json_array(iter((header,)), study_url))
    model: DicomJson = json.loads(document)[0]
    return model
