"""Protects: the index made from the objects alone is the index that ingest made, row by row, whatever
was deleted, sent twice or in conflict; what cannot be read is named and kept; a kill loses nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest

from pacs_gateway.app import Archive, open_objects
from pacs_gateway.archive.deletion import ACTS_PREFIX
from pacs_gateway.archive.readers import Readers
from pacs_gateway.archive.reindex import Reindex, Reindexed
from pacs_gateway.audit.acts import Who
from storage.accounts import User
from storage.database import writing
from storage.rebuilding import Kind
from storage.records import utc_now
from storage.testing.instance import NOON, make_entry
from tests.rebuilding import SHAPES, dump, image, ingest, opened, shipped
from tests.servers import PostgresqlServer, S3Server

Open = Callable[[], AbstractContextManager[Archive]]
ADMIN = Who(name="admin")
ORPHANS, DAMAGED, TRUNCATED = 50, 20, 20
KILLED_AFTER = (0, 1, 4)
"""Steps of a run; one that went on has fewer left, so some end whole."""
LAST = 200
"""The image that ends those that come meanwhile; more would only make the comparison longer."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EMPTY: dict[str, list[str]] = {
    name: [] for name in ("patients", "name_words", "studies", "series", "instances", "deletions")
}


def remake(archive: Archive, *, forget: bool = False) -> Reindexed:
    folder = archive.settings.data_dir / "reindex"
    start = partial(open_objects, archive.settings)
    with closing(Readers(start, processes=1, threads=2)) as readers:
        work = Reindex(archive.engine, archive.store, readers, folder=folder, source="test")
        return work.run(threads=4, forget=forget, listed=lambda *_: None, indexed=lambda *_: None)


def live(archive: Archive) -> None:
    """Do to an archive what happens in a hospital."""
    ingest(archive, [image(study, number) for study in range(6) for number in range(4)])
    ingest(archive, [shipped(name) for name in SHAPES])
    # Other bytes under one UID, another patient in a study, one image in two studies.
    ingest(archive, [image(0, 1, PatientComments="corrected")])
    ingest(archive, [image(1, 9, PatientID="SOMEBODY", AccessionNumber="A77")])
    ingest(archive, [image(2, 3, StudyInstanceUID="1.2.826.99")])
    # The same image from another sender is no new object.
    ingest(archive, [image(0, 2)], peer="CT2")
    deletion = archive.deletion
    deletion.delete("1.2.826.3", None, None, by=ADMIN, reason="wrong patient")
    taken_back = deletion.delete("1.2.826.4", "1.2.826.4.0", None, by=ADMIN, reason="")
    deletion.delete("1.2.826.5", "1.2.826.5.1", "1.2.826.5.1.1", by=ADMIN, reason="blurred")
    # Sent again as another patient, then brought back into the taken place.
    ingest(archive, [image(3, 0, PatientID="RIGHT", PatientName="Trần^Văn Đúng")])
    deletion.restore(taken_back.id, by=ADMIN)
    ingest(archive, [image(5, 1)])
    ingest(archive, [image(5, 1, PatientComments="better")])


def read_by_somebody(archive: Archive) -> None:
    archive.index.mark_read("1.2.826.0", utc_now())


PLACES = pytest.mark.parametrize(
    ("index_url", "objects"),
    [("sqlite", "file"), ("postgresql", "minio_server"), ("sqlite", "versitygw_server")],
    indirect=True,
)
"""Each database and each object store once; what they do to each other has no more to show."""


@pytest.fixture
def index_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    server = request.getfixturevalue("postgresql_server")
    assert isinstance(server, PostgresqlServer)
    return server.new_database()


@pytest.fixture
def objects(request: pytest.FixtureRequest) -> dict[str, object]:
    if request.param == "file":
        return {}
    server = request.getfixturevalue(request.param)
    assert isinstance(server, S3Server)
    return {
        "url": f"s3://test-{uuid4().hex}",
        "endpoint": server.endpoint,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "secure": False,
    }


