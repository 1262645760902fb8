"""Protects the write path's invariant: accepted means durable under its true digest and UIDs, byte
for byte; refused means set aside with a reason; abandoned means gone."""

import json
import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.archive.examine import Examiner
from pacs_gateway.archive.ingest import Announced, Arrival, Ingest
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.part10 import WalkLimits
from pacs_gateway.errors import (
    IdentityError,
    MismatchError,
    NotADataSetError,
    OutOfResourcesError,
)
from storage.capacity import SpoolLimits
from storage.records import Origin, utc_now
from storage.spool import Spool

MIB = 1024 * 1024
ORIGIN = Origin(source="dimse", peer="CT1", address="10.0.0.7", received_at=utc_now())


def ingest_in(folder: Path) -> Ingest:
    spool = Spool(
        folder,
        SpoolLimits(
            stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=10_000
        ),
    )
    limits = WalkLimits(max_depth=64, max_elements=100_000, max_header_bytes=16 * MIB)
    examiner = Examiner(limits, max_inflated_bytes=64 * MIB, max_inflate_ratio=250, scratch=folder)
    return Ingest(spool, examiner)


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    return ingest_in(tmp_path)


def sample(name: str = "CT_small.dcm") -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(path).read_bytes()


def data_set_of(file: bytes) -> bytes:
    found = meta.decode(file)
    assert found is not None
    return file[found.length :]


def announced(file: bytes) -> Announced:
    found = meta.decode(file)
    assert found is not None
    return Announced(found.sop_class_uid, found.sop_instance_uid, found.transfer_syntax_uid)


def write_in_pieces(arrival: Arrival, data: bytes, size: int = 4000) -> None:
    for at in range(0, len(data), size):
        arrival.write(data[at : at + size])


def stored(ingest: Ingest) -> bytes:
    (entry,) = ingest.spool.ready(10)
    content = entry.path.read_bytes()
    assert sha256(content).hexdigest() == entry.sha256
    return content


def set_aside(ingest: Ingest, folder: Path) -> tuple[str, bytes]:
    assert ingest.spool.ready(10) == []
    (note,) = (folder / "set-aside").glob("*.json")
    return json.loads(note.read_text())["reason"], note.with_suffix(".dcm").read_bytes()


def test_a_data_set_is_kept_byte_for_byte_behind_our_meta_information(ingest: Ingest) -> None:
    file = sample()
    arrival = ingest.begin_data_set(announced(file), ORIGIN)
    write_in_pieces(arrival, data_set_of(file))
    accepted = arrival.accept()
    content = stored(ingest)
    assert data_set_of(content) == data_set_of(file)
    assert accepted.identity.study_uid == dcmread(BytesIO(file)).StudyInstanceUID
    head = meta.decode(content)
    assert head is not None
    assert head.sender == {"source": "dimse", "peer": "CT1", "address": "10.0.0.7"}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(1, 3000))
def test_a_file_gives_the_same_object_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, size: int
) -> None:
    ingest = ingest_in(tmp_path_factory.mktemp("spool"))
    file = sample("MR_small.dcm")
    arrival = ingest.begin_file(ORIGIN)
    write_in_pieces(arrival, file, size)
    arrival.accept()
    assert data_set_of(stored(ingest)) == data_set_of(file)


def test_the_same_file_twice_gives_one_digest(ingest: Ingest) -> None:
    digests = []
    for _ in range(2):
        arrival = ingest.begin_file(ORIGIN)
        arrival.write(sample())
        digests.append(arrival.accept().entry.sha256)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("implicit", [True, False])
def test_a_bare_data_set_is_given_meta_information(ingest: Ingest, *, implicit: bool) -> None:
    file = sample("MR_small_implicit.dcm" if implicit else "MR_small.dcm")
    arrival = ingest.begin_file(ORIGIN)
    write_in_pieces(arrival, data_set_of(file))
    accepted = arrival.accept()
    content = stored(ingest)
    head = meta.decode(content)
    assert head is not None
    assert head.sop_instance_uid == accepted.identity.sop_instance_uid
    assert head.transfer_syntax_uid == announced(file).transfer_syntax_uid
    assert data_set_of(content) == data_set_of(file)


