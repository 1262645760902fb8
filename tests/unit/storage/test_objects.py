"""Protects: an object that `put` returned for is on disk with the whole path to it; what is stored
is never replaced; a full or broken disk is told apart and never looks like success."""

import errno
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from storage.errors import CorruptError, FullError, UnavailableError
from storage.objects import FileObjectStore, S3Options, open_object_store
from storage.testing.object_store import DIGITS, KEY, ObjectStoreContract, digest

OPTIONS = S3Options(
    endpoint="127.0.0.1:9000",
    access_key="access",
    secret_key="secret",
    region="us-east-1",
    secure=False,
    connect_deadline_s=1,
    read_deadline_s=1,
    max_connections=1,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> FileObjectStore:
    return FileObjectStore(root)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DIGITS)
    return path


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Inodes in the order they are synced."""
    inodes: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        fsync(descriptor)
        inodes.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", record)
    return inodes


def put(store: FileObjectStore, source: Path) -> None:
    store.put(KEY, source, sha256=digest(DIGITS))


def failing(number: int) -> Callable[..., None]:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


class TestContract(ObjectStoreContract):
    @pytest.fixture
    def store(self, root: Path) -> FileObjectStore:
        return FileObjectStore(root)


class TestWithoutHardLinks(ObjectStoreContract):
    """The same store when spool and objects are on different file systems."""

    @pytest.fixture
    def store(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> FileObjectStore:
        monkeypatch.setattr(os, "link", failing(errno.EXDEV))
        return FileObjectStore(root)


def test_bytes_are_not_written_twice(store: FileObjectStore, root: Path, source: Path) -> None:
    put(store, source)
    assert (root / KEY).samefile(source)


def test_every_folder_on_the_path_is_synced(
    store: FileObjectStore, root: Path, source: Path, synced: list[int]
) -> None:
    put(store, source)
    path = [root, *(root / folder for folder in ("v1", "v1/1.2.3", "v1/1.2.3/1.2.3.4"))]
    assert synced == [folder.stat().st_ino for folder in path]


def test_known_folders_are_not_synced_again(
    store: FileObjectStore, root: Path, source: Path, synced: list[int]
) -> None:
    put(store, source)
    synced.clear()
    store.put(KEY.replace(".5.dcm", ".6.dcm"), source, sha256=digest(DIGITS))
    assert synced == [(root / KEY).parent.stat().st_ino]


def test_another_process_trusts_no_folder_it_did_not_sync(
    store: FileObjectStore, root: Path, source: Path, synced: list[int]
) -> None:
    put(store, source)
    first = list(synced)
    synced.clear()
    put(FileObjectStore(root), source)
    assert synced == first


def test_folder_is_synced_after_the_object_is_in_it(
    store: FileObjectStore, root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        seen.append((root / KEY).exists())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    put(store, source)
    assert seen[-1]


def test_a_new_root_is_durable_itself(tmp_path: Path, synced: list[int]) -> None:
    FileObjectStore(tmp_path / "a" / "b")
    assert synced == [
        folder.stat().st_ino for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")
    ]


def test_a_copy_is_synced_before_it_gets_its_name(
    store: FileObjectStore, root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    unnamed: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        fsync(descriptor)
        if not (root / KEY).exists():
            unnamed.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", record)
    put(store, source)
    assert (root / KEY).stat().st_ino in unnamed


def test_folders_removed_by_hand_are_made_again(
    store: FileObjectStore, root: Path, source: Path
) -> None:
    put(store, source)
    (root / KEY).unlink()
    (root / KEY).parent.rmdir()
    put(store, source)
    assert b"".join(store.read(KEY)) == DIGITS


@pytest.mark.parametrize("linked", [True, False])
def test_what_is_stored_is_never_replaced(
    store: FileObjectStore,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    linked: bool,
) -> None:
    put(store, source)
    if not linked:
        monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    other = tmp_path / "other"
    other.write_bytes(b"other")
    with pytest.raises(CorruptError):
        put(store, other)
    assert b"".join(store.read(KEY)) == DIGITS


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, FullError), (errno.EDQUOT, FullError), (errno.EIO, UnavailableError)],
)
@pytest.mark.parametrize("call", ["mkdir", "link", "fsync"])
def test_disk_faults_are_never_success(
    store: FileObjectStore,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    expected: type[Exception],
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(number))
        with pytest.raises(expected):
            put(store, source)
    put(store, source)
    assert b"".join(store.read(KEY)) == DIGITS


def test_a_copy_that_failed_leaves_nothing(
    store: FileObjectStore, root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, source)  # So that the next failing sync is that of the copy.
    store.delete(KEY)
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(UnavailableError):
        put(store, source)
    assert list(store.list()) == []
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_only_abandoned_copies_are_swept(store: FileObjectStore, root: Path) -> None:
    growing, abandoned = root / ".copies" / "growing", root / ".copies" / "abandoned"
    for path in (growing, abandoned):
        path.write_bytes(b"half")
    long_ago = time.time() - 86_400
    os.utime(abandoned, (long_ago, long_ago))
    FileObjectStore(root)
    assert [path.name for path in (root / ".copies").iterdir()] == ["growing"]
    assert list(store.list()) == []


def test_an_object_cut_short_while_read_is_reported(
    store: FileObjectStore, root: Path, source: Path
) -> None:
    put(store, source)
    pieces = store.read(KEY)
    os.truncate(root / KEY, 4)
    with pytest.raises(CorruptError):
        b"".join(pieces)


def test_a_frame_is_one_read(
    store: FileObjectStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, source)
    calls: list[tuple[int, int]] = []
    pread = os.pread

    def count(descriptor: int, size: int, offset: int) -> bytes:
        calls.append((size, offset))
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", count)
    assert b"".join(store.read(KEY, offset=2, length=3)) == b"234"
    assert calls == [(3, 2)]


def put_series(root: Path, source: Path) -> None:
    store = FileObjectStore(root)
    for number in range(50):
        store.put(f"v1/1/2/{number}.dcm", source, sha256=digest(DIGITS))


def test_processes_put_one_series_at_once(root: Path, source: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as processes:
        for done in [processes.submit(put_series, root, source) for _ in range(3)]:
            done.result()
    assert len(list(FileObjectStore(root).list())) == 50


def test_ping_notices_a_folder_that_went_away(store: FileObjectStore, root: Path) -> None:
    root.rename(root.with_name("moved"))
    with pytest.raises(UnavailableError):
        store.ping()
    with pytest.raises(UnavailableError):
        list(store.list())


@pytest.mark.parametrize("form", ["file:{}", "file://{}"])
def test_a_file_url_opens_a_folder(root: Path, source: Path, form: str) -> None:
    store = open_object_store(form.format(root), OPTIONS)
    store.put(KEY, source, sha256=digest(DIGITS))
    assert (root / KEY).read_bytes() == DIGITS


@pytest.mark.parametrize("url", ["", "file:", "s3:", "s3://", "ftp://host/x", "/var/objects"])
def test_an_unknown_url_is_explained(url: str) -> None:
    with pytest.raises(ValueError, match="write file:PATH or s3://bucket"):
        open_object_store(url, OPTIONS)


def test_the_s3_client_is_loaded_only_when_used() -> None:
    program = "import sys, storage.objects; sys.exit('minio' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
