"""`/api/openapi.json` and `/api/docs`: every route described, without anything from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.web.description.document import document

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>The full description, for tools: <a href="/api/openapi.json">openapi.json</a>.</p>
<table>
<thead><tr><th>Method<th>Path<th>What it does</thead>
<tbody>
{rows}
</tbody>
</table>
"""


class DocumentationEndpoints:
    """The description of the API.

    Swagger UI would need inline scripts, which the content security policy forbids, and its
    files from a public server, which a hospital's network may not reach.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/api/openapi.json", self.openapi, methods=["GET"]),
            Route("/api/docs", self.pages, methods=["GET"]),
        ]

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        del request
        return JSONResponse(document(self._app))

    async def pages(self, request: Request) -> Response:
        """Answer with a page that lists every operation."""
        del request
        described = document(self._app)
        title = escape(described["info"]["title"])
        return HTMLResponse(_PAGE.format(title=title, rows="\n".join(_rows(described))))


def _rows(described: dict[str, Any]) -> Iterator[str]:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            text = operation.get("description") or operation.get("summary", "")
            yield (
                f"<tr><td><code>{escape(method.upper())}</code>"
                f"<td><code>{escape(path)}</code><td>{escape(text)}"
            )
