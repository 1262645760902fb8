"""One handler of C-FIND for several information models: pynetdicom knows one an event."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pynetdicom import evt

from pacs_gateway.dimse.query import Response

Answers = Callable[[evt.Event], Iterator[Response]]


class Finding:
    """Hands each query to what answers its SOP class."""

    def __init__(self, otherwise: Answers, special: Mapping[str, Answers]) -> None:
        self._otherwise = otherwise
        self._special = special

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_C_FIND, self._find)]

    def _find(self, event: evt.Event) -> Iterator[Response]:
        model = str(event.request.AffectedSOPClassUID)
        yield from self._special.get(model, self._otherwise)(event)
