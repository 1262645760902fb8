"""Protects: every file that can be kept comes back byte for byte in its data set; every other is
refused with one line and set aside, and nothing else happens.

The files are those that pydicom ships, and the corpus of real and hostile files where there is one.
"""

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydantic import SecretStr

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.config import Settings, SpoolSettings
from pacs_gateway.dicom import meta
from pacs_gateway.errors import GatewayError, NotADataSetError
from storage.records import Origin, StoredInstance, utc_now
from tests.corpus import corpus_files, expected_rows

ORIGIN = Origin(source="import", received_at=utc_now())


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    settings = Settings(
        data_dir=tmp_path,
        admin_password=SecretStr("a long test password"),
        spool=SpoolSettings(reserve_bytes=0, refuse_percent=100, stop_associations_percent=100),
    )
    prepare_database(settings)
    archive = open_archive(settings)
    yield archive
    archive.close()


def shipped_files() -> list[Path]:
    folder = Path(pydicom.__file__).parent / "data"
    return sorted(path for path in folder.rglob("*.dcm") if path.is_file())


def data_set_of(file: bytes) -> bytes:
    if meta.is_bare_data_set(file):
        return file
    found = meta.decode(file)
    assert found is not None
    return file[found.length :]


def keep(archive: Archive, path: Path) -> str | None:
    """Bring a file in; return the digest of its object, None if it is refused."""
    arrival = archive.ingest.begin_file(ORIGIN)
    arrival.write(path.read_bytes())
    try:
        return arrival.accept().entry.sha256
    except GatewayError:
        return None


def check_kept(archive: Archive, files: list[Path]) -> set[Path]:
    """Keep all files, compare what comes back; return those that were refused."""
    digests = {path: keep(archive, path) for path in files}
    committer = archive.committer()
    while committer.run_once():
        pass
    committer.close()
    objects = {version.sha256: version for version in every_version(archive)}
    for path, digest in digests.items():
        if digest is None:
            continue
        stored = objects[digest]
        returned = b"".join(archive.retrieval.data_set(stored))
        assert returned == data_set_of(path.read_bytes()), path.name
    refused = {path for path, digest in digests.items() if digest is None}
    aside = archive.settings.data_dir / "spool" / "set-aside"
    assert sum(1 for _ in aside.glob("*.dcm")) == len(refused)
    return refused


def every_version(archive: Archive) -> Iterator[StoredInstance]:
    current = list(archive.index.instances_of(()))
    for versions in archive.index.known({found.sop_instance_uid for found in current}).values():
        yield from versions


def test_the_files_that_pydicom_ships(archive: Archive) -> None:
    refused = {path.name for path in check_kept(archive, shipped_files())}
    assert refused <= BROKEN


BROKEN = {
    "MR_truncated.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "rtplan_truncated.dcm",
    "no_meta.dcm",
    "meta_missing_tsyntax.dcm",
    "empty_charset_LEI.dcm",
    "no_meta_group_length.dcm",
    "nested_priv_SQ.dcm",
    "priv_SQ.dcm",
    "UN_sequence.dcm",
    "chrSQEncoding.dcm",
    "chrSQEncoding1.dcm",
    "JLSL_RGB_ILV0.dcm",
    "JLSL_RGB_ILV1.dcm",
    "JLSL_RGB_ILV2.dcm",
    "JLSN_RGB_ILV0.dcm",
}
"""Cut short, or made without any SOP Instance UID to show one point of a decoder or reader."""


def test_the_corpus_of_real_and_hostile_files(archive: Archive) -> None:
    files = corpus_files()
    refused = check_kept(archive, list(files.values()))
    parse = {row["path"]: row["parse"] for row in expected_rows()}
    names = {path for path, file in files.items() if file in refused}
    for name in names:
        harmless = parse[name] == "ok" and not name.startswith(("hostile", "malformed"))
        assert not harmless or Path(name).name in BROKEN, name


def test_a_file_that_the_disk_spoils_holds_up_no_other(archive: Archive) -> None:
    first, second = shipped_files()[:2]
    spoiled = keep(archive, first)
    (entry,) = archive.spool.ready(1)
    entry.path.write_bytes(b"what the disk made of it")
    kept = keep(archive, second)
    committer = archive.committer()
    committer.run_once()
    committer.close()
    assert {found.sha256 for found in archive.index.instances_of(())} == {kept}
    (apart,) = (archive.settings.data_dir / "spool" / "damaged").iterdir()
    assert spoiled is not None
    assert spoiled in apart.name
    assert archive.spool.ready(10) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 132, b"PK\x03\x04" + bytes(500)])
def test_what_is_no_dicom_is_refused_in_one_line(archive: Archive, content: bytes) -> None:
    arrival = archive.ingest.begin_file(ORIGIN)
    arrival.write(content)
    with pytest.raises(NotADataSetError, match=r"\A.+\.\Z"):
        arrival.accept()
