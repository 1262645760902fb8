"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.query import parse_keys
from pacs_gateway.dicom.attributes import keyword_of, vr_of
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web import address
from pacs_gateway.web.negotiation import JSON_TYPES, choose
from pacs_gateway.web.services import Services
from storage.records import DicomJson, Found, Level, QuerySpec

RETRIEVE_URL = "00081190"
STUDY_INSTANCE_UID = "0020000D"
SERIES_INSTANCE_UID = "0020000E"
SOP_INSTANCE_UID = "00080018"
MAX_PARAMETERS = 256
"""Query parameters of one search; a client asking for every attribute by name stays below."""

REQUIRED: Mapping[Level, Mapping[str, str]] = {
    Level.STUDY: {
        "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080061": "CS", "00080090": "PN",
        "00100010": "PN", "00100020": "LO", "00100030": "DA", "00100040": "CS",
        STUDY_INSTANCE_UID: "UI", "00200010": "SH", "00201206": "IS", "00201208": "IS",
    },
    Level.SERIES: {
        "00080060": "CS", "0008103E": "LO", STUDY_INSTANCE_UID: "UI", SERIES_INSTANCE_UID: "UI",
        "00200011": "IS", "00201209": "IS", "00400244": "DA", "00400245": "TM", "00400275": "SQ",
    },
    Level.IMAGE: {
        "00080016": "UI", SOP_INSTANCE_UID: "UI", STUDY_INSTANCE_UID: "UI",
        SERIES_INSTANCE_UID: "UI", "00200013": "IS", "00280008": "IS", "00280010": "US",
        "00280011": "US", "00280100": "US",
    },
}  # fmt: skip
"""Attributes every answer has, empty if unknown (PS3.18 Tables 10.6.3-3, -4 and -5)."""

_CONTROLS = frozenset(
    {
        "limit",
        "offset",
        "includefield",
        "fuzzymatching",
        "accept",
        "charset",
        "emptyvaluematching",
        "multiplevaluematching",
    }
)
# No value of these can hold a comma, so it can only separate values.
_LIST_VRS = frozenset({"UI", "CS"})


@dataclass(frozen=True, slots=True)
class Search:
    """What the query string of one search says."""

    keys: Mapping[str, str]
    fuzzy: bool
    limit: int | None
    offset: int
    unknown: tuple[str, ...]
    """Parameters that name no attribute."""


class SearchEndpoints:
    """The routes of QIDO-RS."""

    def __init__(self, services: Services) -> None:
        self._index = services.index
        self._settings = services.settings.web

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        root, one_study = "/dicom-web", "/dicom-web/studies/{study}"
        return [
            Route(f"{root}/studies", self.studies),
            Route(f"{root}/series", self.series),
            Route(f"{one_study}/series", self.series),
            Route(f"{root}/instances", self.instances),
            Route(f"{one_study}/instances", self.instances),
            Route(f"{one_study}/series/{{series}}/instances", self.instances),
        ]

    async def studies(self, request: Request) -> Response:
        """Search for studies."""
        return await self._search(request, Level.STUDY)

    async def series(self, request: Request) -> Response:
        """Search for series, of one study or of all."""
        return await self._search(request, Level.SERIES)

    async def instances(self, request: Request) -> Response:
        """Search for instances, of one series, one study or all."""
        return await self._search(request, Level.IMAGE)

    async def _search(self, request: Request, level: Level) -> Response:
        parameters = request.query_params
        accept = parameters.get("accept") or request.headers.get("accept", "")
        media_type = choose(accept, JSON_TYPES)
        search = read_search(parameters.multi_items(), request.path_params)
        parsed = parse_keys(
            level, search.keys, fuzzy=search.fuzzy, limit=search.limit, offset=search.offset
        )
        most = self._settings.max_answers
        limit = most if search.limit is None else min(search.limit, most)
        spec = replace(parsed.spec, limit=limit)
        base = address.base_url(request, behind_proxy=self._settings.behind_proxy)
        body, shown, total = await run_in_threadpool(self._answer, spec, f"{base}/dicom-web")
        headers = {"X-Total-Count": str(total)}
        remaining = total - search.offset - shown
        capped = search.limit is None or search.limit > limit
        warning = _warning((*parsed.unsupported, *search.unknown), remaining if capped else 0)
        if warning:
            headers["Warning"] = warning
        if not shown:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    def _answer(self, spec: QuerySpec, root: str) -> tuple[bytes, int, int]:
        found = self._index.search(spec) if spec.limit else ()
        answers = [answer(each, spec.level, root) for each in found]
        return _json(answers), len(answers), self._index.count(spec)


