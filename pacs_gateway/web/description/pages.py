"""The operations for people and supervisors: pages, health and this description itself."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    answers,
    one_of,
    operation,
    parameter,
    text,
    whole,
)
from pacs_gateway.web.description.parameters import EXAMPLE_STUDY, UID

PAGE = "text/html"
_JSON = "application/json"
_FILES = """
    text/css text/html text/javascript text/plain application/javascript application/json
    application/manifest+json application/octet-stream application/wasm font/woff2 image/png
    image/svg+xml image/x-icon image/vnd.microsoft.icon
"""
SEE_OTHER = answers("Go on there.", status=303)
_STATES: Described = {"type": "object", "additionalProperties": {"type": "string"}}


def page(summary: str, *parameters: Described, public: bool = False) -> Described:
    """Return the description of a page."""
    return operation(
        summary,
        "pages",
        answers("The page.", PAGE),
        SEE_OTHER,
        parameters=parameters,
        refused=(400, 404),
        public=public,
    )


def form(
    summary: str, *parameters: Described, public: bool = True, **fields: Described
) -> Described:
    """Return the description of what a form sends to."""
    schema = {"type": "object", "properties": {**fields, "next": text(most=200)}}
    return operation(
        summary,
        "pages",
        SEE_OTHER,
        answers("The form again, and what is wrong with it.", PAGE),
        body={"content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        parameters=parameters,
        refused=(400, 401, 403, 404, 413, 415, 429, 503),
        public=public,
    )


def _provider(summary: str) -> Described:
    return operation(
        summary,
        "pages",
        SEE_OTHER,
        refused=(400, 403, 404, 502),
        public=True,
    )


def _files(summary: str, *, public: bool) -> Described:
    path = parameter("path", text(pattern=r"^[a-z]{1,8}\.(js|css|svg)$"), "A file", place="path")
    return operation(
        summary,
        "pages",
        answers("The file.", _FILES),
        answers("Part of the file.", _FILES, status=206),
        answers("What the client has is still right.", status=304),
        SEE_OTHER,
        parameters=[path],
        refused=(400, 404, 416),
        public=public,
    )


PAGES: Mapping[str, Described] = {
    "GET /": page(
        "List studies",
        parameter("q", text(most=64), "Name, patient ID or accession number"),
        parameter("page", whole(1, 9999), "Number of the page"),
    ),
    "GET /studies/{study_uid}": page(
        "Show a study",
        parameter(
            "study_uid",
            text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
            "Study Instance UID",
            place="path",
        ),
    ),
    "GET /login": page("Ask who is there", public=True),
    "POST /login": form("Log in", username=text(most=64), password=text(most=64)),
    "POST /logout": form("Log out"),
    "GET /login/oidc": _provider("Log in through the hospital's identity provider"),
    "GET /login/oidc/callback": _provider("Come back from the identity provider"),
    "POST /language": form("Choose the language of the pages", language=one_of("vi", "en")),
    "GET /static/{path}": _files("Retrieve a file of the pages", public=True),
    "GET /ohif": page("Enter the OHIF viewer"),
    "GET /ohif/{path}": _files("Retrieve a file of the OHIF viewer", public=False),
    "GET /healthz": operation(
        "Tell whether the process lives",
        "health",
        answers("It does.", _JSON, _STATES),
        public=True,
    ),
    "GET /readyz": operation(
        "Tell whether every part works",
        "health",
        answers("All do.", _JSON, _STATES),
        answers("Some do not; the body says which.", _JSON, _STATES, status=503),
        public=True,
    ),
    "GET /metrics": operation(
        "Measure, for Prometheus", "health", answers("Counters.", "text/plain")
    ),
    "GET /api/openapi.json": operation(
        "Describe every operation",
        "description",
        answers("This document.", _JSON, {"type": "object"}),
    ),
    "GET /api/docs": operation(
        "List every operation for people", "description", answers("The page.", PAGE)
    ),
}
"""Descriptions by method and path."""
