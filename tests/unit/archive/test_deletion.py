"""Protects deletion's invariant through faults and crashes: an act is kept before it shows, doing it
again is right, the last act on each object says if it is shown, and what was sent again is found."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.archive.deletion import ACTS_PREFIX
from pacs_gateway.audit.acts import Who
from pacs_gateway.config import IndexSettings, Settings, SpoolSettings
from pacs_gateway.errors import GoneError, UnknownError
from storage.database import reading, writing
from storage.errors import UnavailableError
from storage.reach import EVERYTHING
from storage.records import Level, Origin, QuerySpec, utc_now

ORIGIN = Origin(source="dimse", peer="CT1", address="10.0.0.7", received_at=utc_now())
CT_PATH = get_testdata_file("CT_small.dcm", download=False)


def ct(**changes: str) -> bytes:
    """Return the CT image that pydicom ships, with changes."""
    assert isinstance(CT_PATH, str)
    data_set: Dataset = dcmread(CT_PATH)
    for keyword, value in changes.items():
        setattr(data_set, keyword, value)
    file = BytesIO()
    data_set.save_as(file)
    return file.getvalue()


CT = dcmread(BytesIO(ct()))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    settings = Settings(
        data_dir=tmp_path,
        index=IndexSettings(busy_deadline_s=0.1),
        spool=SpoolSettings(
            stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=100
        ),
    )
    prepare_database(settings)
    archive = open_archive(settings)
    yield archive
    archive.close()


def accept(archive: Archive, file: bytes) -> None:
    with archive.ingest.begin_file(ORIGIN) as arrival:
        arrival.write(file)
        arrival.accept()


def store(archive: Archive, *files: bytes) -> None:
    for file in files:
        accept(archive, file)
        commit(archive)


def commit(archive: Archive) -> None:
    committer = archive.committer()
    try:
        committer.run_once()
    finally:
        committer.close()


def delete(archive: Archive) -> str:
    return archive.deletion.delete(
        CT.StudyInstanceUID, None, None, by=Who(name="admin"), reason=""
    ).id


def acts(archive: Archive) -> list[dict[str, object]]:
    keys = archive.store.list(ACTS_PREFIX)
    return [json.loads(b"".join(archive.store.read(key))) for key in keys]


def shown(archive: Archive) -> set[str]:
    return {each.object_key for each in archive.index.instances(None)}


def shown_by_the_acts(archive: Archive) -> set[str]:
    """Return what is shown if nothing is left but the object store."""
    keys = set(archive.store.list("v1/"))
    for act in acts(archive):
        objects = act["objects"]
        assert isinstance(objects, list)
        keys = keys - set(objects) if act["act"] == "delete" else keys | set(objects)
    return keys


def test_an_act_that_cannot_be_kept_changes_nothing(archive: Archive) -> None:
    store(archive, ct())
    # A file where the folder of the acts would be.
    (archive.settings.data_dir / "objects" / ACTS_PREFIX.rstrip("/")).touch()
    with pytest.raises(UnavailableError):
        delete(archive)
    assert len(shown(archive)) == 1


def test_an_index_that_does_not_answer_leaves_all_shown_and_again_is_right(
    archive: Archive,
) -> None:
    store(archive, ct())
    with writing(archive.engine), pytest.raises(UnavailableError):
        delete(archive)
    assert len(shown(archive)) == 1
    deletion = delete(archive)
    assert shown(archive) == shown_by_the_acts(archive) == set()
    archive.deletion.restore(deletion, by=Who(name="admin"))
    assert len(shown(archive)) == 1
    assert shown(archive) == shown_by_the_acts(archive)


def test_the_acts_alone_say_what_is_shown(archive: Archive) -> None:
    other = ct(SOPInstanceUID="1.2.3.4")
    store(archive, ct(), other)
    first = delete(archive)
    assert shown(archive) == shown_by_the_acts(archive) == set()
    store(archive, other)
    assert shown(archive) == shown_by_the_acts(archive)
    second = delete(archive)
    archive.deletion.restore(first, by=Who(name="admin"))
    assert len(shown(archive)) == 1
    assert shown(archive) == shown_by_the_acts(archive)
    archive.deletion.restore(second, by=Who(name="admin"))
    archive.deletion.restore(second, by=Who(name="admin"))
    assert [act["act"] for act in acts(archive)] == [
        "delete",
        "sent again",
        "delete",
        "restore",
        "restore",
    ]
    assert len(shown(archive)) == 2
    assert shown(archive) == shown_by_the_acts(archive)


def test_a_crash_after_it_was_sent_again_loses_nothing(archive: Archive) -> None:
    store(archive, ct())
    delete(archive)
    accept(archive, ct())
    committer = archive.committer()
    with writing(archive.engine), pytest.raises(UnavailableError):
        committer.run_once()
    committer.close()
    assert shown(archive) == set()
    # The next process finds the entry, as if for the first time.
    commit(archive)
    assert len(shown(archive)) == 1
    assert archive.spool.ready(10) == []
    assert shown(archive) == shown_by_the_acts(archive)


def test_a_further_version_sent_again_is_found(archive: Archive) -> None:
    corrected = ct(PatientComments="corrected")
    store(archive, ct(), corrected)
    delete(archive)
    store(archive, corrected)
    assert len(shown(archive)) == 1
    (found,) = archive.index.instances(CT.StudyInstanceUID)
    assert found.version == 2


def test_what_was_sent_for_the_wrong_patient(archive: Archive) -> None:
    store(archive, ct(PatientID="WRONG", PatientName="Wrong"))
    delete(archive)
    store(archive, ct(PatientID="RIGHT", PatientName="Right"))
    (study,) = archive.index.search(QuerySpec(level=Level.STUDY), reach=EVERYTHING)
    assert study.attributes["00100020"]["Value"] == ["RIGHT"]
    assert not study.conflict


def test_deleting_twice_and_deleting_nothing(archive: Archive) -> None:
    store(archive, ct())
    delete(archive)
    with pytest.raises(GoneError):
        delete(archive)
    with pytest.raises(UnknownError) as caught:
        archive.deletion.delete("1.2.3", None, None, by=Who(name="admin"), reason="")
    assert not isinstance(caught.value, GoneError)
    with pytest.raises(UnknownError):
        archive.deletion.restore("01NOSUCH", by=Who(name="admin"))


def test_no_object_is_ever_removed(archive: Archive) -> None:
    store(archive, ct())
    before = {path: path.read_bytes() for path in _objects(archive)}
    delete(archive)
    assert {path: path.read_bytes() for path in _objects(archive)} == before
    with reading(archive.engine) as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM instances").scalar()
    assert rows == 1


def _objects(archive: Archive) -> list[Path]:
    root = archive.settings.data_dir / "objects" / "v1"
    return sorted(path for path in root.rglob("*") if path.is_file())
