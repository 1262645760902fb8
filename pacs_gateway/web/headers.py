"""What every answer carries, and the count of answers given."""

from collections.abc import Mapping

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
IMMUTABLE = "private, max-age=31536000, immutable"
"""For bytes that can never change under their address; `private`, as they are patients' data."""

_ALWAYS = tuple(
    (name.lower().encode(), value.encode())
    for name, value in (*SECURITY_HEADERS.items(), ("Cache-Control", "no-store"))
)


class AnswerHeaders:
    """Pure ASGI middleware: adds the headers above and `no-store` where nothing else is said."""

    def __init__(self, app: ASGIApp, answers: Counter) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                given = {name for name, _ in headers}
                headers += [pair for pair in _ALWAYS if pair[0] not in given]
                message["headers"] = headers
                self._answers.labels(scope["method"], f"{message['status'] // 100}xx").inc()
            await send(message)

        await self._app(scope, receive, send_complete)
