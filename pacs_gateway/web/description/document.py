"""The whole document: what FastAPI knows of its own routes, and what is written here of the rest."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from pacs_gateway.web.access import SESSION_COOKIE
from pacs_gateway.web.description.administration import ADMINISTRATION
from pacs_gateway.web.description.dicomweb import DICOMWEB
from pacs_gateway.web.description.operation import ERROR, Described, refusals
from pacs_gateway.web.description.orders import ORDERS
from pacs_gateway.web.description.pages import PAGES
from pacs_gateway.web.description.sharing import SHARING

OPERATIONS = {**DICOMWEB, **PAGES, **SHARING, **ADMINISTRATION, **ORDERS}
_SECURITY: Described = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
}
_OF_OWN_API = (400, 401, 403, 404, 413, 429, 503)


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    described: dict[str, Any] = dict(app.openapi())
    paths = {path: _own(operations) for path, operations in described["paths"].items()}
    for key in operations_of(app.routes):
        method, path = key.split()
        if key in OPERATIONS:
            paths.setdefault(path, {})[method.lower()] = OPERATIONS[key]
    components = described.get("components", {})
    schemas = components.get("schemas", {}) | {"Error": ERROR}
    components = components | {"schemas": schemas, "securitySchemes": _SECURITY}
    security: list[Described] = [{name: []} for name in _SECURITY]
    return {
        **described,
        "components": components,
        "security": security,
        "paths": dict(sorted(paths.items())),
    }


def operations_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Yield method and path of all that is served, as this description names them."""
    for route in routes:
        if isinstance(route, Mount):
            # The digest in a static path changes with the files.
            yield f"GET /{route.path.split('/')[1]}/{{path}}"
        elif isinstance(route, Route | APIRoute):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                path = route.path.replace(":path}", "}")
                yield f"{method} {path}"


def _own(operations: dict[str, Any]) -> dict[str, Any]:
    """Return operations that FastAPI described with the faults our handlers make of its own."""
    return {
        method: {
            **operation,
            "responses": refusals(*_OF_OWN_API)
            | {
                status: answer
                for status, answer in operation["responses"].items()
                if status != "422"
            },
        }
        for method, operation in operations.items()
    }
