"""The reading viewer: a page for radiologists, which draws everything in the browser."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import viewer
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.display import study_view
from pacs_gateway.web.hanging import read_protocols
from pacs_gateway.web.opening import note_opened
from pacs_gateway.web.services import Services
from pacs_gateway.web.sharing import BY_SHARE
from pacs_gateway.web.templating import Templates
from storage.reach import EVERYTHING
from storage.records import Found, Level, Match, MatchKind, QuerySpec

_MAIN = Path("js/read/main.js")
_IMPORT = re.compile(r'^(?:import|export) .*from "(\.[^"]+)";$', re.MULTILINE)


class ReadingEndpoints:
    """The route of the reading viewer."""

    def __init__(self, services: Services, templates: Templates) -> None:
        """Read the hanging protocols; raises ConfigurationError if they are wrong."""
        self._index = services.index
        self._templates = templates
        self._protocols = read_protocols(services.settings.web.hanging_protocols)
        self._modules = tuple(module.as_posix() for module in sorted(modules_of(_MAIN)))
        self._memory_bytes = services.settings.web.reading_memory_bytes

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route("/read/{study_uid}", self.read, methods=["GET"])]

    def read(self, request: Request) -> Response:
        """Show one study in the reading viewer; `list` says which list it was opened from."""
        caller = caller_of(request)
        note_opened(self._index, caller, request.path_params["study_uid"])
        texts = self._templates.texts(request)
        context = {
            "study": study_view(self._study(request.path_params["study_uid"]), texts),
            "bundle": viewer.bundle_built(),
            "guest": caller.name.startswith(BY_SHARE),
            "list": request.query_params.get("list"),
            "modules": self._modules,
            "protocols": self._protocols,
            "memory_bytes": self._memory_bytes,
        }
        return self._templates.page(request, "read.html", context)

    def _study(self, study_uid: str) -> Found:
        if not is_uid(study_uid):
            raise UnknownError("No study can have such a UID.")
        match = Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid,))
        # The guard of the route has made sure that the caller may see the study.
        found = self._index.search(QuerySpec(level=Level.STUDY, matches=(match,)), reach=EVERYTHING)
        if not found:
            raise UnknownError("No such study is kept here.")
        return found[0]


def modules_of(start: Path) -> set[Path]:
    """Return a script and all that it imports, below the folder of static files.

    The page names them all, so that a browser does not learn of them one level at a time: on a slow
    line each level costs as much as the study itself.
    """
    root = viewer.static_dir().resolve()
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        text = (root / module).read_text("utf-8")
        waiting.extend(
            (root / module.parent / name).resolve().relative_to(root)
            for name in _IMPORT.findall(text)
        )
    return found
