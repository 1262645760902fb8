"""The operations for people and supervisors: pages, health and this description itself."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    answers,
    one_of,
    operation,
    parameter,
    text,
)
from pacs_gateway.web.description.parameters import EXAMPLE_STUDY, UID
from pacs_gateway.web.studylist import PERIODS, WAYS
from pacs_gateway.web.theme import THEMES
from storage.worklist import Sort, Status

PAGE = "text/html"
_JSON = "application/json"
_FILES = """
    text/css text/html text/javascript text/plain application/javascript application/json
    application/manifest+json application/octet-stream application/wasm font/woff2 image/png
    image/svg+xml image/x-icon image/vnd.microsoft.icon
"""
SEE_OTHER = answers("Go on there.", status=303)
_STATES: Described = {"type": "object", "additionalProperties": {"type": "string"}}

_STUDY = parameter(
    "study_uid",
    text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
    "Study Instance UID",
    place="path",
)


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
        parameter("q", text(most=64), "Name, patient ID, accession number or description"),
        parameter("by", one_of(*WAYS), "Which of these it is"),
        *(parameter(way, text(most=64), f"The same, only as {way}") for way in WAYS),
        parameter("period", one_of(*PERIODS), "Study date"),
        parameter("from", text(most=10), "First study date, as 2026-11-23"),
        parameter("to", text(most=10), "Last study date"),
        parameter("modality", text(most=16), "Modality in the study"),
        parameter("status", one_of(*Status), "How far the study has come"),
        parameter("sort", one_of(*Sort, *(f"-{each}" for each in Sort)), "Order; `-` turns it"),
        parameter("after", text(pattern=UID, most=64), "Study that the page begins after"),
        parameter("before", text(pattern=UID, most=64), "Study that the page ends before"),
    ),
    "GET /studies/{study_uid}": page("Show a study", _STUDY),
    "GET /studies/{study_uid}/tags": page(
        "Show every attribute of an instance",
        _STUDY,
        parameter("series", text(pattern=UID, most=64), "Series Instance UID"),
        parameter("instance", text(pattern=UID, most=64), "SOP Instance UID"),
    ),
    "GET /read/{study_uid}": page(
        "Show a study in the reading viewer",
        parameter(
            "study_uid",
            text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
            "Study Instance UID",
            place="path",
        ),
        parameter("list", text(most=2000), "Query of the list that it was opened from"),
    ),
    "GET /display-test": page("Test the display"),
    "GET /login": page("Ask who is there", public=True),
    "POST /login": form("Log in", username=text(most=64), password=text(most=64)),
    "POST /logout": form("Log out"),
    "GET /login/oidc": _provider("Log in through the hospital's identity provider"),
    "GET /login/oidc/callback": _provider("Come back from the identity provider"),
    "POST /language": form("Choose the language of the pages", language=one_of("vi", "en")),
    "POST /theme": form("Choose light or dark pages", theme=one_of(*THEMES)),
    "GET /identity/{digest}/{name}": operation(
        "Retrieve the hospital's logo or colours",
        "pages",
        answers("The file.", "image/png image/jpeg image/webp text/css"),
        answers("What the client has is still right.", status=304),
        parameters=[
            parameter("digest", text(pattern="^[0-9a-f]{12}$"), "Of the file", place="path"),
            parameter("name", one_of("logo", "colours.css"), "The file", place="path"),
        ],
        refused=(404,),
        public=True,
    ),
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
