"""The object store, each call timed."""

from collections.abc import Generator, Iterator
from pathlib import Path

from pacs_gateway.measuring.meters import Meters
from storage.objects import ObjectInfo, ObjectStore


class TimedObjects:
    """An object store like the one it is given."""

    def __init__(self, store: ObjectStore, meters: Meters) -> None:
        self._store = store
        self._meters = meters
        self._seconds = meters.objects_seconds

    def put(self, key: str, source: Path, *, sha256: str) -> None:
        """Store a file."""
        with self._meters.timed(self._seconds, "put"):
            self._store.put(key, source, sha256=sha256)

    def read(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> Generator[bytes, None, None]:
        """Return the pieces of an object; how long its reader takes is not the store's time."""
        with self._meters.timed(self._seconds, "read"):
            return self._store.read(key, offset=offset, length=length)

    def head(self, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        with self._meters.timed(self._seconds, "head"):
            return self._store.head(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys; listings take as long as their readers, and are not timed."""
        return self._store.list(prefix)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._meters.timed(self._seconds, "delete"):
            self._store.delete(key)

    def ping(self) -> None:
        """Raise UnavailableError unless the store can be used now."""
        with self._meters.timed(self._seconds, "ping"):
            self._store.ping()
