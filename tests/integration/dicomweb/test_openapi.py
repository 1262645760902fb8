"""Invariant: whatever is sent to any route in the description, well formed or not, there is an
answer that the description names: no 500, no undeclared status, no undeclared media type."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydicom import dcmread
from schemathesis import Case, GenerationMode, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pacs_gateway.web.access import TABLE
from pacs_gateway.web.description.document import OPERATIONS
from tests.integration.dicomweb.conftest import SAMPLES
from tests.integration.web.gateway import (
    DICOM_TYPE,
    PASSWORD,
    Gateway,
    multipart,
    running,
    settings_for,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 5
"""Requests of each kind to each operation; there are hundreds of operations."""
ABOUT = [
    "",
    "ct-chest-2026-11-12/010.dcm",
    "ct-chest-2026-11-12/026.dcm",
    "us-abdomen-2026-11-16/001.dcm",
    "us-abdomen-2026-11-16/002.dcm",
]
"""An image, a report, a cine and a PDF; and none, which means UIDs of nothing that is kept."""
DESCRIBED = sorted(
    key for key in OPERATIONS if key in {each.replace(":path}", "}") for each in TABLE}
)
"""Operations but for static files; that all routes are described is test_description's to say."""
OWN_API = ["POST /api/session", "GET /api/session", "DELETE /api/session"]


@schemathesis.serializer("multipart/related")
def one_part(context: SerializationContext, value: Any) -> bytes:
    """Return a body with whatever was made up as its only part."""
    del context
    return multipart(value if isinstance(value, bytes) else str(value).encode())


@pytest.fixture(name="tried", scope="module")
def fixture_tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway that these tests may fill and empty as they like."""
    files = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm"))]
    with running(settings_for(tmp_path_factory.mktemp("tried"), visible_wait_s=0)) as gateway:
        assert gateway.client("device").store(*files).status == 200
        yield gateway


@pytest.fixture(name="document", scope="module")
def fixture_document(tried: Gateway) -> dict[str, Any]:
    """Return the description as the gateway serves it."""
    answer = tried.client("admin")("/api/openapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.json()
    return document


def schema_of(document: dict[str, Any], sample: str = "") -> BaseSchema:
    """Return the schema; with a sample, its UIDs are the only ones a path may have."""
    document = json.loads(json.dumps(document))
    if sample:
        read = dcmread(SAMPLES / sample, stop_before_pixels=True)
        uids = {
            "study": str(read.StudyInstanceUID),
            "series": str(read.SeriesInstanceUID),
            "instance": str(read.SOPInstanceUID),
        }
        for each in parameters_in(document):
            if each["in"] == "path" and each["name"] in uids:
                each["schema"] = {"type": "string", "enum": [uids[each["name"]]]}
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig(seed=1))


def parameters_in(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation.get("parameters", [])


def send(tried: Gateway, case: Case[Any]) -> None:
    """Send one request and check its answer."""
    if case.media_type == "multipart/related":
        case.headers["Content-Type"] = DICOM_TYPE
    answer = case.call(
        base_url=f"http://127.0.0.1:{tried.port}",
        auth=requests.auth.HTTPBasicAuth("admin", PASSWORD),
        allow_redirects=False,
        timeout=20,
    )
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as failures:
        told = "\n".join(str(failure) for failure in failures.exceptions)
        pytest.fail(f"{case.as_curl_command()}\n{answer.status_code} {told}")


def operation_of(schema: BaseSchema, key: str) -> Any:
    method, path = key.split()
    return schema[path][method]


def kinds() -> Iterator[tuple[str, GenerationMode, str]]:
    """Yield operation, whether requests are well formed, and the sample that they are about."""
    for key in [*DESCRIBED, *OWN_API]:
        for sample in ABOUT if "{study}" in key else [""]:
            yield key, GenerationMode.POSITIVE, sample
        if key in OPERATIONS and {"parameters", "requestBody"} & set(OPERATIONS[key]):
            yield key, GenerationMode.NEGATIVE, ""


@pytest.mark.parametrize(("key", "mode", "sample"), list(kinds()))
def test_anything_gets_a_declared_answer(
    tried: Gateway, document: dict[str, Any], key: str, mode: GenerationMode, sample: str
) -> None:
    operation = operation_of(schema_of(document, sample), key)

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Case[Any]) -> None:
        send(tried, case)

    each()


@pytest.mark.parametrize("key", DESCRIBED)
def test_the_examples_are_answered(tried: Gateway, document: dict[str, Any], key: str) -> None:
    for strategy in operation_of(schema_of(document), key).get_strategies_from_examples():

        @seed(1)
        @settings(max_examples=1, database=None, deadline=None, phases=[Phase.generate])
        @given(case=strategy)
        def each(case: Case[Any]) -> None:
            send(tried, case)

        each()


def test_the_page_for_people_lists_every_operation(tried: Gateway) -> None:
    page = tried.client("admin")("/api/docs")
    assert page.status == 200
    for key in DESCRIBED:
        method, path = key.split()
        assert f"<td><code>{method}</code><td><code>{path}</code>".encode() in page.body
