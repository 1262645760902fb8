"""Protects: every S3 server serves as the folder does, whatever its make; one that is down, hangs
or refuses us is reported within the deadlines, and used again once it is back."""

import os
import signal
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from minio import Minio
from minio.error import S3Error

from storage.errors import FullError, UnavailableError
from storage.objects import ObjectStore, S3Options, open_object_store
from storage.s3 import PART_BYTES, S3ObjectStore
from storage.testing.object_store import DIGITS, KEY, ObjectStoreContract, digest
from tests.servers import S3Server, free_port, minio, wait_until

DEADLINE_S = 1.0
PATIENT_DEADLINE_S = 30.0
"""On a busy machine a put may well take seconds."""
CONNECTIONS = 4
MIB = 1024 * 1024


def options(server: S3Server, *, deadline_s: float = PATIENT_DEADLINE_S) -> S3Options:
    return S3Options(
        endpoint=server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        region="us-east-1",
        secure=False,
        connect_deadline_s=deadline_s,
        read_deadline_s=deadline_s,
        max_connections=CONNECTIONS,
    )


def new_bucket() -> str:
    return f"test-{uuid4().hex}"


def put(store: ObjectStore, folder: Path) -> None:
    source = folder / "source"
    source.write_bytes(DIGITS)
    store.put(KEY, source, sha256=digest(DIGITS))


class TestMinio(ObjectStoreContract):
    @pytest.fixture
    def store(self, minio_server: S3Server) -> ObjectStore:
        return S3ObjectStore(new_bucket(), options(minio_server))


class TestVersitygw(ObjectStoreContract):
    @pytest.fixture
    def store(self, versitygw_server: S3Server) -> ObjectStore:
        return S3ObjectStore(new_bucket(), options(versitygw_server))


