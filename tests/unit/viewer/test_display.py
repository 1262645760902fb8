"""Whatever a file carries, a page shows plain text or nothing, in the reader's language."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pacs_gateway.web.display import (
    age_at,
    object_kind,
    person_name,
    series_view,
    study_view,
)
from pacs_gateway.web.language import Texts, reader_language, texts_of
from storage.records import DicomJson, Found

VIETNAMESE = texts_of("vi")
ENGLISH = texts_of("en")


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


def found(**attributes: dict[str, Any]) -> Found:
    values: DicomJson = {name.removeprefix("t"): value for name, value in attributes.items()}
    return Found(
        attributes=values, last_received=datetime(2026, 11, 23, tzinfo=UTC), conflict=False
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"Alphabetic": "NGUYỄN^VĂN AN"}, "NGUYỄN VĂN AN"),
        ({"Alphabetic": "TRẦN^MINH^^BS^"}, "BS TRẦN MINH"),
        ({"Alphabetic": "  LÊ ^ HOA^^^ "}, "LÊ HOA"),
        ({"Alphabetic": "ADAMS^JOHN^ROBERT^REV.^B.A."}, "REV. ADAMS JOHN ROBERT B.A."),
        ({"Alphabetic": "^^^^", "Ideographic": "山田^太郎"}, "山田 太郎"),
        ({"Alphabetic": "A^B^C^D^E^F^G"}, "D A B C E"),
        ({"Alphabetic": None}, ""),
        ("PLAIN^TEXT", "PLAIN TEXT"),
        (12, "12"),
        (None, ""),
    ],
)
def test_names_are_written_as_people_write_them(value: Any, shown: str) -> None:
    assert person_name({"vr": "PN", "Value": [value]}) == shown


@pytest.mark.parametrize("broken", [None, {}, {"vr": "PN"}, {"Value": "text"}, {"Value": []}, "x"])
def test_an_attribute_without_a_value_shows_nothing(broken: Any) -> None:
    assert person_name(broken) == ""
    assert series_view(found(t0008103E=broken)).description == ""
    assert study_view(found(t00080020=broken), VIETNAMESE).date == ""


@pytest.mark.parametrize(
    ("birth", "vietnamese", "english"),
    [
        (date(1958, 11, 23), "68 tuổi", "68 years"),
        (date(1958, 11, 24), "67 tuổi", "67 years"),
        (date(2020, 11, 23), "6 tuổi", "6 years"),
        (date(2020, 11, 24), "71 tháng tuổi", "71 months"),
        (date(2026, 10, 23), "1 tháng tuổi", "1 month"),
        (date(2026, 10, 24), "30 ngày tuổi", "30 days"),
        (date(2026, 11, 23), "0 ngày tuổi", "0 days"),
        (date(2026, 11, 24), "", ""),
    ],
)
def test_age_is_told_as_clinicians_tell_it(birth: date, vietnamese: str, english: str) -> None:
    day = date(2026, 11, 23)
    assert age_at(birth, day, VIETNAMESE) == vietnamese
    assert age_at(birth, day, ENGLISH) == english


@pytest.mark.parametrize(("texts", "shown"), [(VIETNAMESE, "03/04/2026"), (ENGLISH, "3 Apr 2026")])
def test_dates_are_in_the_readers_order(texts: Texts, shown: str) -> None:
    assert study_view(found(t00080020=element("DA", "20260403")), texts).date == shown


@pytest.mark.parametrize("text", ["20261331", "2026", "19.3.2026", "²0260101", "0" * 5000])
def test_an_impossible_date_is_shown_as_it_is(text: str) -> None:
    assert study_view(found(t00080020=element("DA", text)), VIETNAMESE).date == text


@pytest.mark.parametrize(
    ("text", "shown"), [("081530.123", "08:15"), ("0815", "08:15"), ("2561", ""), ("8", "")]
)
def test_times_are_shown_to_the_minute(text: str, shown: str) -> None:
    assert study_view(found(t00080030=element("TM", text)), VIETNAMESE).time == shown


@pytest.mark.parametrize(
    ("value", "count"), [(40, 40), ("40", 40), ("-1", 0), ("4O", 0), ("9" * 9999, 0), (None, 0)]
)
def test_counts_are_numbers_or_nothing(value: Any, count: int) -> None:
    assert series_view(found(t00201209=element("IS", value))).instance_count == count


def test_numbers_are_grouped_as_the_language_does() -> None:
    assert VIETNAMESE.count("study.images.count", 1234) == "1.234 ảnh"
    assert ENGLISH.count("study.images.count", 1234) == "1,234 images"
    assert ENGLISH.count("study.images.count", 1) == "1 image"


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        ("104.1", "pdf"),
        ("104.3", "document"),
        ("88.59", "key_objects"),
        ("88.67", "report"),
        ("11.1", "presentation"),
        ("481.5", "radiotherapy"),
        ("66", "raw"),
        ("66.1", "registration"),
        ("66.4", "segmentation"),
        ("9.1.1", "waveform"),
        ("2", "other"),
    ],
)
def test_other_objects_are_called_by_their_kind(sop_class: str, kind: str) -> None:
    assert object_kind(f"1.2.840.10008.5.1.4.1.1.{sop_class}") == kind
    assert f"kind.{kind}" in VIETNAMESE.catalogue


@pytest.mark.parametrize(
    ("cookie", "language"), [(None, "vi"), ("en", "en"), ("vi", "vi"), ("../x", "vi"), ("", "vi")]
)
def test_the_language_is_the_one_chosen_else_the_installations(
    cookie: str | None, language: str
) -> None:
    assert reader_language(cookie, "vi") == language