@pytest.fixture
def open_(tmp_path: Path, index_url: str | None, objects: dict[str, object]) -> Open:
    return partial(opened, tmp_path / "data", index_url=index_url, **objects)


def wipe(archive: Archive) -> None:
    with writing(archive.engine) as connection:
        for name in reversed(EMPTY):
            connection.exec_driver_sql(f"DELETE FROM {name}")


@PLACES
def test_an_empty_database_gets_the_index_that_ingest_made(open_: Open) -> None:
    with open_() as archive:
        live(archive)
        before = dump(archive.engine)
        assert len(before["instances"]) > 30
        assert len(before["deletions"]) == 3
        wipe(archive)
        result = remake(archive)
        assert not result.faults
        assert dump(archive.engine) == before
        # Ingest goes on where it was: numbers of rows too.
        ingest(archive, [image(0, 20)])
        assert len(dump(archive.engine)["instances"]) == len(before["instances"]) + 1


@PLACES
def test_an_index_in_use_ends_the_same_and_keeps_what_only_it_knows(open_: Open) -> None:
    with open_() as archive:
        live(archive)
        read_by_somebody(archive)
        user = User(username="bs.lan", password_hash="-", role="radiologist", created_at=NOON)
        archive.accounts.add(user, make_entry())
        before, trail = dump(archive.engine), archive.audit_log.head()
        assert not remake(archive).faults
        assert dump(archive.engine) == before
        assert archive.audit_log.head() == trail
        assert archive.audit_log.check() is None
        assert archive.accounts.user("bs.lan") == user


def put(archive: Archive, folder: Path, content: bytes, key: str) -> None:
    source = folder / "source"
    source.write_bytes(content)
    archive.store.put(key, source, sha256=hashlib.sha256(content).hexdigest())
    source.unlink()


def content_of(archive: Archive, key: str) -> bytes:
    return b"".join(archive.store.read(key))


@PLACES
def test_orphans_are_found_and_what_is_damaged_is_named_and_kept(
    open_: Open, objects: dict[str, object], tmp_path: Path
) -> None:
    every = [image(study, number) for study in range(5) for number in range(20)]
    with opened(tmp_path / "whole") as whole:
        ingest(whole, every)
        expected = dump(whole.engine)
        stored = [(key, content_of(whole, key)) for key in whole.store.list("v1/")]
        times = {key: whole.store.head(key).received_at for key, _ in stored}
        with open_() as archive:
            for key, content in stored:
                source = tmp_path / "source"
                source.write_bytes(content)
                nanoseconds = (times[key] - EPOCH) // timedelta(microseconds=1) * 1000
                os.utime(source, ns=(0, nanoseconds))
                archive.store.put(key, source, sha256=key[-68:-4])
                source.unlink()
            bad = {}
            for number, (key, content) in enumerate(stored[: DAMAGED + TRUNCATED]):
                wrong = bytes(1000) + content[1000:] if number < DAMAGED else content[:-1000]
                digest = hashlib.sha256(content + b"?").hexdigest()
                bad[f"{key[:-69]}.{digest}.dcm"] = wrong
            for key, wrong in bad.items():
                put(archive, tmp_path, wrong, key)
            put(archive, tmp_path, b"hello", "notes/readme.txt")
            result = remake(archive)
            assert {fault.key for fault in result.faults} == {*bad, "notes/readme.txt"}
            assert [f.key for f in result.faults if f.kind is Kind.OTHER] == ["notes/readme.txt"]
            assert all(content_of(archive, key) == wrong for key, wrong in bad.items())
            assert dump(archive.engine) == expected


