"""Protects: an archive moved to another store has every object with its bytes and its time there; a move
that broke off goes on; what came meanwhile follows; damaged objects are named and nothing is changed."""

import time
from pathlib import Path
from uuid import uuid4

import pytest

from pacs_gateway.app import Archive
from pacs_gateway.archive.migration import Migration, Moved
from storage.errors import UnavailableError
from storage.objects import ObjectStore, S3Options, open_object_store
from tests.rebuilding import image, ingest, opened
from tests.servers import S3Server

IMAGES = [image(study, number) for study in range(3) for number in range(5)]


@pytest.fixture
def target(minio_server: S3Server) -> ObjectStore:
    return open_object_store(
        f"s3://test-{uuid4().hex}",
        S3Options(
            endpoint=minio_server.endpoint,
            access_key=minio_server.access_key,
            secret_key=minio_server.secret_key,
            region="us-east-1",
            secure=False,
            connect_deadline_s=30,
            read_deadline_s=30,
            max_connections=8,
        ),
    )


def move(archive: Archive, target: ObjectStore) -> Moved:
    work = Migration(archive.store, target, threads=4, scratch=archive.settings.data_dir)
    return work.run(lambda *_: None)


def assert_same(one: ObjectStore, other: ObjectStore) -> None:
    keys = list(one.list())
    assert list(other.list()) == keys
    for key in keys:
        assert b"".join(one.read(key)) == b"".join(other.read(key))
        assert one.head(key).received_at == other.head(key).received_at


def test_everything_arrives_and_what_came_meanwhile_follows(
    tmp_path: Path, target: ObjectStore
) -> None:
    with opened(tmp_path / "data") as archive:
        ingest(archive, IMAGES)
        assert move(archive, target).copied == len(IMAGES)
        assert_same(archive.store, target)
        time.sleep(0.01)
        ingest(archive, [image(7, 1)])
        again = move(archive, target)
        assert (again.copied, again.objects) == (1, len(IMAGES) + 1)
        assert_same(archive.store, target)
        assert not list((tmp_path / "data").glob("*.part"))


def test_a_move_that_broke_off_goes_on(tmp_path: Path, target: ObjectStore) -> None:
    with opened(tmp_path / "data") as archive:
        ingest(archive, IMAGES)
        keys = list(archive.store.list())
        source = tmp_path / "half"
        source.write_bytes(b"half")
        # A store that was cut off in the middle of an object has fewer bytes under its key.
        target.put(keys[0], source, sha256="0" * 64)
        assert move(archive, target).copied == len(IMAGES)
        assert_same(archive.store, target)


def test_a_damaged_object_is_named_and_not_copied(tmp_path: Path, target: ObjectStore) -> None:
    with opened(tmp_path / "data") as archive:
        ingest(archive, IMAGES)
        key = next(iter(archive.store.list()))
        path = archive.settings.data_dir / "objects" / key
        content = bytearray(path.read_bytes())
        content[5000] ^= 4
        path.unlink()
        path.write_bytes(content)
        assert move(archive, target).faults == [key]
        assert key not in list(target.list())
        assert path.read_bytes() == content


def test_a_store_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as archive:
        ingest(archive, IMAGES[:1])
        other = open_object_store(f"file:{tmp_path / 'other'}", S3Options(**NOWHERE))  # type: ignore[arg-type]
        (tmp_path / "other" / "v1").touch()
        with pytest.raises(UnavailableError):
            move(archive, other)
        (tmp_path / "other" / "v1").unlink()
        assert move(archive, other).copied == 1
        assert_same(archive.store, other)


NOWHERE = {
    "endpoint": "",
    "access_key": "",
    "secret_key": "",
    "region": "",
    "secure": False,
    "connect_deadline_s": 1,
    "read_deadline_s": 1,
    "max_connections": 1,
}
