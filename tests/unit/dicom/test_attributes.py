"""Protects: a name in a query means one attribute or none, however it is written (PS3.18 8.3.4.1),
and every attribute that answers keep is of one level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import keyword_for_tag

from pacs_gateway.dicom.attributes import MAX_PATH, attribute_of, is_name
from pacs_gateway.dicom.levels import ATTRIBUTES, is_computed, level_of
from storage.records import MATCHING_KEYS, Level


@pytest.mark.parametrize(
    ("name", "tags", "keyword", "vr"),
    [
        ("PatientID", ("00100020",), "PatientID", "LO"),
        ("00100020", ("00100020",), "PatientID", "LO"),
        ("0020000d", ("0020000D",), "StudyInstanceUID", "UI"),
        ("SmallestPixelValueInSeries", ("00280108",), "SmallestPixelValueInSeries", "US"),
        (
            "RequestAttributesSequence.ScheduledProcedureStepID",
            ("00400275", "00400009"),
            "ScheduledProcedureStepID",
            "SH",
        ),
        ("00400275.00401001", ("00400275", "00401001"), "RequestedProcedureID", "SH"),
        (
            "OtherPatientIDsSequence.PatientID",
            ("00101002", "00100020"),
            "OtherPatientIDsSequence.PatientID",
            "LO",
        ),
        ("00091010", ("00091010",), "", "UN"),
    ],
)
def test_names(name: str, tags: tuple[str, ...], keyword: str, vr: str) -> None:
    found = attribute_of(name)
    assert found is not None
    assert (found.tags, found.keyword, found.vr) == (tags, keyword, vr)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "patientid",
        "0010002",
        "001000200",
        "(0010,0020)",
        "00100020 ",
        "PatientID.PatientName",
        "PatientID.",
        ".PatientID",
        "00091010.PatientID",
        ".".join(["ContentSequence"] * (MAX_PATH + 1)),
    ],
)
def test_what_names_nothing(name: str) -> None:
    assert attribute_of(name) is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9A-F]{8}(\.[0-9A-F]{8})?", fullmatch=True))
def test_any_text_names_one_attribute_or_none(text: str) -> None:
    found = attribute_of(text)
    if found is None:
        return
    assert is_name(text)
    assert all(len(tag) == 8 and int(tag, 16) >= 0 for tag in found.tags)
    if found.keyword:
        assert attribute_of(".".join(found.tags)) == found


def test_values_that_may_be_several() -> None:
    several = {name: attribute_of(name) for name in ("ModalitiesInStudy", "PatientID", "ImageType")}
    assert {name: found.multiple for name, found in several.items() if found} == {
        "ModalitiesInStudy": True,
        "PatientID": False,
        "ImageType": True,
    }


def test_every_attribute_has_a_level() -> None:
    for level, tags in ATTRIBUTES.items():
        assert list(tags) == sorted(set(tags))
        for tag in tags:
            assert keyword_for_tag(int(tag, 16))
            kept_at = level_of(tag)
            assert kept_at is not None
            assert list(Level).index(kept_at) <= list(Level).index(level)
    assert level_of("7FE00010") is None


def test_matching_keys_are_shown_at_the_level_they_are_matched_at() -> None:
    for keyword, (level, _) in MATCHING_KEYS.items():
        attribute = attribute_of(keyword)
        assert attribute is not None
        if keyword in ("RequestedProcedureID", "ScheduledProcedureStepID"):
            continue
        assert level_of(attribute.tags[0]) is level
        assert is_computed(attribute.tags[0]) == (keyword.endswith("InStudy"))
