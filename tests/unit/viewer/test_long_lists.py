"""Long lists come in pages: each page is bounded, together they hold everything exactly once."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.language import texts_of
from pacs_gateway.web.listpage import studies_context
from pacs_gateway.web.studylist import PER_PAGE, Filters, find_studies, read_filters
from pacs_gateway.web.studypage import (
    IMAGES_PER_PAGE,
    SERIES_PER_PAGE,
    Asked,
    study_context,
)
from storage import narrowing, worklist
from storage.database import migrate, open_engine
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import InstanceRecord, Level, Origin
from storage.worklist import Place, Sort, Total

TODAY = date(2026, 11, 23)
QUIET = datetime(2026, 11, 24, tzinfo=UTC)
STUDIES = 120
BIG = "1.2.999"
SERIES = SERIES_PER_PAGE + 5
IMAGES = IMAGES_PER_PAGE + 30
TEXTS = texts_of("vi")


def record(study: str, series: str, instance: str, *, number: int, day: date) -> InstanceRecord:
    patient_id = f"BN{study.rpartition('.')[2]}"
    keys = {
        "PatientID": patient_id,
        "PatientName": "ĐỖ^MINH ĐỨC" if study == BIG else "TRẦN^THỊ HOA",
        "AccessionNumber": f"XN{patient_id}",
        "StudyInstanceUID": study,
        "StudyDate": f"{day:%Y%m%d}",
        "SeriesInstanceUID": series,
        "Modality": "CT",
        "SOPInstanceUID": instance,
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "InstanceNumber": str(number),
    }
    return InstanceRecord(
        study_uid=study,
        series_uid=series,
        sop_instance_uid=instance,
        sop_class_uid=keys["SOPClassUID"],
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        patient_key=patient_id,
        keys=keys,
        folded={"PatientName": fold(keys["PatientName"])},
        attributes={
            Level.PATIENT: {
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": keys["PatientName"]}]}
            },
            Level.STUDY: {"0020000D": {"vr": "UI", "Value": [study]}},
            Level.SERIES: {"0020000E": {"vr": "UI", "Value": [series]}},
            Level.IMAGE: {"00080018": {"vr": "UI", "Value": [instance]}},
        },
        metadata=b"",
        pixels=None,
        object_key=f"v1/{instance}",
        sha256=sha256(instance.encode()).hexdigest(),
        size=1,
        data_set_offset=0,
        origin=Origin(source="import", received_at=datetime(2026, 11, 23, tzinfo=UTC)),
    )


def records() -> Iterator[InstanceRecord]:
    for number in range(1, STUDIES):
        study = f"1.2.{number}"
        yield record(study, f"{study}.1", f"{study}.1.1", number=1, day=TODAY - timedelta(number))
    for number in range(1, SERIES + 1):
        yield record(BIG, f"{BIG}.{number}", f"{BIG}.{number}.1", number=1, day=TODAY)
    for number in range(2, IMAGES + 1):
        yield record(BIG, f"{BIG}.1", f"{BIG}.1.{number}", number=number, day=TODAY)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    file: Path = tmp_path_factory.mktemp("index") / "index.sqlite"
    engine = open_engine(f"sqlite:///{file}", busy_deadline_s=5)
    migrate(engine)
    filled = Index(engine)
    filled.commit(list(records()))
    yield filled
    engine.dispose()


def list_page(index: Index, filters: Filters) -> dict[str, Any]:
    return studies_context(
        index,
        TEXTS,
        filters,
        receiver={},
        reach=EVERYTHING,
        quiet_since=QUIET,
        unread_hours=24,
        incomplete=lambda _: {},
    )


def study_page(index: Index, *, series: str = "", page: int = 1, images: int = 1) -> dict[str, Any]:
    asked = Asked(series_uid=series, page=page, images_page=images)
    recent = datetime(2026, 11, 24, tzinfo=UTC)
    return study_context(index, TEXTS, BIG, asked=asked, reach=EVERYTHING, recent=recent)


def all_different(pages: Iterable[list[Any]]) -> int:
    uids = [item.uid for page in pages for item in page]
    assert len(uids) == len(set(uids))
    return len(uids)


def follow(index: Index, filters: Filters, direction: str) -> list[list[Any]]:
    """Return the studies of each page from here on, as the links of the pages lead."""
    pages = []
    while True:
        context = list_page(index, filters)
        pages.append([row.study for row in context["rows"]])
        address = getattr(context["pages"], direction)
        if not address:
            return pages
        filters = read_filters(dict(parse_qsl(urlsplit(address).query)))


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_list_of_studies_is_whole_over_its_pages(
    index: Index, sort: Sort, *, reverse: bool
) -> None:
    pages = follow(index, Filters(sort=sort, reverse=reverse), "next")
    assert [len(page) for page in pages] == [PER_PAGE, PER_PAGE, STUDIES - 2 * PER_PAGE]
    assert all_different(pages) == STUDIES
    last = pages[-1][0].uid
    back = Filters(sort=sort, reverse=reverse, place=Place(before=last))
    assert follow(index, back, "previous")[::-1] == pages[:-1]


def test_the_newest_study_is_first(index: Index) -> None:
    assert list_page(index, Filters())["rows"][0].study.uid == BIG


@pytest.mark.parametrize("place", [Place(after=f"1.2.{STUDIES - 1}"), Place(before=BIG)])
def test_a_page_past_the_end_is_no_empty_archive(index: Index, place: Place) -> None:
    context = list_page(index, Filters(place=place))
    assert context["rows"] == []
    assert not context["empty"]


def test_the_next_page_stays_with_the_way_of_matching(index: Index) -> None:
    context = list_page(index, Filters(text="hoa"))
    assert context["found_by"] == "name"
    last = context["rows"][-1].study.uid
    assert context["pages"].next == f"/?q=hoa&by=name&after={last}"


@pytest.mark.parametrize(
    ("filters", "further"),
    [
        (Filters(modality="MR"), "/?modality=MR&after=1.2.9"),
        (
            Filters(text="ngực phổi", way="description"),
            "/?q=ng%E1%BB%B1c+ph%E1%BB%95i&by=description&after=1.2.9",
        ),
    ],
)
def test_a_search_that_found_nothing_yet_can_go_on(
    index: Index, filters: Filters, further: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "WALK", 10)
    monkeypatch.setattr(narrowing, "NARROW", -1)
    context = list_page(index, filters)
    assert context["rows"] == []
    assert not context["empty"]
    assert context["pages"].further == further


def test_a_row_leads_to_its_study_and_knows_its_list(index: Index) -> None:
    [row] = list_page(index, Filters(text="do duc"))["rows"]
    assert row.address == f"/studies/{BIG}?list=q%3Ddo%2Bduc%26by%3Dname"


@pytest.mark.parametrize(
    ("filters", "found_by", "total"),
    [
        (Filters(text="bn17"), "id", 1),
        (Filters(text="XNBN17"), "accession", 1),
        (Filters(text="do duc"), "name", 1),
        (Filters(text="BN17", way="name"), "", 0),
        (Filters(text="BN999", way="accession"), "", 0),
        (Filters(period="today"), "", 1),
        (Filters(period="week"), "", 7),
        (Filters(last=date(2026, 11, 20)), "", STUDIES - 3),
        (Filters(first=date(2026, 11, 22)), "", 2),
        (Filters(first=date(2026, 11, 22), last=date(2026, 11, 1)), "", 0),
        (Filters(modality="MR"), "", 0),
        (Filters(text="^", modality="CT"), "", 0),
    ],
)
def test_filters_find_what_they_say(
    index: Index, filters: Filters, found_by: str, total: int
) -> None:
    listing = find_studies(index, filters, TODAY, quiet_since=QUIET, reach=EVERYTHING)
    assert (listing.found_by, listing.total) == (found_by, Total(total, exact=True))


def test_every_series_of_a_study_is_on_one_of_its_pages(index: Index) -> None:
    contexts = [study_page(index, page=page) for page in (1, 2)]
    sections = [context["sections"] for context in contexts]
    assert all_different([section.series for section in page] for page in sections) == SERIES
    assert contexts[0]["pages"].next == f"/studies/{BIG}?page=2"


def test_every_image_of_a_series_is_on_one_of_its_pages(index: Index) -> None:
    contexts = [study_page(index, series=f"{BIG}.1", images=page) for page in (1, 2)]
    shown = [[each["uid"] for each in context["listed"]] for context in contexts]
    assert [len(uids) for uids in shown] == [IMAGES_PER_PAGE, IMAGES - IMAGES_PER_PAGE]
    assert len({*shown[0], *shown[1]}) == IMAGES
    assert contexts[1]["image_pages"].previous == f"/studies/{BIG}?series={BIG}.1&images=1"


@pytest.mark.parametrize(
    ("series", "page"), [("9.9.9", 1), ("1.2\0", 1), ("x", 1), ("1.2.1.1", 1), ("", 99)]
)
def test_a_series_of_another_study_is_not_shown(index: Index, series: str, page: int) -> None:
    with pytest.raises(UnknownError):
        study_page(index, series=series, page=page)
