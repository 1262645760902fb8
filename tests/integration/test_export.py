"""Protects exported folders: another system finds every file by the DICOMDIR, byte for byte as it was
received, and a folder without a DICOMDIR is never taken for a whole export."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.fileset import FileInstance, FileSet
from pydicom.uid import generate_uid
from rich.console import Console

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.archive.export import export
from pacs_gateway.cli.exporting import export_studies
from pacs_gateway.config import Settings, SpoolSettings
from pacs_gateway.errors import BadRequestError, UnknownError
from storage.auditlog import Wanted
from storage.errors import StorageError
from storage.records import Origin, StoredInstance, utc_now

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_dicom"
SILENT = Console(quiet=True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("export"),
        spool=SpoolSettings(reserve_bytes=0, refuse_percent=100, stop_associations_percent=100),
    )
    prepare_database(settings)
    archive = open_archive(settings)
    store(archive, *(path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm"))))
    store(archive, *(data.read_bytes() for data in map(shipped, ("test-SR.dcm", "rtplan.dcm"))))
    yield archive
    archive.close()


def shipped(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


def store(archive: Archive, *files: bytes) -> None:
    for file in files:
        origin = Origin(source="import", received_at=utc_now())
        with archive.ingest.begin_file(origin) as arrival:
            arrival.write(file)
            arrival.accept()
    committer = archive.committer()
    while committer.run_once():
        pass
    committer.close()


def incomplete(**missing: str) -> bytes:
    """Return a file whose modality left out what directories need."""
    data_set: Dataset = dcmread(shipped("CT_small.dcm"))
    data_set.StudyInstanceUID, data_set.SOPInstanceUID = generate_uid(), generate_uid()
    for keyword in ("StudyID", "StudyDate", "StudyTime", "SeriesNumber", "InstanceNumber"):
        delattr(data_set, keyword)
    data_set.PatientID = ""
    for keyword, value in missing.items():
        setattr(data_set, keyword, value)
    buffer = io.BytesIO()
    data_set.save_as(buffer)
    return buffer.getvalue()


@contextmanager
def opened(folder: Path) -> Iterator[list[FileInstance]]:
    """Yield what the directory of a folder names."""
    file_set = FileSet(folder / "DICOMDIR")
    yield list(file_set)
    file_set._stage["t"].cleanup()


def study_uids(archive: Archive) -> list[str]:
    return sorted({instance.study_uid for instance in archive.index.instances(None)})


def test_every_file_is_found_by_the_directory(archive: Archive, tmp_path: Path) -> None:
    folder, uids = tmp_path / "disc", study_uids(archive)
    export_studies(archive, uids, folder, SILENT)
    stored = {each.sop_instance_uid: each for each in archive.index.instances(None)}
    with opened(folder) as listed:
        assert {each.SOPInstanceUID for each in listed} == set(stored)
        for each in listed:
            content = Path(each.path).read_bytes()
            assert content == b"".join(archive.retrieval.part10(stored[each.SOPInstanceUID]))
            name = Path(each.path).relative_to(folder)
            assert all(part == part.upper() and len(part) <= 8 for part in name.parts)
        kinds = {each.node.record_type for each in listed}
    assert {"IMAGE", "ENCAP DOC", "SR DOCUMENT", "RT PLAN"} <= kinds
    looks = archive.audit_log.rows(Wanted(verb="study downloaded"), limit=100)
    assert {row.study_uid for row in looks} == set(uids)


@pytest.mark.server("dcmtk")
def test_another_program_reads_the_directory(archive: Archive, tmp_path: Path) -> None:
    program = shutil.which("dcmdump")
    assert program, "dcmdump is missing: apt install dcmtk"
    export_studies(archive, study_uids(archive), tmp_path / "disc", SILENT)
    call = [program, str(tmp_path / "disc" / "DICOMDIR")]
    read = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert read.returncode == 0, read.stderr
    assert read.stdout.count("ReferencedFileID") == len(archive.index.instances(None))


def test_what_a_modality_left_out_is_made_up_in_the_directory_only(
    archive: Archive, tmp_path: Path
) -> None:
    before = set(study_uids(archive))
    store(archive, incomplete(), incomplete())
    uids = sorted(set(study_uids(archive)) - before)
    export_studies(archive, uids, tmp_path / "disc", SILENT)
    with opened(tmp_path / "disc") as listed:
        assert len({each.PatientID for each in listed}) == 2
        for each in listed:
            data_set = each.load()
            assert isinstance(data_set, Dataset)
            assert data_set.PatientID == ""
            assert "StudyDate" not in data_set


def test_an_export_that_breaks_off_has_no_directory(archive: Archive, tmp_path: Path) -> None:
    instances = archive.retrieval.instances(study_uids(archive)[0])

    def broken(instance: StoredInstance) -> Iterator[bytes]:
        yield b"DICM"
        raise StorageError(instance.object_key)

    retrieval = SimpleNamespace(part10=broken, headers=archive.retrieval.headers)
    with pytest.raises(StorageError):
        export(retrieval, instances, tmp_path, progress=lambda: None)  # type: ignore[arg-type]
    assert not (tmp_path / "DICOMDIR").exists()


def test_nothing_is_mixed_with_what_is_there(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BadRequestError, match="not empty"):
        export_studies(archive, study_uids(archive)[:1], tmp_path, SILENT)
    with pytest.raises(UnknownError):
        export_studies(archive, ["1.2.3"], tmp_path / "new", SILENT)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
