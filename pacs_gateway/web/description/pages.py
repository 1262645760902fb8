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

_PAGE = "text/html"
_JSON = "application/json"
_FILES = """
    text/css text/html text/javascript text/plain application/javascript application/json
    application/manifest+json application/octet-stream application/wasm font/woff2 image/png
    image/svg+xml image/x-icon image/vnd.microsoft.icon
"""
_SEE_OTHER = answers("Go on there.", status=303)
_STATES: Described = {"type": "object", "additionalProperties": {"type": "string"}}


def _page(summary: str, *parameters: Described, public: bool = False) -> Described:
    return operation(
        summary,
        "pages",
        answers("The page.", _PAGE),
        _SEE_OTHER,
        parameters=parameters,
        refused=(400, 404),
        public=public,
    )


def _form(summary: str, **fields: Described) -> Described:
    schema = {"type": "object", "properties": {**fields, "next": text(most=200)}}
    return operation(
        summary,
        "pages",
        _SEE_OTHER,
        answers("The form again, and what is wrong with it.", _PAGE),
        body={"content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        refused=(400, 401, 403, 404, 413, 415, 429, 503),
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
        _SEE_OTHER,
        parameters=[path],
        refused=(400, 404, 416),
        public=public,
    )


PAGES: Mapping[str, Described] = {
    "GET /": _page(
        "List studies",
        parameter("q", text(most=64), "Name, patient ID or accession number"),
        parameter("page", whole(1, 9999), "Number of the page"),
    ),
    "GET /studies/{study_uid}": _page(
        "Show a study",
        parameter(
            "study_uid",
            text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
            "Study Instance UID",
            place="path",
        ),
    ),
    "GET /view": operation(
        "Follow a signed link of another system (docs/emr-links.md)",
        "links",
        answers("Only looked at, not followed.", status=204),
        _SEE_OTHER,
        answers("No images have arrived yet.", _PAGE, status=404),
        answers("The link is not valid; nothing tells why.", _PAGE, status=403),
        parameters=[
            parameter("requestType", one_of("STUDY", "PATIENT"), "What is asked for"),
            parameter("studyUID", text(most=8000), "UIDs, separated by commas"),
            parameter("accessionNumber", text(most=8000), "Numbers, separated by commas"),
            parameter("patientID", text(most=200), "Identifier, or identifier^^^issuer"),
            parameter("keyId", text(most=64), "Key that signed"),
            parameter("nonce", text(pattern="^[A-Za-z0-9_-]{16,128}$"), "Names the link"),
            parameter("signature", text(most=64), "Of everything before it"),
        ],
        refused=(400,),
        public=True,
    ),
    "GET /login": _page("Ask who is there", public=True),
    "POST /login": _form("Log in", username=text(most=64), password=text(most=64)),
    "POST /logout": _form("Log out"),
    "POST /language": _form("Choose the language of the pages", language=one_of("vi", "en")),
    "GET /static/{path}": _files("Retrieve a file of the pages", public=True),
    "GET /ohif": _page("Enter the OHIF viewer"),
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
        "List every operation for people", "description", answers("The page.", _PAGE)
    ),
}
"""Descriptions by method and path."""
