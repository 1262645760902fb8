"""What searching must do with attributes that have no column."""

import json
from dataclasses import replace

import pytest

from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import (
    DicomJson,
    InstanceRecord,
    KeptMatch,
    Level,
    Match,
    MatchKind,
    QuerySpec,
)
from storage.testing.index_commit import values
from storage.testing.instance import make_record, study_uid


def _kept(study: int, level: Level, **attributes: DicomJson) -> InstanceRecord:
    """Return an instance of that study; `t00101010` names the attribute of that tag."""
    record = make_record(study=study, patient=f"P{study}")
    added = {name.removeprefix("t"): attribute for name, attribute in attributes.items()}
    return replace(
        record,
        attributes={**record.attributes, level: {**record.attributes.get(level, {}), **added}},
    )


def _studies(index: Index, *matches: KeptMatch | Match) -> set[object]:
    """Return the studies that match, after checking that `count` agrees."""
    spec = QuerySpec(level=Level.STUDY, matches=matches)
    answers = [
        values(found.attributes, "0020000D")[0] for found in index.search(spec, reach=EVERYTHING)
    ]
    assert index.count(spec, reach=EVERYTHING) == len(answers) == len(set(answers))
    return set(answers)


def _uids(*numbers: int) -> set[object]:
    return {study_uid(number) for number in numbers}


def _match(
    path: str, vr: str, kind: MatchKind, *wanted: str, level: Level = Level.STUDY
) -> KeptMatch:
    return KeptMatch(level=level, path=tuple(path.split(".")), vr=vr, kind=kind, values=wanted)


