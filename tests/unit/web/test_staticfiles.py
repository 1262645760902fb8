"""A static file arrives as it is whatever its coding, and its twin is preferred where there is one."""

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from pacs_gateway.web.staticfiles import ImmutableFiles

STYLE = b"body { color: red }\n" * 50


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "a.css").write_bytes(STYLE)
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "large.js").write_bytes(b"x" * 300_000)
    (tmp_path / "built.js").write_bytes(b"original")
    (tmp_path / "built.js.gz").write_bytes(gzip.compress(b"original"))
    (tmp_path / "built.js.br").write_bytes(b"in brotli")
    return TestClient(Starlette(routes=[Mount("/static", ImmutableFiles(tmp_path))]))


def coding(client: TestClient, name: str, accepted: str) -> str | None:
    answer = client.get(f"/static/{name}", headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"
    found: str | None = answer.headers.get("Content-Encoding")
    return found


def test_small_text_is_compressed_for_who_takes_it(client: TestClient) -> None:
    answer = client.get("/static/a.css", headers={"Accept-Encoding": "gzip"})
    assert answer.content == STYLE
    assert int(answer.headers["Content-Length"]) < 100
    assert answer.headers["Content-Type"].startswith("text/css")
    assert coding(client, "a.css", "identity") is None
    assert coding(client, "a.css", "gzip;q=0") is None


def test_pictures_and_large_files_stay_as_they_are(client: TestClient) -> None:
    assert coding(client, "logo.png", "gzip, br") is None
    assert coding(client, "large.js", "gzip, br") is None


def test_a_twin_is_served_in_place_of_its_file(client: TestClient) -> None:
    assert coding(client, "built.js", "gzip") == "gzip"
    assert coding(client, "built.js", "br;q=0, gzip") == "gzip"
    assert coding(client, "built.js", "") is None
    with client.stream("GET", "/static/built.js", headers={"Accept-Encoding": "br"}) as answer:
        assert answer.headers["Content-Encoding"] == "br"
        assert b"".join(answer.iter_raw()) == b"in brotli"
        assert "javascript" in answer.headers["Content-Type"]


def test_what_is_not_there_is_not_kept(client: TestClient) -> None:
    answer = client.get("/static/none.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")
