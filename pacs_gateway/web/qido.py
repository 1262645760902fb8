"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.archive.query import parse_keys
from pacs_gateway.web import address
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.datasets import XML, Form, choose_form, json_text, xml_parts
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.paths import accept_of
from pacs_gateway.web.searchanswer import Shown, answer, retrieve_url, shown
from pacs_gateway.web.searchquery import read_search
from pacs_gateway.web.services import Services
from storage.reach import Reach
from storage.records import DicomJson, Level, QuerySpec

MAX_NAMED = 10
"""Unknown parameters that a Warning names."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What the index found."""

    answers: Sequence[DicomJson]
    total: int


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
        form = choose_form(accept_of(request), single=False)
        search = read_search(parameters.multi_items(), request.path_params)
        parsed = parse_keys(
            level,
            search.keys,
            fuzzy=search.fuzzy,
            empty_values=search.empty_values,
            every_value=search.every_value,
            offset=search.offset,
        )
        what = shown(search, level, request.path_params)
        most = self._most(what)
        limit = most if search.limit is None else min(search.limit, most)
        base = address.base_url(request, behind_proxy=self._settings.behind_proxy)
        service = f"{base}/dicom-web"
        spec = replace(parsed.spec, limit=limit)
        reach = caller_of(request).reach
        page = await run_in_threadpool(self._page, spec, what, service, reach)
        if page.answers:
            response = await run_in_threadpool(_written, page.answers, form)
        else:
            response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["X-Total-Count"] = str(page.total)
        remaining = page.total - search.offset - len(page.answers)
        for text in _warnings((*parsed.unsupported, *search.unknown), remaining):
            response.headers.append("Warning", f"299 {service}: {text}")
        return response

    def _most(self, what: Shown) -> int:
        """Return how many answers are given at once; headers are long, so fewer of those."""
        if what.from_header:
            return min(self._settings.max_answers, self._settings.max_header_answers)
        return self._settings.max_answers

    def _page(self, spec: QuerySpec, what: Shown, root: str, reach: Reach) -> _Page:
        rows = self._index.search(spec, reach=reach) if spec.limit else []
        found = [each.attributes for each in rows]
        headers = self._from_headers(spec, what, root, reach) if found and what.from_header else {}
        answers = []
        for known in found:
            url = retrieve_url(known, what.level, root)
            answers.append(answer(known, what, url) | headers.get(url, {}))
        return _Page(answers, self._index.count(spec, reach=reach))

    def _from_headers(
        self, spec: QuerySpec, what: Shown, root: str, reach: Reach
    ) -> dict[str, DicomJson]:
        """Return what is shown of the headers of a page of instances, by the URL of each."""
        shown_of = {}
        for compressed in self._index.headers(spec, reach=reach):
            text = zlib.decompress(compressed)
            header = json.loads(text)
            url = retrieve_url(header, Level.IMAGE, root)
            if b'"BulkDataURI"' in text:
                # They are kept relative to the instance (dicom.jsonmodel).
                absolute = f'"BulkDataURI":"{url}/bulkdata/'.encode()
                header = json.loads(text.replace(b'"BulkDataURI":"bulkdata/', absolute))
            shown_of[url] = {tag: header[tag] for tag in what.from_header & header.keys()}
        return shown_of


def _warnings(unmatched: Sequence[str], remaining: int) -> Iterator[str]:
    """Yield the warnings in the standard's words (PS3.18 8.3.4.4.1), and in ours."""
    if remaining > 0:
        yield f"There are {remaining} additional results that can be requested"
    if unmatched:
        names = ", ".join(_printable(name) for name in unmatched[:MAX_NAMED])
        yield f"These attributes are not supported and had no effect: {names}"


def _printable(name: str) -> str:
    """Return a client's own text as it may stand in a header."""
    return "".join(c if c.isascii() and c.isalnum() else "." for c in name[:64])


def _written(answers: Sequence[DicomJson], form: Form) -> Response:
    if form is not Form.XML_PARTS:
        return Response(json_text(answers), media_type=form)
    writer = MultipartWriter(XML)
    body = b"".join(xml_parts(answers, writer))
    return Response(body, headers={"Content-Type": writer.content_type})
