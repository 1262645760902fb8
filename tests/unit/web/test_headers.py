"""Invariant: every answer says who may show it in a frame - the gateway's own pages, and origins
that the settings name exactly - whatever policy the answer has besides."""

import asyncio
from collections.abc import Sequence
from email.message import Message

import pytest
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Message as AsgiMessage

from pacs_gateway.config import WebSettings
from pacs_gateway.web.headers import AnswerHeaders

EMR = "https://emr.hospital.vn"


def answered(frame_origins: Sequence[str], **headers: str) -> Message:
    """Return the headers with which an answer leaves."""
    response = Response(headers={name.replace("_", "-"): value for name, value in headers.items()})
    told: list[tuple[str, str, int, float]] = []
    sent: list[AsgiMessage] = []

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    async def receive() -> AsgiMessage:
        return {"type": "http.request"}

    app = AnswerHeaders(response, lambda *answer: told.append(answer), frame_origins)
    asyncio.run(app({"type": "http", "method": "GET"}, receive, send))
    ((method, route, status, _),) = told
    assert (method, route, status) == ("GET", "none", 200)
    found = Message()
    for name, value in sent[0]["headers"]:
        found[name.decode()] = value.decode()
    return found


def ancestors(found: Message) -> list[str]:
    (policy,) = found.get_all("Content-Security-Policy", [])
    return [part for part in policy.split("; ") if part.startswith("frame-ancestors")]


def test_only_our_own_pages_may_frame_us() -> None:
    found = answered(())
    assert ancestors(found) == ["frame-ancestors 'self'"]
    assert found["X-Frame-Options"] == "SAMEORIGIN"


def test_the_emr_may_frame_us_if_it_is_named() -> None:
    found = answered((EMR, "https://his.hospital.vn:8443"))
    assert ancestors(found) == [f"frame-ancestors 'self' {EMR} https://his.hospital.vn:8443"]
    assert "X-Frame-Options" not in found


def test_an_answer_with_a_stricter_policy_keeps_it() -> None:
    found = answered((EMR,), Content_Security_Policy="default-src 'none'; sandbox")
    assert found["Content-Security-Policy"] == (
        f"default-src 'none'; sandbox; frame-ancestors 'self' {EMR}"
    )


def test_nothing_runs_but_our_own_files() -> None:
    policy = dict(
        part.split(" ", 1) for part in answered(())["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    # WebAssembly is code of ours too; texts are never run as code.
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["worker-src"] == "'self' blob:"
    assert set(policy) == {
        *("default-src", "img-src", "object-src", "base-uri", "form-action", "frame-ancestors"),
        *("script-src", "worker-src"),
    }


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "https://*.hospital.vn", "https:", "http://emr.hospital.vn", "emr.hospital.vn"),
        *("https://emr.hospital.vn/", "https://emr.hospital.vn; script-src *", "'unsafe-inline'"),
        *("data:", "https://user@emr.hospital.vn", "https://a b", "", "https://emr\r\nX: y"),
    ],
)
def test_an_origin_is_one_exact_name(origin: str) -> None:
    with pytest.raises(ValidationError, match="an origin is written as"):
        WebSettings(frame_origins=(origin,))


@pytest.mark.parametrize("origin", [EMR, "https://10.0.0.5:8443", "http://localhost:3000"])
def test_these_are_origins(origin: str) -> None:
    assert WebSettings(frame_origins=(origin,)).frame_origins == (origin,)