def test_a_truncated_instance_is_set_aside_with_its_reason(ingest: Ingest, tmp_path: Path) -> None:
    arrival = ingest.begin_file(ORIGIN)
    arrival.write(sample()[:-1000])
    with pytest.raises(NotADataSetError, match=r"\(7FE0,0010\).*only"):
        arrival.accept()
    reason, content = set_aside(ingest, tmp_path)
    assert "7FE0,0010" in reason
    assert data_set_of(content) == data_set_of(sample())[:-1000]


@pytest.mark.parametrize("content", [b"", b"x", b"<html></html>", bytes(132), b"PK" + bytes(9999)])
def test_what_is_no_dicom_file_is_set_aside_whole(
    ingest: Ingest, tmp_path: Path, content: bytes
) -> None:
    arrival = ingest.begin_file(ORIGIN)
    write_in_pieces(arrival, content)
    with pytest.raises(NotADataSetError):
        arrival.accept()
    assert set_aside(ingest, tmp_path)[1] == content


def test_a_deflate_bomb_is_refused_and_memory_stays(ingest: Ingest, tmp_path: Path) -> None:
    body = b"\x08\0\x16\0UI\x02\x001\0" + b"\x09\0\x01\x10OB\0\0" + (80 * MIB).to_bytes(4, "little")
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeezer.compress(body + bytes(80 * MIB)) + squeezer.flush()
    arrival = ingest.begin_data_set(
        Announced("1.2", "1.3", meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN), ORIGIN
    )
    arrival.write(bomb)
    with pytest.raises(NotADataSetError):
        arrival.accept()
    assert set_aside(ingest, tmp_path)[0]


def test_another_uid_than_the_command_announced_is_refused(ingest: Ingest) -> None:
    file = sample()
    wrong = Announced(announced(file).sop_class_uid, "1.2.3", meta.EXPLICIT_VR_LITTLE_ENDIAN)
    arrival = ingest.begin_data_set(wrong, ORIGIN)
    arrival.write(data_set_of(file))
    with pytest.raises(MismatchError, match="SOP Instance UID"):
        arrival.accept()


def test_another_study_than_the_one_addressed_is_refused(ingest: Ingest) -> None:
    arrival = ingest.begin_file(ORIGIN, expected_study_uid="1.2.3")
    arrival.write(sample())
    with pytest.raises(MismatchError, match="another study"):
        arrival.accept()


def test_an_impossible_uid_is_refused_and_set_aside(ingest: Ingest, tmp_path: Path) -> None:
    file = sample()
    uid = dcmread(BytesIO(file)).StudyInstanceUID.encode()
    arrival = ingest.begin_file(ORIGIN)
    arrival.write(file.replace(uid, b"../../" + uid[6:]))
    with pytest.raises(IdentityError):
        arrival.accept()
    assert "Study Instance UID" in set_aside(ingest, tmp_path)[0]


def test_an_abandoned_arrival_leaves_nothing(ingest: Ingest, tmp_path: Path) -> None:
    with ingest.begin_file(ORIGIN) as arrival:
        arrival.write(sample())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_leaving_the_block_keeps_what_was_accepted(ingest: Ingest) -> None:
    with ingest.begin_file(ORIGIN) as arrival:
        arrival.write(sample())
        arrival.accept()
    assert stored(ingest)


def test_a_disk_that_takes_no_more_is_a_passing_refusal(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    arrival = ingest.begin_file(ORIGIN)
    monkeypatch.setattr("os.write", full)
    with pytest.raises(OutOfResourcesError, match="full"):
        arrival.write(sample())
