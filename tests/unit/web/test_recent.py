"""Protects pictures that are sent again from memory: the same bytes and headers as the first time, for
a minute, within the room there is, and nothing that could change."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.web.caching import validators
from pacs_gateway.web.recent import FOR_S, RecentPictures

ROOM = 8000


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def request(
    path: str = "/a", accept: str = "image/jpeg", method: str = "GET", tag: str = ""
) -> Request:
    headers = [(b"accept", accept.encode())]
    if tag:
        headers.append((b"if-none-match", tag.encode()))
    return Request(
        {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    )


def picture(body: bytes = b"x" * 100, *, immutable: bool = True) -> Response:
    headers = validators("a", immutable=immutable)
    return Response(body, headers=headers, media_type="image/jpeg")


def test_the_same_again() -> None:
    recent, first = RecentPictures(ROOM), picture()
    recent.keep(request(), first)
    again = recent.answer(request())
    assert again is not None
    assert (again.body, again.status_code, dict(again.headers)) == (
        first.body,
        200,
        dict(first.headers),
    )
    known = recent.answer(request(tag=first.headers["etag"]))
    assert known is not None
    assert known.status_code == 304


@pytest.mark.parametrize(
    "other", [request("/b"), request(accept="image/png"), request(method="HEAD")]
)
def test_another_request_is_another(other: Request) -> None:
    recent = RecentPictures(ROOM)
    recent.keep(request(), picture())
    assert recent.answer(other) is None


@pytest.mark.parametrize(
    "answer",
    [
        picture(immutable=False),
        Response(b"x", 404, headers=validators("a"), media_type="image/jpeg"),
        Response(b"x", headers=validators("a"), media_type="application/pdf"),
        picture(b""),
        picture(b"x" * (ROOM // 8 + 1)),
    ],
)
def test_what_is_not_kept(answer: Response) -> None:
    recent = RecentPictures(ROOM)
    recent.keep(request(), answer)
    assert recent.answer(request()) is None


def test_after_a_minute_and_after_a_deletion_it_is_gone() -> None:
    clock = Clock()
    recent = RecentPictures(ROOM, clock=clock)
    recent.keep(request(), picture())
    clock.now = FOR_S + 1
    assert recent.answer(request()) is None
    recent.keep(request(), picture())
    recent.clear()
    assert recent.answer(request()) is None


def test_the_room_is_never_exceeded() -> None:
    recent = RecentPictures(ROOM)
    for number in range(100):
        recent.keep(request(f"/{number}"), picture(b"x" * 900))
    here = [number for number in range(100) if recent.answer(request(f"/{number}"))]
    assert here == list(range(92, 100))