class KeptMatchingContract:
    """Matching in the DICOM JSON of each level."""

    @pytest.fixture
    def patients(self, index: Index) -> Index:
        """Return an index of ages, weights and histories; the last study has none of them."""
        found: list[tuple[str, float | str, str]] = [
            ("030Y", 70, "A_1"),
            ("031Y", 70.5, "AB1"),
            ("032Y", "heavy", "a nul: \0\0, no nul: \\u0000"),
        ]
        records = [
            _kept(
                number,
                Level.STUDY,
                t00101010={"vr": "AS", "Value": [age]},
                t00101030={"vr": "DS", "Value": [weight]},
                t001021B0={"vr": "LT", "Value": [history]},
            )
            for number, (age, weight, history) in enumerate(found, start=1)
        ]
        index.commit([*records, _kept(4, Level.STUDY, t00101010={"vr": "AS"})])
        return index

    @pytest.mark.parametrize(
        ("match", "expected"),
        [
            (_match("00101010", "AS", MatchKind.EQUAL, "030Y"), {1}),
            (_match("00101010", "AS", MatchKind.EQUAL, "030Y", "032Y"), {1, 3}),
            (_match("00101010", "AS", MatchKind.EMPTY), {4}),
            (_match("00101010", "AS", MatchKind.EQUAL, "030"), set()),
            (_match("00101030", "DS", MatchKind.EQUAL, "70.0"), {1}),
            (_match("00101030", "DS", MatchKind.EQUAL, "70.5"), {2}),
            (_match("00101030", "DS", MatchKind.EMPTY), {4}),
            (_match("001021B0", "LT", MatchKind.WILDCARD, "A_*"), {1}),
            (_match("001021B0", "LT", MatchKind.WILDCARD, "A?1"), {1, 2}),
            (_match("001021B0", "LT", MatchKind.WILDCARD, "a*"), {3}),
            (_match("00102180", "SH", MatchKind.WILDCARD, "*"), set()),
        ],
    )
    def test_values(self, patients: Index, match: KeptMatch, expected: set[int]) -> None:
        assert _studies(patients, match) == _uids(*expected)

    def test_any_of_several_values(self, index: Index) -> None:
        index.commit([_kept(1, Level.IMAGE, t00080008={"vr": "CS", "Value": ["ORIGINAL", None]})])
        image = Level.IMAGE
        wanted = _match("00080008", "CS", MatchKind.EQUAL, "ORIGINAL", level=image)
        assert _studies(index, wanted) == _uids(1)
        assert not _studies(index, _match("00080008", "CS", MatchKind.EQUAL, "O", level=image))

    def test_items_of_sequences(self, index: Index) -> None:
        items = [{}, {"00400009": {"vr": "SH", "Value": ["S1"]}}]
        index.commit(
            [
                _kept(1, Level.SERIES, t00400275={"vr": "SQ", "Value": items}),
                _kept(2, Level.SERIES, t00400275={"vr": "SQ"}),
            ]
        )
        path = "00400275.00400009"
        wanted = _match(path, "SH", MatchKind.WILDCARD, "S?", level=Level.SERIES)
        assert _studies(index, wanted) == _uids(1)
        nothing = _match("00400275", "SQ", MatchKind.EMPTY, level=Level.SERIES)
        assert _studies(index, nothing) == _uids(2)

    def test_names_have_no_case(self, index: Index) -> None:
        names = [{"Alphabetic": "Tran^An"}, {"Ideographic": "x"}]
        index.commit([_kept(1, Level.SERIES, t00081070={"vr": "PN", "Value": names})])
        for text, expected in (("TRAN^*", _uids(1)), ("tran^an", _uids(1)), ("an", set())):
            match = _match("00081070", "PN", MatchKind.WILDCARD, text, level=Level.SERIES)
            assert _studies(index, match) == expected

    @pytest.mark.parametrize(
        ("ends", "expected"),
        [
            (("20260301", "20260331"), {1}),
            (("20260302", "20260302"), {1}),
            (("", "202602"), {2}),
            (("20260303", ""), set()),
        ],
    )
    def test_ranges_of_moments(
        self, index: Index, ends: tuple[str, str], expected: set[int]
    ) -> None:
        index.commit(
            [
                _kept(number, Level.IMAGE, t0008002A={"vr": "DT", "Value": [moment]})
                for number, moment in ((1, "20260302101530.5"), (2, "20260228"))
            ]
        )
        match = _match("0008002A", "DT", MatchKind.RANGE, *ends, level=Level.IMAGE)
        assert _studies(index, match) == _uids(*expected)

    def test_ranges_of_dates_and_times(self, index: Index) -> None:
        index.commit(
            [
                _kept(
                    1,
                    Level.IMAGE,
                    t00080022={"vr": "DA", "Value": ["20260302"]},
                    t00080032={"vr": "TM", "Value": ["101530.25"]},
                )
            ]
        )
        for path, vr, ends, expected in (
            ("00080022", "DA", ("20260302", "20260302"), _uids(1)),
            ("00080022", "DA", ("20260303", ""), set()),
            ("00080032", "TM", ("10", "1015"), _uids(1)),
            ("00080032", "TM", ("101530.5", ""), set()),
        ):
            match = _match(path, vr, MatchKind.RANGE, *ends, level=Level.IMAGE)
            assert _studies(index, match) == expected

    def test_a_text_where_a_sequence_or_a_name_belongs(self, index: Index) -> None:
        index.commit(
            [
                _kept(
                    1,
                    Level.SERIES,
                    t00400275={"vr": "LO", "Value": ["{text", "[1]", "7"]},
                    t00081070={"vr": "LO", "Value": ["{text", "[1]", "7"]},
                )
            ]
        )
        inside = _match("00400275.00400009", "SH", MatchKind.EQUAL, "S1", level=Level.SERIES)
        name = _match("00081070", "PN", MatchKind.WILDCARD, "t*", level=Level.SERIES)
        assert not _studies(index, inside)
        assert not _studies(index, name)

    def test_an_empty_key_with_a_column(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2, AccessionNumber="A")])
        assert _studies(index, Match("AccessionNumber", MatchKind.EMPTY, ())) == _uids(1)
        assert _studies(index, Match("StudyDate", MatchKind.EMPTY, ())) == _uids(1, 2)
        assert _studies(index, Match("Rows", MatchKind.EMPTY, ())) == _uids(1, 2)
        assert not _studies(index, Match("ModalitiesInStudy", MatchKind.EMPTY, ()))

    def test_what_is_kept_is_json(self, index: Index) -> None:
        index.commit([_kept(1, Level.STUDY, t00101010={"vr": "AS", "Value": ["030Y"]})])
        (found,) = index.search(QuerySpec(level=Level.STUDY), reach=EVERYTHING)
        assert json.loads(json.dumps(found.attributes)) == found.attributes
