"""`OPTIONS /dicom-web/`: what this server does, for machines (PS3.18 8.9 and annex H).

It says in WADL what `/api/openapi.json` says of the same routes, and is made of the same words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from xml.sax.saxutils import quoteattr

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.config import Settings
from pacs_gateway.web import address
from pacs_gateway.web.description.dicomweb import DICOMWEB
from pacs_gateway.web.description.operation import Described
from pacs_gateway.web.negotiation import choose
from pacs_gateway.web.paths import accept_of

WADL = "application/vnd.sun.wadl+xml"
ROOT = "/dicom-web"

_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_STYLES = {"query": "query", "path": "template", "header": "header"}
_TYPES = {"string": "xsd:string", "integer": "xsd:integer", "boolean": "xsd:boolean"}


@dataclass(slots=True)
class _Resource:
    """One segment of a path, what it answers, and what is below it."""

    methods: dict[str, Described] = field(default_factory=dict)
    children: dict[str, "_Resource"] = field(default_factory=dict)


class CapabilitiesEndpoints:
    """The route of Retrieve Capabilities."""

    def __init__(self, settings: Settings) -> None:
        self._behind_proxy = settings.web.behind_proxy

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route(path, self.capabilities, methods=["OPTIONS"]) for path in (ROOT, f"{ROOT}/")]

    async def capabilities(self, request: Request) -> Response:
        """Answer with the capabilities description."""
        media_type = choose(accept_of(request), (WADL, "application/json"))
        headers = {"Allow": "OPTIONS"}
        # This transaction is not part of its own description (annex H), WADO-URI of another one.
        operations = {
            key: each
            for key, each in DICOMWEB.items()
            if f" {ROOT}/" in key and not key.startswith("OPTIONS")
        }
        if media_type != WADL:
            return JSONResponse(operations, headers=headers)
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        return Response(wadl(operations, f"{base}{ROOT}"), headers=headers, media_type=WADL)


def wadl(operations: Mapping[str, Described], base: str) -> str:
    """Return the WADL document of operations (by method and path below `/dicom-web`)."""
    root = _Resource()
    for key, operation in operations.items():
        method, _, path = key.partition(" ")
        resource = root
        for segment in _segments(path):
            resource = resource.children.setdefault(segment, _Resource())
        resource.methods[method] = operation
    return "".join(
        chain(
            ('<?xml version="1.0" encoding="UTF-8"?>\n',),
            (f'<application xmlns="{_NAMESPACE}" xmlns:xsd="http://www.w3.org/2001/XMLSchema">',),
            (f"<resources base={quoteattr(base)}>",),
            _children(root),
            ("</resources></application>\n",),
        )
    )


def _segments(path: str) -> Sequence[str]:
    return path.removeprefix(f"{ROOT}/").split("/")


def _children(resource: _Resource) -> Iterator[str]:
    for segment, child in sorted(resource.children.items()):
        yield f"<resource path={quoteattr(segment)}>"
        if segment.startswith("{"):
            name = segment.strip("{}")
            yield f'<param name={quoteattr(name)} style="template" type="xsd:string"/>'
        for method, operation in sorted(child.methods.items()):
            yield from _method(method, operation)
        yield from _children(child)
        yield "</resource>"


def _method(name: str, operation: Described) -> Iterator[str]:
    yield f'<method name="{name}"><doc title={quoteattr(operation["summary"])}/><request>'
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "path":
            yield _parameter(parameter)
    for media_type in operation.get("requestBody", {}).get("content", ()):
        yield f"<representation mediaType={quoteattr(media_type)}/>"
    yield "</request>"
    for status, answer in sorted(operation["responses"].items()):
        yield f'<response status="{status}">'
        for media_type in answer.get("content", ()):
            yield f"<representation mediaType={quoteattr(media_type)}/>"
        yield "</response>"
    yield "</method>"


def _parameter(parameter: Described) -> str:
    kind = _TYPES.get(parameter["schema"].get("type", "string"), "xsd:string")
    style = _STYLES[parameter["in"]]
    return f'<param name={quoteattr(parameter["name"])} style="{style}" type="{kind}"/>'