def test_what_the_store_has_lost_is_not_forgotten_unasked(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as archive:
        ingest(archive, [image(study, number) for study in range(2) for number in range(4)])
        before = dump(archive.engine)
        gone, cut = list(archive.store.list("v1/"))[2:4]
        kept = {key: content_of(archive, key) for key in (gone, cut)}
        archive.store.delete(gone)
        archive.store.delete(cut)
        put(archive, tmp_path, kept[cut][:2000], cut)
        result = remake(archive)
        assert (result.lost, {fault.key for fault in result.faults}) == (2, {gone, cut})
        assert dump(archive.engine) == before
        # Brought back from a backup, it is found by the next run, which goes on where this ended.
        archive.store.delete(cut)
        put(archive, tmp_path, kept[cut], cut)
        result = remake(archive)
        assert (result.lost, [fault.key for fault in result.faults]) == (1, [gone])
        result = remake(archive, forget=True)
        assert [fault.key for fault in result.faults] == [gone]
        assert len(dump(archive.engine)["instances"]) == len(before["instances"]) - 1


@pytest.mark.parametrize("index_url", ["sqlite", "postgresql"], indirect=True)
def test_images_that_come_meanwhile_are_in_the_new_index(
    tmp_path: Path, index_url: str | None
) -> None:
    with opened(tmp_path / "data", index_url=index_url) as archive:
        ingest(archive, [image(study, number) for study in range(5) for number in range(20)])
        stop = Event()

        def keep_coming() -> None:
            number = 100
            while not stop.is_set() and number < LAST:
                ingest(archive, [image(number % 7, number)])
                number += 1

        modality = Thread(target=keep_coming)
        modality.start()
        try:
            for _ in range(2):
                assert not remake(archive).faults
        finally:
            stop.set()
            modality.join()
        after = dump(archive.engine)
        assert len(after["instances"]) == len(list(archive.store.list("v1/"))) > 100
        wipe(archive)
        remake(archive)
        assert dump(archive.engine) == after


KILLED = """
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from pacs_gateway.app import open_objects
from pacs_gateway.archive.deletion import ACTS_PREFIX
from pacs_gateway.archive.readers import Readers
from pacs_gateway.archive.reindex import Reindex
from tests.rebuilding import opened

def told(*_):
    print("step", flush=True)

with opened(Path(sys.argv[1])) as archive:
    start = partial(open_objects, archive.settings)
    with closing(Readers(start, processes=2, threads=2)) as readers:
        folder = archive.settings.data_dir / "reindex"
        work = Reindex(archive.engine, archive.store, readers, folder=folder, source="test")
        work.run(threads=4, forget=False, listed=told, indexed=told)
"""


def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with opened(folder) as archive:
        ingest(archive, [image(study, number) for study in range(20) for number in range(12)])
        archive.deletion.delete("1.2.826.3", None, None, by=ADMIN, reason="")
        ingest(archive, [image(3, 1)])
        before = dump(archive.engine)
        wipe(archive)
    ended = [_killed(folder, after_steps=steps) for steps in KILLED_AFTER]
    assert ended.count(-signal.SIGKILL) >= len(KILLED_AFTER) // 2
    with opened(folder) as archive:
        # All of it or nothing, at any moment.
        assert dump(archive.engine) in (before, EMPTY)
        assert not remake(archive).faults
        assert dump(archive.engine) == before
        assert not (folder / "reindex").exists()


def _killed(folder: Path, *, after_steps: int) -> int:
    """Kill a run after some of its steps, and return how it ended."""
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after_steps):
            process.stdout.readline()
        time.sleep(0.02 * after_steps)
        process.kill()
        return process.wait()


def test_damaged_acts_are_named_and_the_rest_is_done(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as archive:
        live(archive)
        before = dump(archive.engine)
        for number, content in enumerate(
            (
                b"",
                b"[]",
                b'"delete"',
                b'{"objects": []}',
                b'{"act": "delete", "at": "x"}',
                b'{"act": "delete", "at": "2026-11-23T12:00:00", "objects": ["v1/1/1/1"]}',
                b'{"act": "delete", "at": "2026-11-23T12:00:00+00:00", "objects": []}',
            )
        ):
            put(archive, tmp_path, content, f"{ACTS_PREFIX}{number}.json")
        result = remake(archive)
        assert [fault.key for fault in result.faults] == [
            f"{ACTS_PREFIX}{number}.json" for number in range(7)
        ]
        assert dump(archive.engine) == before