@pytest.fixture(params=["minio_server", "versitygw_server"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, S3Server)
    return found


@pytest.fixture
def own_minio(tmp_path: Path) -> Iterator[S3Server]:
    with minio(tmp_path / "minio") as server:
        yield server


def test_the_url_of_the_configuration_opens_it(server: S3Server, tmp_path: Path) -> None:
    bucket = new_bucket()
    put(open_object_store(f"s3://{bucket}", options(server)), tmp_path)
    assert list(open_object_store(f"s3://{bucket}/", options(server)).list()) == [KEY]


def test_processes_that_start_at_once_make_one_bucket(server: S3Server) -> None:
    bucket = new_bucket()
    stores = [S3ObjectStore(bucket, options(server)) for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as threads:
        for done in [threads.submit(store.prepare) for store in stores]:
            done.result()


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_the_digest_travels_with_the_object(server: S3Server, tmp_path: Path, size: int) -> None:
    store = S3ObjectStore(new_bucket(), options(server))
    source = tmp_path / "source"
    source.write_bytes(bytes(size))
    store.put(KEY, source, sha256=digest(bytes(size)))
    assert store.head(KEY).sha256 == digest(bytes(size))


def test_a_large_put_needs_little_memory(minio_server: S3Server, tmp_path: Path) -> None:
    store = S3ObjectStore(new_bucket(), options(minio_server))
    source = tmp_path / "source"
    source.touch()
    os.truncate(source, 5 * PART_BYTES)
    tracemalloc.start()
    try:
        store.put(KEY, source, sha256="0" * 64)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.head(KEY).size == 5 * PART_BYTES
    assert peak < 2 * PART_BYTES + 8 * MIB


def test_a_server_killed_and_started_again(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "minio"
    with minio(folder, port=port) as server:
        assert server.pid is not None
        store = S3ObjectStore("bucket", options(server, deadline_s=DEADLINE_S))
        put(store, tmp_path)
        begun = store.read(KEY)
        os.kill(server.pid, signal.SIGKILL)
        begun.close()
        _assert_unavailable(store, tmp_path)
    with minio(folder, port=port):
        assert b"".join(store.read(KEY)) == DIGITS
        store.ping()
        put(store, tmp_path)


def test_a_server_that_hangs(own_minio: S3Server, tmp_path: Path) -> None:
    assert own_minio.pid is not None
    store = S3ObjectStore("bucket", options(own_minio, deadline_s=DEADLINE_S))
    put(store, tmp_path)
    _stop(own_minio.pid)
    try:
        _assert_unavailable(store, tmp_path)
    finally:
        os.kill(own_minio.pid, signal.SIGCONT)
    assert b"".join(store.read(KEY)) == DIGITS


def test_a_server_that_hangs_while_it_sends(own_minio: S3Server, tmp_path: Path) -> None:
    assert own_minio.pid is not None
    source = tmp_path / "source"
    source.write_bytes(bytes(64 * MIB))
    S3ObjectStore("bucket", options(own_minio)).put(KEY, source, sha256=digest(bytes(64 * MIB)))
    pieces = S3ObjectStore("bucket", options(own_minio, deadline_s=DEADLINE_S)).read(KEY)
    next(pieces)
    _stop(own_minio.pid)
    try:
        with pytest.raises(UnavailableError):
            b"".join(pieces)
    finally:
        os.kill(own_minio.pid, signal.SIGCONT)


def test_too_many_reads_at_once_wait_no_longer_than_the_deadline(
    minio_server: S3Server, tmp_path: Path
) -> None:
    store = S3ObjectStore(new_bucket(), options(minio_server, deadline_s=DEADLINE_S))
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * MIB))
    store.put(KEY, source, sha256=digest(bytes(2 * MIB)))
    held = [store.read(KEY) for _ in range(CONNECTIONS)]
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        store.read(KEY)
    assert time.monotonic() - began < 2 * DEADLINE_S
    for pieces in held:
        pieces.close()
    assert len(b"".join(store.read(KEY))) == 2 * MIB


def test_wrong_keys_are_said_to_be_refused(server: S3Server) -> None:
    wrong = replace(options(server), secret_key="wrong-secret-key")
    store = S3ObjectStore(new_bucket(), wrong)
    with pytest.raises(UnavailableError, match="refuses our keys"):
        store.ping()


def test_a_bucket_that_went_away_is_not_a_missing_object(server: S3Server, tmp_path: Path) -> None:
    bucket = new_bucket()
    store = S3ObjectStore(bucket, options(server))
    store.prepare()
    client = Minio(
        server.endpoint, access_key=server.access_key, secret_key=server.secret_key, secure=False
    )
    client.remove_bucket(bucket)
    with pytest.raises(UnavailableError):
        store.read(KEY)
    with pytest.raises(UnavailableError):
        put(store, tmp_path)


class _Refusing(BaseHTTPRequestHandler):
    """A server that has the bucket and answers every put alike, as no real one does on demand."""

    status: ClassVar[int]
    code: ClassVar[str]

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.status, f"<Error><Code>{self.code}</Code></Error>".encode())

    def log_message(self, *_arguments: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        # Hours, which nobody may wait.
        self.send_header("Retry-After", "7200")
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (507, "XMinioStorageFull", FullError),
        (507, "", FullError),
        (403, "QuotaExceeded", FullError),
        (403, "AccessDenied", UnavailableError),
        (403, "RequestTimeTooSkewed", UnavailableError),
        (429, "TooManyRequests", UnavailableError),
        (500, "InternalError", UnavailableError),
        (503, "SlowDown", UnavailableError),
        (413, "EntityTooLarge", S3Error),
    ],
)
def test_refusals_are_told_apart(
    tmp_path: Path, status: int, code: str, expected: type[Exception]
) -> None:
    handler = type("Handler", (_Refusing,), {"status": status, "code": code})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as refusing:
        thread = Thread(target=refusing.serve_forever)
        thread.start()
        endpoint = f"127.0.0.1:{refusing.server_port}"
        store = S3ObjectStore("bucket", options(S3Server(endpoint, "access", "secret")))
        try:
            with pytest.raises(expected):
                put(store, tmp_path)
        finally:
            refusing.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"endpoint": ""}, "needs an endpoint"),
        ({"access_key": ""}, "an access key"),
        ({"secret_key": ""}, "a secret key"),
        ({"endpoint": "http://127.0.0.1:9000"}, "write host:port"),
    ],
)
def test_an_unusable_server_is_explained(changes: dict[str, Any], message: str) -> None:
    wrong = replace(options(S3Server("127.0.0.1:9", "access", "secret")), **changes)
    with pytest.raises(ValueError, match=message):
        open_object_store("s3://bucket", wrong)


@pytest.mark.parametrize("bucket", ["Bücket", "bucket/folder", "b"])
def test_an_unusable_bucket_is_explained(bucket: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of an S3 bucket"):
        open_object_store(f"s3://{bucket}", options(S3Server("127.0.0.1:9", "access", "secret")))


def _stop(process: int) -> None:
    """Make every thread of a process hang; on a busy machine some go on for a while."""
    os.kill(process, signal.SIGSTOP)
    threads = list(Path(f"/proc/{process}/task").iterdir())
    assert wait_until(lambda: all(") T " in (each / "stat").read_text("utf-8") for each in threads))


def _assert_unavailable(store: ObjectStore, folder: Path) -> None:
    # Each call tries twice at most, waiting a moment between.
    allowed_s = 2 * DEADLINE_S + 1
    for call in (
        lambda: store.read(KEY),
        lambda: store.head(KEY),
        lambda: list(store.list()),
        lambda: store.delete(KEY),
        lambda: put(store, folder),
        store.ping,
    ):
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            call()
        assert time.monotonic() - began < allowed_s
