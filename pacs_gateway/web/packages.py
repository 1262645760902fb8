"""Whole studies as one ZIP file, for patients and for staff."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from pacs_gateway.archive.package import package
from pacs_gateway.audit import acts
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.services import Services
from pacs_gateway.web.streaming import Content, answer_of
from pacs_gateway.web.templating import Templates

MEDIA_TYPE = "application/zip"
README = "README.txt"
_BYTE_ORDER_MARK = "\ufeff"
"""By which old editors on Windows know UTF-8."""


class Packages:
    """Makes packages, each with its row in the audit trail."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._retrieval = services.retrieval
        self._index = services.index
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._templates = templates

    def content(self, request: Request, study_uids: Sequence[str]) -> Content:
        """Return a ZIP of studies; it is on record before its first byte leaves.

        Raises UnknownError or GoneError if a study has nothing to show, UnavailableError.
        """
        whole = package(self._retrieval, study_uids, {README: self._readme(request)})
        if request.method != "HEAD":
            who = self._recorder.who(request, caller_of(request))
            for study_uid, instances in whole.instances.items():
                entry = acts.study_downloaded(
                    who,
                    study_uid=study_uid,
                    patient_id=self._index.patient_id(study_uid),
                    instances=instances,
                    form="zip",
                )
                self._audit_log.append(entry)
        return Content(
            pieces=whole.pieces,
            content_type=MEDIA_TYPE,
            headers={"Content-Disposition": 'attachment; filename="images.zip"'},
            length=whole.size,
        )

    def _readme(self, request: Request) -> str:
        text = self._templates.texts(request)("package.readme")
        return _BYTE_ORDER_MARK + text.replace("\n", "\r\n")


class PackageEndpoints:
    """The route of whole studies as ZIP."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        path = "/api/studies/{study}/archive"
        answer: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}}}
        return [
            APIRoute(
                path, self.archive, response_class=Response, responses=answer, tags=["studies"]
            )
        ]

    async def archive(self, request: Request, study: str) -> Response:
        """Download every instance of a study as received, in one ZIP file with a list of them."""
        return await answer_of(request, lambda: self._packages.content(request, [study]))
