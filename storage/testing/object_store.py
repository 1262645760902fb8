"""What every object store must do, whatever keeps the bytes.

A test class of an adapter inherits `ObjectStoreContract` and has a fixture `store` that returns a
new, empty store:

    class TestFileObjectStore(ObjectStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return FileObjectStore(tmp_path / "objects")
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import NotFoundError
from storage.objects import PIECE_BYTES, ObjectStore

DIGITS = b"0123456789"
KEY = "v1/1.2.3/1.2.3.4/1.2.3.4.5.dcm"
THREADS = 8
MANY = 1005
"""One more page than S3 servers list at once."""
LARGE_BYTES = 20_000_000
ABANDONED = 100
KEPT_DESCRIPTORS = 20
"""Connections that a store may keep open for its next requests."""
CLOCK_DIFFERENCE = timedelta(minutes=5)
RECEIVED_AT = datetime(2019, 2, 28, 23, 59, 58, 123457, tzinfo=UTC)
RECEIVED_NS = 1_551_398_398_123_457_891
"""The same moment, with the nanoseconds that file systems keep and databases do not."""

IMPOSSIBLE_KEYS = ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".a", "a/.b", "a\0b"]

RANGES = [
    (0, None, DIGITS),
    (4, None, b"456789"),
    (9, None, b"9"),
    (10, None, b""),
    (50, None, b""),
    (0, 0, b""),
    (0, 1, b"0"),
    (3, 4, b"3456"),
    (9, 1, b"9"),
    (9, 100, b"9"),
    (0, 10, DIGITS),
    (0, 11, DIGITS),
    (10, 5, b""),
    (50, 5, b""),
    (5, 0, b""),
]

Source = Callable[[bytes], Path]


def digest(content: bytes) -> str:
    """Return the SHA-256 that `put` is told, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class ObjectStoreContract:
    """The tests; each says one thing that callers rely on."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        """Return a function that writes bytes to a file which will not change any more."""

        def write(content: bytes) -> Path:
            path = tmp_path / f"{digest(content)}.source"
            path.write_bytes(content)
            return path

        return write

    def test_what_was_put_is_read_and_described(self, store: ObjectStore, source: Source) -> None:
        store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        assert b"".join(store.read(KEY)) == DIGITS
        info = store.head(KEY)
        assert info.size == len(DIGITS)
        assert info.sha256 in (None, digest(DIGITS))
        assert abs(datetime.now(UTC) - info.stored_at) < CLOCK_DIFFERENCE
        assert abs(datetime.now(UTC) - info.received_at) < CLOCK_DIFFERENCE

    @pytest.mark.parametrize("size", [0, 10, LARGE_BYTES])
    def test_when_the_bytes_came_stays_with_them(
        self, store: ObjectStore, source: Source, size: int
    ) -> None:
        path = source(bytes(size))
        os.utime(path, ns=(0, RECEIVED_NS))
        store.put(KEY, path, sha256=digest(bytes(size)))
        assert store.head(KEY).received_at == RECEIVED_AT
        path.unlink()
        assert store.head(KEY).received_at == RECEIVED_AT

    def test_the_source_may_go_once_it_is_put(self, store: ObjectStore, source: Source) -> None:
        path = source(DIGITS)
        store.put(KEY, path, sha256=digest(DIGITS))
        path.unlink()
        assert b"".join(store.read(KEY)) == DIGITS

    @pytest.mark.parametrize(("offset", "length", "expected"), RANGES)
    def test_ranges(
        self, store: ObjectStore, source: Source, offset: int, length: int | None, expected: bytes
    ) -> None:
        store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        assert b"".join(store.read(KEY, offset=offset, length=length)) == expected

    @pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1)])
    def test_impossible_ranges(
        self, store: ObjectStore, source: Source, offset: int, length: int | None
    ) -> None:
        store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        with pytest.raises(ValueError, match="No object has"):
            store.read(KEY, offset=offset, length=length)

    @pytest.mark.parametrize("length", [None, 0, 5])
    def test_a_missing_object_is_reported_at_the_call(
        self, store: ObjectStore, length: int | None
    ) -> None:
        with pytest.raises(NotFoundError):
            store.read(KEY, length=length)

    def test_a_missing_object_has_no_head(self, store: ObjectStore) -> None:
        with pytest.raises(NotFoundError):
            store.head(KEY)

    def test_a_part_of_a_key_names_nothing(self, store: ObjectStore, source: Source) -> None:
        store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        for key in (KEY.rpartition("/")[0], f"{KEY}/more"):
            with pytest.raises(NotFoundError):
                store.read(key)
            with pytest.raises(NotFoundError):
                store.head(key)
            store.delete(key)
        assert list(store.list()) == [KEY]

    @pytest.mark.parametrize("key", IMPOSSIBLE_KEYS)
    def test_impossible_keys(self, store: ObjectStore, source: Source, key: str) -> None:
        path = source(DIGITS)
        with pytest.raises(ValueError, match="cannot be the key"):
            store.put(key, path, sha256=digest(DIGITS))
        with pytest.raises(ValueError, match="cannot be the key"):
            store.read(key)
        with pytest.raises(ValueError, match="cannot be the key"):
            store.head(key)
        with pytest.raises(ValueError, match="cannot be the key"):
            store.delete(key)

    def test_putting_again_changes_nothing(self, store: ObjectStore, source: Source) -> None:
        for _ in range(2):
            store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        assert list(store.list()) == [KEY]
        assert b"".join(store.read(KEY)) == DIGITS

    def test_many_threads_put_one_key(self, store: ObjectStore, source: Source) -> None:
        content = os.urandom(PIECE_BYTES)
        path = source(content)
        with ThreadPoolExecutor(THREADS) as threads:
            puts = [
                threads.submit(store.put, KEY, path, sha256=digest(content))
                for _ in range(3 * THREADS)
            ]
        for put in puts:
            put.result()
        assert list(store.list()) == [KEY]
        assert b"".join(store.read(KEY)) == content

    def test_an_empty_object(self, store: ObjectStore, source: Source) -> None:
        store.put(KEY, source(b""), sha256=digest(b""))
        assert b"".join(store.read(KEY)) == b""
        assert b"".join(store.read(KEY, offset=0, length=10)) == b""
        assert store.head(KEY).size == 0

    def test_a_large_object_comes_in_small_pieces(self, store: ObjectStore, source: Source) -> None:
        content = os.urandom(LARGE_BYTES)
        store.put(KEY, source(content), sha256=digest(content))
        found, largest, size = hashlib.sha256(), 0, 0
        for piece in store.read(KEY):
            found.update(piece)
            largest, size = max(largest, len(piece)), size + len(piece)
        assert size == LARGE_BYTES
        assert found.hexdigest() == digest(content)
        assert largest <= PIECE_BYTES
        assert store.head(KEY).size == LARGE_BYTES

    def test_keys_of_any_letters(self, store: ObjectStore, source: Source) -> None:
        keys = sorted(["v1/Nguyễn Văn Ảnh/số 1.dcm", "v1/a+b & c=d/50%41.dcm", "v1/画像/😀.dcm"])
        for key in keys:
            store.put(key, source(key.encode()), sha256=digest(key.encode()))
        assert list(store.list()) == keys
        for key in keys:
            assert b"".join(store.read(key)) == key.encode()

    def test_keys_are_listed_in_the_order_of_their_characters(
        self, store: ObjectStore, source: Source
    ) -> None:
        keys = ["b/1", "a/2", "a/10", "a.1/1", "a0/1", "B/1", "a/1/1", "a/1-1"]
        for key in keys:
            store.put(key, source(DIGITS), sha256=digest(DIGITS))
        assert list(store.list()) == sorted(keys)
        assert list(store.list("a/1")) == ["a/1-1", "a/1/1", "a/10"]
        assert list(store.list("a/1/")) == ["a/1/1"]
        assert list(store.list("a/3")) == []
        assert list(store.list("c")) == []

    def test_an_empty_store_lists_nothing(self, store: ObjectStore) -> None:
        assert list(store.list()) == []

    def test_more_keys_than_fit_one_page(self, store: ObjectStore, source: Source) -> None:
        path = source(DIGITS)
        keys = [f"v1/{number % 7}/{number:05}.dcm" for number in range(MANY)]
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda key: store.put(key, path, sha256=digest(DIGITS)), keys))
        assert list(store.list()) == sorted(keys)
        assert next(iter(store.list("v1/6/"))) == "v1/6/00006.dcm"

    def test_deleting_twice_is_deleting(self, store: ObjectStore, source: Source) -> None:
        other = KEY.replace(".5.dcm", ".6.dcm")
        for key in (KEY, other):
            store.put(key, source(DIGITS), sha256=digest(DIGITS))
        store.delete(KEY)
        store.delete(KEY)
        assert list(store.list()) == [other]
        with pytest.raises(NotFoundError):
            store.read(KEY)
        store.put(KEY, source(DIGITS), sha256=digest(DIGITS))
        assert b"".join(store.read(KEY)) == DIGITS

    def test_abandoned_reads_hold_nothing(self, store: ObjectStore, source: Source) -> None:
        content = os.urandom(3 * PIECE_BYTES)
        store.put(KEY, source(content), sha256=digest(content))
        before = len(os.listdir("/dev/fd"))
        for _ in range(ABANDONED):
            store.read(KEY)
            begun = store.read(KEY)
            next(begun)
            begun.close()
        assert len(os.listdir("/dev/fd")) - before <= KEPT_DESCRIPTORS
        assert b"".join(store.read(KEY)) == content

    def test_a_working_store_answers(self, store: ObjectStore) -> None:
        store.ping()
