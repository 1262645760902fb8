"""The words in which operations are described."""

from collections.abc import Mapping, Sequence
from typing import Any

Described = dict[str, Any]
"""A part of an OpenAPI document."""

ERROR: Described = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One line: what, why, what to do."}},
}
_ERROR_BY_NAME: Described = {"$ref": "#/components/schemas/Error"}
_ERRORS: Mapping[int, str] = {
    400: "Something in the request is malformed.",
    401: "The request does not say who sends it, or its credentials are not valid.",
    403: "The account may not do this.",
    404: "This is not here.",
    406: "None of the accepted media types can be served.",
    409: "Nothing could be stored; the body says why.",
    410: "This was here and has been deleted.",
    413: "The request is larger than is taken at once.",
    415: "The media type of the body is not taken here.",
    416: "The range lies outside of the representation.",
    422: "These pixels cannot be shown; the original still downloads.",
    429: "Too many wrong passwords; the next try must wait.",
    502: "The identity provider does not answer.",
    503: "Too busy, or a part of the archive does not answer; try again later.",
}
_FROM_EVERY_GUARD = (401, 403, 429, 503)


def text(*, pattern: str = "", examples: Sequence[str] = (), most: int = 0) -> Described:
    """Return the schema of a string."""
    schema: Described = {"type": "string"}
    if pattern:
        schema["pattern"] = pattern
    if most:
        schema["maxLength"] = most
    if examples:
        schema["examples"] = list(examples)
    return schema


def one_of(*values: str) -> Described:
    """Return the schema of a string out of a few."""
    return {"type": "string", "enum": list(values)}


def whole(least: int, most: int) -> Described:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most}


def parameter(name: str, schema: Described, description: str, *, place: str = "query") -> Described:
    """Return a parameter; those of a path are always required."""
    described: Described = {"name": name, "in": place, "description": description}
    if place == "path":
        described["required"] = True
    # Where tools look for whole requests, unlike the examples of a schema.
    if examples := schema.get("examples"):
        named = {f"example{number}": {"value": value} for number, value in enumerate(examples, 1)}
        described["examples"] = named
    return described | {"schema": {k: v for k, v in schema.items() if k != "examples"}}


def answers(
    description: str, media_types: str = "", schema: Described | None = None, *, status: int = 200
) -> dict[str, Described]:
    """Return a success by its status; `media_types` have spaces between them."""
    described: Described = {"description": description}
    if media_types:
        content = {"schema": schema} if schema else {}
        described["content"] = dict.fromkeys(media_types.split(), content)
    return {str(status): described}


def refusals(*statuses: int) -> dict[str, Described]:
    """Return the faults of an operation; people get a page where programs get JSON."""
    content: Described = {"application/json": {"schema": _ERROR_BY_NAME}, "text/html": {}}
    return {
        str(status): {"description": _ERRORS[status], "content": content}
        for status in sorted(statuses)
    }


def operation(
    summary: str,
    tag: str,
    *successes: Mapping[str, Described],
    parameters: Sequence[Described] = (),
    body: Described | None = None,
    refused: Sequence[int] = (),
    public: bool = False,
    description: str = "",
) -> Described:
    """Return the description of one operation; guarded ones may also ask who sends a request."""
    statuses = {*refused} if public else {*refused, *_FROM_EVERY_GUARD}
    responses: Described = {}
    for success in successes:
        responses |= success
    described: Described = {"summary": summary, "tags": [tag]}
    if description:
        described["description"] = description
    if parameters:
        described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = body
    described["responses"] = refusals(*statuses) | responses
    if public:
        described["security"] = []
    return described
