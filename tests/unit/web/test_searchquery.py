"""Protects: a query string means what PS3.18 8.3.4 says, and a malformed one is a BadRequestError
with one line, never anything else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.searchanswer import REQUIRED, answer, shown
from pacs_gateway.web.searchquery import MAX_FIELDS, MAX_PARAMETERS, Search, read_search
from storage.records import DicomJson, Level


def read(*parameters: tuple[str, str], **path: str) -> Search:
    return read_search(parameters, path)


def test_parameters_of_the_standard() -> None:
    search = read(
        ("limit", "5"),
        ("offset", "10"),
        ("fuzzymatching", "true"),
        ("EmptyValueMatching", "TRUE"),
        ("multiplevaluematching", "false"),
        ("accept", "application/json"),
        ("includefield", "00081030, PatientAge"),
        ("includefield", "all"),
    )
    assert (search.limit, search.offset) == (5, 10)
    assert (search.fuzzy, search.empty_values, search.every_value) == (True, True, False)
    assert [field.keyword for field in search.fields] == ["StudyDescription", "PatientAge"]
    assert search.all_fields
    assert search.keys == {}
    assert search.unknown == []


def test_keys_by_any_name_are_one_key() -> None:
    search = read(
        ("PatientID", "A"),
        ("00100020", "B"),
        ("ModalitiesInStudy", "CT,MR"),
        ("StudyDescription", "a, b"),
        study="1.2.3",
    )
    assert search.keys == {
        "PatientID": "A\\B",
        "ModalitiesInStudy": "CT\\MR",
        "StudyDescription": "a, b",
        "StudyInstanceUID": "1.2.3",
    }


def test_the_path_wins() -> None:
    assert read(("StudyInstanceUID", "9.9"), study="1.2").keys == {"StudyInstanceUID": "1.2"}


def test_unknown_names_are_told() -> None:
    search = read(("nonsense", "1"), ("00091010", "1"), ("includefield", "more,00091011"))
    assert search.unknown == ["nonsense", "00091010", "more"]
    assert [field.tags for field in search.fields] == [("00091011",)]


@pytest.mark.parametrize(
    "parameters",
    [
        [("limit", "")],
        [("limit", "-1")],
        [("limit", "٣")],
        [("offset", "1e3")],
        [("offset", "9" * 10)],
        [("fuzzymatching", "")],
        [("emptyvaluematching", "1")],
        [("includefield", "a b")],
        [("includefield", "../x")],
        [("includefield", ",".join(f"a{n}" for n in range(MAX_FIELDS + 1)))],
        [("SOPClassUID", "CT Image Storage")],
        [("StudyInstanceUID", "1..2")],
        [(f"x{n}", "") for n in range(MAX_PARAMETERS + 1)],
    ],
)
def test_malformed(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequestError):
        read(*parameters)


def test_a_path_that_is_no_uid() -> None:
    with pytest.raises(BadRequestError):
        read(study="x")


_NAMES = st.sampled_from(["limit", "includefield", "PatientID", "0020000D", "StudyDate", "x.y"])


@given(st.lists(st.tuples(_NAMES | st.text(max_size=20), st.text(max_size=30)), max_size=8))
def test_any_query_string_is_a_search_or_a_bad_request(parameters: list[tuple[str, str]]) -> None:
    try:
        search = read(*parameters)
    except BadRequestError:
        return
    assert set(search.keys) == {each.keyword for each in search.keyed}


KNOWN: DicomJson = {
    "00100020": {"vr": "LO", "Value": ["P1"]},
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    "00101010": {"vr": "AS", "Value": ["030Y"]},
    "00180015": {"vr": "CS", "Value": ["CHEST"]},
}


def answered(level: Level, *parameters: tuple[str, str], **path: str) -> dict[str, Any]:
    return answer(KNOWN, shown(read(*parameters, **path), level, path), "http://x")


def test_required_attributes_are_there_even_if_unknown() -> None:
    found = answered(Level.STUDY)
    assert set(REQUIRED[Level.STUDY]) <= set(found)
    assert found["00080020"] == {"vr": "DA"}
    assert found["00081190"]["Value"] == ["http://x"]
    assert "00101010" not in found


def test_levels_that_the_path_leaves_open_are_shown() -> None:
    assert "00100020" in answered(Level.SERIES)
    assert "00100020" not in answered(Level.SERIES, study="1.2")
    assert "00101010" in answered(Level.SERIES, ("includefield", "PatientAge"), study="1.2")


def test_fields_of_levels_below_are_not_shown() -> None:
    assert "00180015" not in answered(Level.STUDY, ("includefield", "BodyPartExamined"))
    assert "00180015" in answered(Level.SERIES, ("includefield", "00180015"), study="1.2")


def test_a_private_field_comes_with_its_creator() -> None:
    path = {"study": "1.2", "series": "1.2.3"}
    wanted = shown(read(("includefield", "00091011"), **path), Level.IMAGE, path)
    assert wanted.from_header == {"00091011", "00090010"}
    # What an answer says of itself needs no header.
    ours = shown(read(("includefield", "00081190"), **path), Level.IMAGE, path)
    assert not ours.from_header
