"""The pages: the list of studies, one study's previews.

All of them work without scripts; scripts only add keys, the larger preview and friendlier errors.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

import viewer
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.listpage import receiver_of, studies_context
from pacs_gateway.web.services import Services
from pacs_gateway.web.sharing import BY_SHARE
from pacs_gateway.web.staticfiles import ImmutableFiles
from pacs_gateway.web.studylist import read_filters, read_page
from pacs_gateway.web.studypage import study_context
from pacs_gateway.web.templating import Templates


class PageEndpoints:
    """The routes of everything that people look at."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._index = services.index
        self._settings = services.settings
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/", self.studies, methods=["GET"]),
            Route("/studies/{study_uid}", self.study, methods=["GET"]),
            Mount(self._templates.static_path, ImmutableFiles(directory=viewer.static_dir())),
        ]

    def studies(self, request: Request) -> Response:
        """Show the list of studies; every filter is in the address."""
        receiver = receiver_of(self._settings.dicom, request.url.hostname or "")
        context = studies_context(
            self._index,
            self._templates.texts(request),
            read_filters(request.query_params),
            receiver=receiver,
            reach=caller_of(request).reach,
        )
        return self._templates.page(request, "studies.html", context)

    def study(self, request: Request) -> Response:
        """Show one study; `series` in the address shows that series alone."""
        context = study_context(
            self._index,
            self._templates.texts(request),
            request.path_params["study_uid"],
            series_uid=request.query_params.get("series", ""),
            page=read_page(request.query_params),
        )
        caller = caller_of(request)
        context["back"] = "/shared" if caller.name.startswith(BY_SHARE) else "/"
        return self._templates.page(request, "study.html", context)
