"""The pages: the list of studies, one study with its viewer.

All of them work without scripts, which add keys, lossless pixels, tools and friendlier errors.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

import viewer
from pacs_gateway.ohif import installation
from pacs_gateway.web.accents import rows_with_names_of_orders, with_names_of_orders
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.completeness import incomplete_studies, lack_text
from pacs_gateway.web.listpage import receiver_of, studies_context
from pacs_gateway.web.opening import note_opened
from pacs_gateway.web.services import Services
from pacs_gateway.web.sharing import BY_SHARE
from pacs_gateway.web.staticfiles import ImmutableFiles
from pacs_gateway.web.studylist import read_filters, read_page
from pacs_gateway.web.studypage import Asked, recent_since, study_context
from pacs_gateway.web.templating import Templates
from storage.records import utc_now


class PageEndpoints:
    """The routes of everything that people look at."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._index = services.index
        self._completions = services.completions
        self._lacks = services.lacks
        self._desk = services.desk
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
        texts = self._templates.texts(request)
        receiver = receiver_of(self._settings.dicom, request.url.hostname or "")
        context = studies_context(
            self._index,
            texts,
            read_filters(request.query_params),
            receiver=receiver,
            reach=caller_of(request).reach,
            quiet_since=recent_since(utc_now(), self._settings.web.receiving_s),
            unread_hours=self._settings.guard.unread_hours,
            incomplete=partial(incomplete_studies, self._completions, self._lacks, texts),
        )
        context["rows"] = rows_with_names_of_orders(self._desk, context["rows"])
        context["receiving_s"] = self._settings.web.receiving_s
        context["idle_s"] = self._settings.access.session_idle_minutes * 60 / 4
        return self._templates.page(request, "studies.html", context)

    def study(self, request: Request) -> Response:
        """Show one study; `series` in the address says which series the viewer begins with."""
        query, caller = request.query_params, caller_of(request)
        texts, study_uid = self._templates.texts(request), request.path_params["study_uid"]
        asked = Asked(
            series_uid=query.get("series", ""),
            page=read_page(query),
            images_page=read_page({"page": query.get("images", "")}),
        )
        context = study_context(
            self._index,
            texts,
            study_uid,
            asked=asked,
            reach=caller.reach,
            recent=recent_since(utc_now(), self._settings.web.receiving_s),
        )
        (context["study"],) = with_names_of_orders(self._desk, [context["study"]])
        note_opened(self._index, caller, study_uid)
        lacks = () if context["receiving"] else self._lacks.of([study_uid]).get(study_uid, ())
        context["lacks"] = [lack_text(texts, each) for each in lacks]
        context["guest"] = caller.name.startswith(BY_SHARE)
        # Which list somebody comes from, so that its next study is one key away.
        context["list"] = query.get("list")
        context["ohif"] = installation.installed(self._settings)
        return self._templates.page(request, "study.html", context)
