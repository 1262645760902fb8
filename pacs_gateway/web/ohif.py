"""`/ohif/`: the OHIF viewer for those who are logged in, once it is installed.

Invariant: the viewer talks to this host alone. Its pages are opened only with the parameters
listed here, its configuration is ours, and the browser is told to connect to nothing else.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.config import Settings
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.ohif import configuration, installation, release, rewriting
from pacs_gateway.web.caching import REVALIDATE, not_modified
from pacs_gateway.web.headers import IMMUTABLE
from pacs_gateway.web.negotiation import takes
from pacs_gateway.web.templating import Templates

CONFIGURATION = "app-config.js"
PAGE = "index.html"

_MODES = ("viewer", "basic", "segmentation", "tmtv", "dynamic-volume", "usAnnotation")
PAGES = frozenset(
    {"", "notfoundserver", "notfoundstudy"}
    | {name for mode in _MODES for name in (mode, f"{mode}/{configuration.DATA_SOURCE}")}
)
"""OHIF's own addresses; those that open other sources (`local`, `viewer/dicomjson`) are not here."""

_UIDS = re.compile(r"[0-9.,\\]{1,8000}")
_WORD = re.compile(r"[\w@./, -]{1,100}")
_TEXT = re.compile(r"[^\x00-\x1f]{0,200}")
_PARAMETERS: Mapping[str, re.Pattern[str]] = {
    "studyinstanceuids": _UIDS,
    "seriesinstanceuids": _UIDS,
    "seriesinstanceuid": _UIDS,
    "initialseriesinstanceuid": _UIDS,
    "initialsopinstanceuid": _UIDS,
    "hangingprotocolid": _WORD,
    "stageid": _WORD,
    "stageindex": _WORD,
    "multimonitor": _WORD,
    "screennumber": _WORD,
    "patientname": _TEXT,
    "mrn": _TEXT,
    "startdate": _WORD,
    "enddate": _WORD,
    "description": _TEXT,
    "modalities": _WORD,
    "accession": _TEXT,
    "sortby": _WORD,
    "sortdirection": _WORD,
    "pagenumber": _WORD,
    "resultsperpage": _WORD,
}
"""What opens a study and what the list writes into its address, in lower case."""
_MAX_PARAMETERS = 200

_PAGE_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval';"
    " worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:;"
    " font-src 'self'; media-src 'self'; object-src 'self' blob:; frame-src 'self' blob:;"
    " base-uri 'none'; form-action 'none'"
)
_WORKER_POLICY = "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-eval'"
"""The decoders (Emscripten's embind) make functions from text; workers follow their own policy."""

_MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}
_HASHED = re.compile(r"(?:[\w-]+\.bundle\.)?[0-9a-f]{16}\.[a-z0-9]+")
_SAFE_PATH = re.compile(r"(?:\w[\w-]{0,60}/){0,4}\w[\w.-]{0,100}", re.ASCII)


class OhifEndpoints:
    """The routes of the OHIF viewer."""

    def __init__(self, settings: Settings, templates: Templates) -> None:
        self._templates = templates
        self._folder = installation.served_folder(settings)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(rewriting.BASE, self.enter, methods=["GET"]),
            Route(f"{rewriting.BASE}/{{path:path}}", self.answer, methods=["GET"]),
        ]

    def enter(self, request: Request) -> Response:
        """Go on to the viewer's folder, below which its addresses are."""
        del request
        return RedirectResponse(f"{rewriting.BASE}/", HTTPStatus.SEE_OTHER)

    def answer(self, request: Request) -> Response:
        """Answer with a page of the viewer, its configuration or one of its files."""
        path = request.path_params["path"]
        if not self._folder.is_dir():
            return self._how_to_install(request)
        if path == CONFIGURATION:
            language = self._templates.texts(request).language
            return Response(configuration.script(language), media_type="text/javascript")
        if "." in path:
            return self._file(request, path)
        return self._page(request, path)

    def _page(self, request: Request, path: str) -> Response:
        if path not in PAGES:
            raise UnknownError("OHIF has no such page here.")
        given = _parameters(request.url.query)
        kept = [(name, value) for name, value in given if _is_allowed(name, value)]
        if kept != given:
            where = f"{rewriting.BASE}/{path}" + (f"?{urlencode(kept)}" if kept else "")
            return RedirectResponse(where, HTTPStatus.SEE_OTHER)
        headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"}
        return FileResponse(self._folder / PAGE, headers=headers)

    def _file(self, request: Request, path: str) -> Response:
        file = self._folder / path
        media_type = _MEDIA_TYPES.get(file.suffix)
        if media_type is None or not _SAFE_PATH.fullmatch(path) or not file.is_file():
            raise UnknownError("OHIF has no such file.")
        headers = {
            "Cache-Control": IMMUTABLE if _HASHED.fullmatch(path) else REVALIDATE,
            "ETag": f'"{self._folder.parent.name}"',
            "Vary": "Accept-Encoding",
        }
        if file.suffix == ".js":
            headers["Content-Security-Policy"] = _WORKER_POLICY
        compressed = file.with_name(f"{file.name}.gz")
        if takes("gzip", request.headers.get("accept-encoding", "")) and compressed.is_file():
            file = compressed
            headers |= {"Content-Encoding": "gzip", "ETag": f'"{self._folder.parent.name}-gzip"'}
        return not_modified(request, headers) or FileResponse(
            file, headers=headers, media_type=media_type
        )

    def _how_to_install(self, request: Request) -> Response:
        context = {
            "install": release.INSTALL,
            "address": release.ADDRESS,
            "install_file": f"{release.INSTALL} --from {release.FILE_NAME}",
        }
        return self._templates.page(request, "ohif.html", context, status=HTTPStatus.NOT_FOUND)


def _parameters(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError as error:
        raise BadRequestError("The address has more parameters than OHIF knows.") from error


def _is_allowed(name: str, value: str) -> bool:
    pattern = _PARAMETERS.get(name.lower())
    return pattern is not None and pattern.fullmatch(value) is not None
