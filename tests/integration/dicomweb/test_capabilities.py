"""Protects: `OPTIONS` of the base URI tells all resources of PS3.18 Table H-1 that are served."""

from xml.etree import ElementTree as ET

import pytest

from pacs_gateway.web.access import TABLE
from tests.integration.web.gateway import Gateway

NAMESPACE = "{http://wadl.dev.java.net/2009/02}"


def found(resource: ET.Element, above: str) -> dict[str, set[str]]:
    methods: dict[str, set[str]] = {}
    for child in resource.findall(f"{NAMESPACE}resource"):
        path = f"{above}/{child.get('path')}"
        methods[path] = {each.get("name", "") for each in child.findall(f"{NAMESPACE}method")}
        methods |= found(child, path)
    return methods


@pytest.mark.parametrize("path", ["/dicom-web", "/dicom-web/"])
def test_all_that_is_served_is_described(archive: Gateway, path: str) -> None:
    answer = archive.client("reader")(path, "OPTIONS")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.sun.wadl+xml"
    (resources,) = ET.fromstring(answer.body)
    assert resources.get("base") == f"http://127.0.0.1:{archive.port}/dicom-web"
    described = {
        f"{method} /dicom-web{where}"
        for where, methods in found(resources, "").items()
        for method in methods
    }
    served = {key.replace(":path}", "}") for key in TABLE if " /dicom-web/" in key}
    assert described == served - {"OPTIONS /dicom-web/"}


def test_other_forms(archive: Gateway) -> None:
    reader = archive.client("reader")
    assert (
        "GET /dicom-web/studies"
        in reader("/dicom-web/", "OPTIONS", Accept="application/json").json()
    )
    assert reader("/dicom-web/", "OPTIONS", Accept="text/plain").status == 406
    assert archive.client()("/dicom-web/", "OPTIONS").status == 401
