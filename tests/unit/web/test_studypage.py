"""The page of a study tells what it is, what is missing and what else there is, and nothing of others."""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pacs_gateway.errors import UnknownError
from pacs_gateway.web.language import texts_of
from pacs_gateway.web.priors import priors_of
from pacs_gateway.web.studypage import Asked, study_context
from pacs_gateway.web.tags import tags_context
from storage.database import migrate, open_engine
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import (
    DicomJson,
    InstanceRecord,
    Level,
    Origin,
    PixelLocation,
)

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEXTS = texts_of("vi")
CT, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.22"
NOBODY, HERE, THERE = ("", ""), ("BN1", "A"), ("BN1", "B")
NAME = {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^AN"}]}


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


def record(
    study: str,
    series: int,
    number: int,
    *,
    who: tuple[str, str] = HERE,
    day: str = "20261101",
    kind: str = CT,
    frames: int = 1,
) -> InstanceRecord:
    series_uid, uid = f"{study}.{series}", f"{study}.{series}.{number}"
    patient_id, issuer = who
    keys = {
        "PatientID": patient_id,
        "StudyInstanceUID": study,
        "StudyDate": day,
        "SeriesInstanceUID": series_uid,
        "SeriesNumber": str(series),
        "Modality": "CT" if kind == CT else "SR",
        "SOPInstanceUID": uid,
        "SOPClassUID": kind,
        "InstanceNumber": str(number),
    }
    model: DicomJson = {
        "00080018": element("UI", uid),
        "00080016": element("UI", kind),
        "00100010": NAME,
        "00091001": element("LO", "RIÊNG"),
        "0040A730": element("SQ", {"0040A040": element("CS", "TEXT")}, {}),
        "7FE00010": {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"},
    }
    return InstanceRecord(
        study_uid=study,
        series_uid=series_uid,
        sop_instance_uid=uid,
        sop_class_uid=kind,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        patient_key="^".join(who),
        keys=keys,
        folded={},
        attributes={
            Level.PATIENT: {
                "00100010": NAME,
                "00100020": element("LO", patient_id),
                "00100021": element("LO", issuer),
            },
            Level.STUDY: {"0020000D": element("UI", study), "00080020": element("DA", day)},
            Level.SERIES: {
                "0020000E": element("UI", series_uid),
                "00080060": element("CS", keys["Modality"]),
                "00180015": element("CS", "CHEST"),
            },
            Level.IMAGE: {"00080018": element("UI", uid)},
        },
        metadata=zlib.compress(json.dumps(model).encode()),
        pixels=pixels(frames) if kind == CT else None,
        object_key=f"v1/{uid}",
        sha256=sha256(uid.encode()).hexdigest(),
        size=1,
        data_set_offset=0,
        origin=Origin(source="import", received_at=NOW),
    )


def pixels(frames: int) -> PixelLocation:
    return PixelLocation(
        tag="7FE00010", offset=0, length=2, encapsulated=False, frame_count=frames, frame_bits=16
    )


def records() -> Iterator[InstanceRecord]:
    yield record("1.1", 1, 1)
    for number in (1, 2, 4, 5, 6):
        yield record("1.1", 2, number)
    yield record("1.1", 3, 1, kind=SR)
    yield record("1.2", 1, 1, day="20260901", kind=SR)
    yield record("1.3", 1, 1, day="20261201", frames=12)
    yield record("2.1", 1, 1, who=THERE)
    yield record("3.1", 1, 1, who=NOBODY)
    yield record("3.2", 1, 1, who=NOBODY)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    file: Path = tmp_path_factory.mktemp("index") / "index.sqlite"
    engine = open_engine(f"sqlite:///{file}", busy_deadline_s=5)
    migrate(engine)
    filled = Index(engine)
    filled.commit(list(records()))
    yield filled
    engine.dispose()


def context(index: Index, study: str, recent: datetime = NOW, **asked: Any) -> dict[str, Any]:
    return study_context(index, TEXTS, study, asked=Asked(**asked), reach=EVERYTHING, recent=recent)


def test_it_begins_with_the_middle_of_the_stack_not_with_the_scout(index: Index) -> None:
    shown = context(index, "1.1")
    assert shown["chosen"].series.uid == "1.1.2"
    assert shown["picture"].instance.sop_instance_uid == "1.1.2.4"


def test_an_address_may_choose_another_series(index: Index) -> None:
    assert context(index, "1.1", series_uid="1.1.1")["chosen"].series.uid == "1.1.1"
    report = context(index, "1.1", series_uid="1.1.3")
    assert (report["picture"], report["chosen"].kind) == (None, "report")
    with pytest.raises(UnknownError):
        context(index, "1.1", series_uid="1.2.1")


def test_moving_images_begin_at_their_beginning(index: Index) -> None:
    picture = context(index, "1.3")["picture"]
    assert (picture.instance.sop_instance_uid, picture.frame) == ("1.3.1.1", 1)
    assert context(index, "1.3")["sections"][0].frames == 12


def test_reports_and_gaps_are_told(index: Index) -> None:
    shown = context(index, "1.1")
    assert [each.first.sop_instance_uid for each in shown["reports"]] == ["1.1.3.1"]
    assert [(each.series.uid, each.missing) for each in shown["gaps"]] == [("1.1.2", "3")]
    assert context(index, "1.2")["picture"] is None


@pytest.mark.parametrize(("seconds", "receiving"), [(-60, True), (60, False)])
def test_a_study_that_still_arrives_says_so(index: Index, seconds: int, receiving: bool) -> None:
    recent = NOW + timedelta(seconds=seconds)
    assert context(index, "1.1", recent)["receiving"] is receiving


def test_priors_are_of_the_same_patient_and_newest_first(index: Index) -> None:
    def uids(study: str) -> list[str]:
        found = priors_of(index, study, EVERYTHING)
        return [each.found.attributes["0020000D"]["Value"][0] for each in found]

    assert uids("1.1") == ["1.3", "1.2"]
    assert list(priors_of(index, "1.1", EVERYTHING)[0].body_parts) == ["CHEST"]
    assert uids("2.1") == []
    assert uids("3.1") == []
    with pytest.raises(UnknownError):
        uids("9.9")


def test_every_attribute_is_a_row_and_sequences_are_opened(index: Index) -> None:
    found = tags_context(index, TEXTS, "1.1", series_uid="", instance_uid="1.1.2.4")
    rows = [(row.depth, row.tag, row.keyword, row.value, row.item) for row in found["rows"]]
    assert rows == [
        (0, "(0008,0016)", "SOPClassUID", f"{CT} (CT Image Storage)", 0),
        (0, "(0008,0018)", "SOPInstanceUID", "1.1.2.4", 0),
        (0, "(0009,1001)", "", "RIÊNG", 0),
        (0, "(0010,0010)", "PatientName", "NGUYỄN^AN", 0),
        (0, "(0040,A730)", "ContentSequence", "2 mục", 0),
        (1, "", "", "", 1),
        (2, "(0040,A040)", "ValueType", "TEXT", 0),
        (1, "", "", "", 2),
        (0, "(7FE0,0010)", "PixelData", "(dữ liệu nhị phân)", 0),
    ]
    assert len(found["instances"]) == 5


@pytest.mark.parametrize(
    ("study", "series", "instance", "shown"),
    [("1.1", "", "", "1.1.1.1"), ("1.1", "1.1.3", "", "1.1.3.1"), ("1.1", "", "1.2.1.1", None)],
)
def test_attributes_are_those_of_an_instance_of_this_study(
    index: Index, study: str, series: str, instance: str, shown: str | None
) -> None:
    if shown is None:
        with pytest.raises(UnknownError):
            tags_context(index, TEXTS, study, series_uid=series, instance_uid=instance)
        return
    found = tags_context(index, TEXTS, study, series_uid=series, instance_uid=instance)
    assert found["chosen"].sop_instance_uid == shown