def read_search(
    parameters: Iterable[tuple[str, str]], path_parameters: Mapping[str, str]
) -> Search:
    """Return what a search asks for; the UIDs of its path are keys like any other.

    Raises BadRequestError.
    """
    values: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(parameters):
        if number >= MAX_PARAMETERS:
            raise BadRequestError(f"A search takes at most {MAX_PARAMETERS} parameters.")
        values.setdefault(name, []).append(value)
    keys: dict[str, str] = {}
    unknown: list[str] = []
    for name, given in values.items():
        if name in _CONTROLS:
            continue
        keyword = keyword_of(name)
        if keyword:
            keys[keyword] = _joined(keyword, [*keys.get(keyword, "").split("\\"), *given])
        else:
            unknown.append(name)
    return Search(
        keys=keys | _path_keys(path_parameters),
        fuzzy=_boolean(values, "fuzzymatching"),
        limit=_count(values, "limit"),
        offset=_count(values, "offset") or 0,
        unknown=tuple(unknown),
    )


def answer(found: Found, level: Level, root: str) -> DicomJson:
    """Return one answer with what PS3.18 requires; `root` is the URL of the DICOMweb service."""
    attributes: DicomJson = {tag: {"vr": vr} for tag, vr in REQUIRED[level].items()}
    attributes |= found.attributes
    url = f"{root}/studies/{_first(attributes, STUDY_INSTANCE_UID)}"
    if level in (Level.SERIES, Level.IMAGE):
        url += f"/series/{_first(attributes, SERIES_INSTANCE_UID)}"
    if level is Level.IMAGE:
        url += f"/instances/{_first(attributes, SOP_INSTANCE_UID)}"
    attributes |= {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        RETRIEVE_URL: {"vr": "UR", "Value": [url]},
    }
    return dict(sorted(attributes.items()))


def _path_keys(path_parameters: Mapping[str, str]) -> dict[str, str]:
    keywords = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
    for uid in path_parameters.values():
        if not is_uid(uid):
            raise BadRequestError("The path holds something that is not a UID.")
    return {keywords[name]: uid for name, uid in path_parameters.items()}


def _joined(keyword: str, values: Iterable[str]) -> str:
    text = "\\".join(value for value in values if value)
    return text.replace(",", "\\") if vr_of(keyword) in _LIST_VRS else text


def _boolean(values: Mapping[str, list[str]], name: str) -> bool:
    text = values.get(name, ["false"])[-1].lower()
    if text not in ("true", "false"):
        raise BadRequestError(f"{name} is true or false.")
    return text == "true"


def _count(values: Mapping[str, list[str]], name: str) -> int | None:
    given = values.get(name)
    if given is None:
        return None
    text = given[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - below 2**31
        raise BadRequestError(f"{name} is a whole number, 0 or more.")
    return int(text)


def _warning(unsupported: Sequence[str], remaining: int) -> str:
    texts = []
    if remaining > 0:
        texts.append(f"There are {remaining} additional results that can be requested")
    if unsupported:
        names = ", ".join(_printable(name) for name in unsupported[:10])
        texts.append(f"These keys are not matched: {names}")
    return f'299 PACSGW "{"; ".join(texts)}"' if texts else ""


def _printable(name: str) -> str:
    """Return a client's own text as it may stand inside a quoted header value."""
    return "".join(c if c.isascii() and c.isalnum() else "." for c in name[:64])


def _first(attributes: DicomJson, tag: str) -> str:
    return str(attributes[tag]["Value"][0])


def _json(answers: list[DicomJson]) -> bytes:
    return json.dumps(answers, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
