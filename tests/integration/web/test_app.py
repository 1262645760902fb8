"""Invariant: every answer, also of faults, carries the security headers and one plain line; the
parts that tell how the gateway is tell the truth."""

import shutil
from pathlib import Path

import pytest

from pacs_gateway.web.access import TABLE
from tests.integration.web.gateway import Gateway, running, settings_for


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/nothing", 404), ("/dicom-web/studies", 401), ("/login", 200)],
)
def test_headers_of_every_answer(gateway: Gateway, path: str, status: int) -> None:
    answer = gateway.client()(path)
    assert answer.status == status
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert " 'unsafe-eval" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Cache-Control" in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/dicom-web/studies", 405),
        ("POST", "/healthz", 405),
        ("GET", "/dicom-web/studies/not-a-uid/metadata", 400),
        ("GET", "/dicom-web/studies/1..2", 400),
        ("GET", "/dicom-web/studies/1.2.3", 404),
        ("GET", f"/dicom-web/studies/{'1' * 129}/series", 400),
    ],
)
def test_faults_are_one_line(gateway: Gateway, method: str, path: str, status: int) -> None:
    answer = gateway.client("admin")(path, method)
    assert answer.status == status
    assert set(answer.json()) == {"error"}
    assert "\n" not in answer.json()["error"]


def test_every_route_has_an_entry_and_every_entry_a_route(gateway: Gateway) -> None:
    served = set()
    for route in gateway.app.routes:
        path = route.path  # type: ignore[attr-defined]
        for method in getattr(route, "methods", {"GET"}) - {"HEAD"}:
            served.add(f"{method} {'/static' if path.startswith('/static/') else path}")
    assert served == set(TABLE)


def test_an_unexpected_fault_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running(settings_for(tmp_path)) as gateway:

        def fail(*_: object, **_named: object) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(gateway.archive.index.__class__, "count", fail)
        answer = gateway.client("admin")("/dicom-web/studies")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "ZeroDivisionError" in caplog.text


def test_ready_as_long_as_every_part_works(tmp_path: Path) -> None:
    with running(settings_for(tmp_path), commits=False) as gateway:
        answer = gateway.client()("/readyz")
        assert answer.status == 200
        assert answer.json() == {"index": "ok", "objects": "ok", "spool": "ok"}
        shutil.rmtree(tmp_path / "objects")
        answer = gateway.client()("/readyz")
        assert answer.status == 503
        assert answer.json()["objects"] == "failed"
        assert gateway.client()("/healthz").status == 200


def test_counters(gateway: Gateway) -> None:
    assert gateway.client()("/healthz").status == 200
    answer = gateway.client()("/metrics")
    assert answer.status == 200
    assert 'pacs_gateway_http_answers_total{method="GET",status="2xx"}' in answer.body.decode()
    assert gateway.client(X_Forwarded_For="10.0.0.9")("/metrics").status == 401
    assert gateway.client("reader", X_Forwarded_For="10.0.0.9")("/metrics").status == 200


def test_the_api_is_described_without_help_from_elsewhere(gateway: Gateway) -> None:
    client = gateway.client("reader")
    document = client("/api/openapi.json").json()
    assert set(document["paths"]["/api/session"]) == {"get", "post", "delete"}
    page = client("/api/docs").body.decode()
    assert "/api/session" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
