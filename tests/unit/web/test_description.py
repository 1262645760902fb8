"""Invariant: the description names every route that is served and no other, so that nobody has to
guess what there is, and each parameter and example in it is what the code takes."""

import re

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pacs_gateway.archive.query import parse_keys
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.web.access import TABLE
from pacs_gateway.web.description.document import OPERATIONS, operations_of
from pacs_gateway.web.description.operation import Described
from storage.records import MATCHING_KEYS, Level

_BY_FASTAPI = re.compile("(GET|POST|PUT|DELETE) /api/(?!docs|openapi)")


def in_table() -> set[str]:
    """Return the keys of the access table as OpenAPI writes paths."""
    plain = {key.replace(":path}", "}") for key in TABLE}
    return {"GET /static/{path}" if key == "GET /static" else key for key in plain}


def test_every_route_is_described_and_nothing_else() -> None:
    assert {key for key in in_table() if not _BY_FASTAPI.match(key)} == set(OPERATIONS)


@pytest.mark.parametrize("key", sorted(OPERATIONS))
def test_each_description_is_whole(key: str) -> None:
    operation = OPERATIONS[key]
    path = key.partition(" ")[2]
    assert operation["summary"]
    assert len(operation["tags"]) == 1
    declared = [(each["name"], each["in"]) for each in operation.get("parameters", [])]
    assert len(set(declared)) == len(declared)
    in_path = {name for name, place in declared if place == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", path))
    assert any(status.startswith(("2", "3")) for status in operation["responses"])


def parameters() -> list[Described]:
    return [each for operation in OPERATIONS.values() for each in operation.get("parameters", [])]


def test_examples_fit_their_schemas() -> None:
    for each in parameters():
        for example in each.get("examples", {}).values():
            if "pattern" in each["schema"]:
                assert re.search(each["schema"]["pattern"], example["value"]), each["name"]
            if each["name"].endswith(("InstanceUID", "study", "series", "instance")):
                assert is_uid(example["value"])


def test_every_matching_key_is_a_parameter_and_its_example_is_understood() -> None:
    found = {
        each["name"]: each
        for each in OPERATIONS["GET /dicom-web/instances"]["parameters"]
        if each["in"] == "query"
    }
    assert set(MATCHING_KEYS) <= set(found)
    for keyword in MATCHING_KEYS:
        for example in found[keyword].get("examples", {}).values():
            query = parse_keys(Level.IMAGE, {keyword: example["value"]})
            assert len(query.spec.matches) == 1


def test_routes_are_named_as_openapi_names_paths() -> None:
    def nothing() -> Response:
        return Response()

    app = Starlette(routes=[Route("/a/{b:path}", nothing), Route("/c", nothing, methods=["POST"])])
    assert list(operations_of(app.routes)) == ["GET /a/{b}", "POST /c"]
