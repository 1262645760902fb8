"""What every answer carries, and the time it took."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    # Codecs are WebAssembly; the reading viewer's library starts workers from blobs of its own.
    " script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; form-action 'self'"
)
IMMUTABLE = "private, max-age=31536000, immutable"
"""For bytes that can never change under their address; `private`, as they are patients' data."""

Answered = Callable[[str, str, int, float], None]
"""Is told of each answer: method, template of the route, status, seconds."""
TEMPLATE = "route_template"
"""Where the gate says in the scope which route it was; paths hold UIDs."""
NO_ROUTE = "none"

_POLICY_NAME = b"content-security-policy"


def security_headers(frame_origins: Sequence[str] = ()) -> Mapping[str, str]:
    """Return what keeps browsers from doing what a page did not mean.

    Pages of `frame_origins` may show ours in a frame. X-Frame-Options can name no origin, and
    browsers that know `frame-ancestors` do not read it.
    """
    framed_by_others = {} if frame_origins else {"X-Frame-Options": "SAMEORIGIN"}
    return {
        "Content-Security-Policy": f"{_POLICY}; {_frame_ancestors(frame_origins)}",
        "X-Content-Type-Options": "nosniff",
        **framed_by_others,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


class AnswerHeaders:
    """Pure ASGI middleware: adds the headers above and `no-store` where nothing else is said.

    An answer with a policy of its own gets only the part about frames added: a frame within a
    frame of the EMR has the EMR among its ancestors too.
    """

    def __init__(self, app: ASGIApp, answered: Answered, frame_origins: Sequence[str] = ()) -> None:
        self._app = app
        self._answered = answered
        self._frame_ancestors = _frame_ancestors(frame_origins).encode()
        always = {**security_headers(frame_origins), "Cache-Control": "no-store"}
        self._always = [(name.lower().encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun, status = perf_counter(), 0

        async def send_complete(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                message["headers"] = self._complete(message["headers"])
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_complete)
        finally:
            if status:
                seconds = perf_counter() - begun
                self._answered(scope["method"], scope.get(TEMPLATE, NO_ROUTE), status, seconds)

    def _complete(self, given: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name for name, _ in given}
        return [
            *(
                (name, value + b"; " + self._frame_ancestors if name == _POLICY_NAME else value)
                for name, value in given
            ),
            *(pair for pair in self._always if pair[0] not in names),
        ]


def _frame_ancestors(frame_origins: Sequence[str]) -> str:
    return " ".join(("frame-ancestors 'self'", *frame_origins))
