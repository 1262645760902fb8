"""What searching must do: the matching rules of PS3.4 C.2.2.2, on every level."""

import pytest

from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import InstanceRecord, Level, Match, MatchKind
from storage.records import QuerySpec as Query
from storage.testing.index_commit import values
from storage.testing.instance import NOON, make_record, series_uid, sop_instance_uid, study_uid

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_UID_TAGS = {
    Level.PATIENT: "00100020",
    Level.STUDY: "0020000D",
    Level.SERIES: "0020000E",
    Level.IMAGE: "00080018",
}


def found(
    index: Index, level: Level, *matches: Match, limit: int | None = None, offset: int = 0
) -> list[object]:
    """Return the identifier of each answer."""
    query = Query(level=level, matches=matches, limit=limit, offset=offset)
    return [
        values(answer.attributes, _UID_TAGS[level])[0]
        for answer in index.search(query, reach=EVERYTHING)
    ]


def studies(index: Index, keyword: str, kind: MatchKind, *wanted: str) -> set[object]:
    """Return the studies that match one key, after checking that `count` agrees."""
    match = Match(keyword, kind, wanted)
    answers = found(index, Level.STUDY, match)
    assert index.count(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING) == len(answers)
    assert len(set(answers)) == len(answers), "one study, one answer"
    return set(answers)


def uids(*numbers: int) -> set[object]:
    """Return the UIDs of these studies."""
    return {study_uid(number) for number in numbers}


def named(study: int, name: str) -> InstanceRecord:
    """Return an instance of a patient of that folded name."""
    return make_record(study=study, patient=f"P{study}", folded={"PatientName": name})


class TextMatchingContract:
    """Single values, lists and wildcards."""

    @pytest.fixture
    def described(self, index: Index) -> Index:
        """Return an index of texts that LIKE and GLOB would each misread."""
        texts = ["CHEST_1", "CHESTX1", "50% DOSE", "50 DOSE", "[AB]", "A", "chest_1", "BANG!"]
        index.commit(
            [
                make_record(study=number, StudyDescription=text)
                for number, text in enumerate(texts, start=1)
            ]
        )
        return index

    @pytest.mark.parametrize(
        ("kind", "wanted", "expected"),
        [
            (MatchKind.EQUAL, "CHEST_1", {1}),
            (MatchKind.EQUAL, "50% DOSE", {3}),
            (MatchKind.EQUAL, "CHEST*", set()),
            (MatchKind.WILDCARD, "CHEST_*", {1}),
            (MatchKind.WILDCARD, "CHEST?1", {1, 2}),
            (MatchKind.WILDCARD, "50%*", {3}),
            (MatchKind.WILDCARD, "50*DOSE", {3, 4}),
            (MatchKind.WILDCARD, "[AB]*", {5}),
            (MatchKind.WILDCARD, "?", {6}),
            (MatchKind.WILDCARD, "chest*", {7}),
            (MatchKind.WILDCARD, "*!", {8}),
            (MatchKind.WILDCARD, "*", {1, 2, 3, 4, 5, 6, 7, 8}),
            (MatchKind.WILDCARD, "HEST*", set()),
        ],
    )
    def test_texts(
        self, described: Index, kind: MatchKind, wanted: str, expected: set[int]
    ) -> None:
        assert studies(described, "StudyDescription", kind, wanted) == uids(*expected)

    def test_a_list_of_uids_matches_any_of_them(self, index: Index) -> None:
        index.commit([make_record(study=number) for number in (1, 2, 3)])
        wanted = [study_uid(1), study_uid(3), "1.2.3.unknown"]
        assert studies(index, "StudyInstanceUID", MatchKind.EQUAL, *wanted) == uids(1, 3)

    def test_a_uid_matches_whole(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=11)])
        assert studies(index, "StudyInstanceUID", MatchKind.EQUAL, study_uid(1)) == uids(1)

    def test_a_number_is_compared_as_a_number(self, index: Index) -> None:
        index.commit([make_record(study=1, series=7, SeriesNumber="007"), make_record(study=2)])
        assert studies(index, "SeriesNumber", MatchKind.EQUAL, "7") == uids(1)

    def test_no_number_is_as_large_as_this(self, index: Index) -> None:
        index.commit([make_record()])
        assert studies(index, "SeriesNumber", MatchKind.EQUAL, "9999999999") == set()

    def test_a_missing_value_matches_no_key(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2, AccessionNumber="A")])
        assert studies(index, "AccessionNumber", MatchKind.WILDCARD, "*") == uids(2)

    def test_all_keys_must_match(self, index: Index) -> None:
        index.commit([make_record(study=number, StudyID=f"S{number}") for number in (1, 2)])
        keys = [
            Match("StudyID", MatchKind.EQUAL, ("S1",)),
            Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid(2),)),
        ]
        assert found(index, Level.STUDY, *keys) == []


class RangeMatchingContract:
    """Dates and times (PS3.4 C.2.2.2.5): both ends count, a missing value is in no range."""

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            ("20260105", "20260105", {2}),
            ("20260105", "", {2, 3}),
            ("", "20260105", {1, 2}),
            ("20260101", "20260110", {1, 2, 3}),
            ("20260106", "20260109", set()),
        ],
    )
    def test_dates(self, index: Index, low: str, high: str, expected: set[int]) -> None:
        dates = ["20260101", "20260105", "20260110", ""]
        index.commit(
            [make_record(study=number, StudyDate=date) for number, date in enumerate(dates, 1)]
        )
        assert studies(index, "StudyDate", MatchKind.RANGE, low, high) == uids(*expected)

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            ("10", "10", {1, 2, 3, 4}),
            ("1030", "1030", {2, 3, 4}),
            ("103000", "103000", {2, 3}),
            ("103000.5", "103000.5", {3}),
            ("103000.4", "", {3, 4, 5}),
            ("", "1030", {1, 2, 3, 4}),
            ("", "095959", set()),
        ],
    )
    def test_times_of_any_precision(
        self, index: Index, low: str, high: str, expected: set[int]
    ) -> None:
        times = ["10", "1030", "103000.500000", "103001", "11", ""]
        index.commit(
            [make_record(study=number, StudyTime=time) for number, time in enumerate(times, 1)]
        )
        assert studies(index, "StudyTime", MatchKind.RANGE, low, high) == uids(*expected)


class NameMatchingContract:
    """Names: callers fold them, so case and marks are gone; words may come in any order."""

    @pytest.fixture
    def hospital(self, index: Index) -> Index:
        """Return an index of four patients with a study each."""
        names = ["nguyen thi van anh", "nguyen van an", "tran anh", "le van_anh"]
        index.commit([named(number, name) for number, name in enumerate(names, start=1)])
        return index

    @pytest.mark.parametrize(
        ("kind", "wanted", "expected"),
        [
            (MatchKind.NAME, "nguyen thi van anh", {1}),
            (MatchKind.NAME, "van anh nguyen thi", {1}),
            (MatchKind.NAME, "anh tran", {3}),
            (MatchKind.NAME, "nguyen*", {1, 2}),
            (MatchKind.NAME, "anh* nguyen*", {1}),
            (MatchKind.NAME, "nguyen* an?", {1}),
            (MatchKind.NAME, "*van an*", {1, 2}),
            (MatchKind.NAME, "*van_an*", {4}),
            (MatchKind.NAME, "tran ?nh", {3}),
            (MatchKind.NAME, "nguyen% *", set()),
            (MatchKind.NAME, "pham*", set()),
            (MatchKind.FUZZY, "ng", {1, 2}),
            (MatchKind.FUZZY, "anh ng", {1}),
            (MatchKind.FUZZY, "an", {1, 2, 3}),
            (MatchKind.FUZZY, "van_", {4}),
            (MatchKind.FUZZY, "guyen", set()),
        ],
    )
    def test_patient_names(
        self, hospital: Index, kind: MatchKind, wanted: str, expected: set[int]
    ) -> None:
        assert studies(hospital, "PatientName", kind, wanted) == uids(*expected)

    @pytest.mark.parametrize("keyword", ["ReferringPhysicianName", "StudyDescription"])
    @pytest.mark.parametrize(
        ("kind", "wanted"),
        [
            (MatchKind.NAME, "pham hung bac"),
            (MatchKind.NAME, "hung pham bac"),
            (MatchKind.NAME, "pham*"),
            (MatchKind.FUZZY, "hu ph"),
        ],
    )
    def test_other_names(self, index: Index, keyword: str, kind: MatchKind, wanted: str) -> None:
        index.commit([make_record(study=1, folded={keyword: "pham hung bac"})])
        index.commit([make_record(study=2, folded={keyword: "bac pham"})])
        assert studies(index, keyword, kind, wanted) >= uids(1)
        assert studies(index, keyword, MatchKind.NAME, "hung") == set()


class LevelContract:
    """Keys above, on and below the asked level."""

    def test_a_key_above_restricts_by_the_parent(self, index: Index) -> None:
        index.commit([make_record(study=number, patient=f"P{number}") for number in (1, 2)])
        match = Match("PatientID", MatchKind.EQUAL, ("P2",))
        assert found(index, Level.IMAGE, match) == [sop_instance_uid(2, 1, 1)]

    def test_a_key_one_level_below(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2, Modality="MR")])
        assert studies(index, "Modality", MatchKind.EQUAL, "MR") == uids(2)

    def test_a_key_two_levels_below(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2)])
        wanted = sop_instance_uid(2, 1, 1)
        assert studies(index, "SOPInstanceUID", MatchKind.EQUAL, wanted) == uids(2)

    def test_a_key_three_levels_below(self, index: Index) -> None:
        index.commit([make_record(study=number, patient=f"P{number}") for number in (1, 2)])
        match = Match("SOPInstanceUID", MatchKind.EQUAL, (sop_instance_uid(2, 1, 1),))
        assert found(index, Level.PATIENT, match) == ["P2"]

    def test_a_version_that_is_not_current_is_not_found(self, index: Index) -> None:
        index.commit([make_record(), make_record(content="other", InstanceNumber="99")])
        assert studies(index, "InstanceNumber", MatchKind.EQUAL, "99") == set()

    def test_modalities_in_study_match_any_series(self, index: Index) -> None:
        index.commit([make_record(study=1, series=1), make_record(1, 2, Modality="SR")])
        index.commit([make_record(study=2, Modality="MR")])
        key = "ModalitiesInStudy"
        assert studies(index, key, MatchKind.EQUAL, "SR") == uids(1)
        assert studies(index, key, MatchKind.EQUAL, "MR", "SR") == uids(1, 2)

    def test_modalities_in_study_match_whole(self, index: Index) -> None:
        index.commit([make_record(study=1, Modality="OPT"), make_record(study=2, Modality="PT")])
        assert studies(index, "ModalitiesInStudy", MatchKind.EQUAL, "PT") == uids(2)

    @pytest.mark.parametrize(
        ("wanted", "expected"), [("C?", {1}), ("M*", {1, 2}), ("C*R", set()), ("*", {1, 2})]
    )
    def test_modalities_in_study_by_wildcard(
        self, index: Index, wanted: str, expected: set[int]
    ) -> None:
        index.commit([make_record(1, 1), make_record(1, 2, Modality="MR")])
        index.commit([make_record(study=2, Modality="MR")])
        assert studies(index, "ModalitiesInStudy", MatchKind.WILDCARD, wanted) == uids(*expected)

    def test_sop_classes_in_study(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2, sop_class_uid=MR_IMAGE)])
        assert studies(index, "SOPClassesInStudy", MatchKind.EQUAL, MR_IMAGE) == uids(2)


class OrderContract:
    """The order never changes between pages; the newest study comes first."""

    def test_studies_by_date_then_time_then_arrival(self, index: Index) -> None:
        moments = [("20260101", "10"), ("", ""), ("20260102", "09"), ("20260102", "1030")]
        moments += [("20260102", ""), ("20260102", "1030")]
        index.commit(
            [
                make_record(study=number, StudyDate=date, StudyTime=time)
                for number, (date, time) in enumerate(moments, start=1)
            ]
        )
        expected = [study_uid(number) for number in (6, 4, 3, 5, 1, 2)]
        assert found(index, Level.STUDY) == expected

    def test_series_by_number(self, index: Index) -> None:
        index.commit([make_record(series=number) for number in (10, 2, 1)])
        index.commit([make_record(series=3, SeriesNumber="")])
        expected = [series_uid(1, number) for number in (1, 2, 10, 3)]
        assert found(index, Level.SERIES) == expected

    def test_instances_by_series_then_number(self, index: Index) -> None:
        index.commit([make_record(1, 2, 1), make_record(1, 1, 10), make_record(1, 1, 2)])
        expected = [sop_instance_uid(1, *place) for place in ((1, 2), (1, 10), (2, 1))]
        assert found(index, Level.IMAGE) == expected

    def test_patients_by_name(self, index: Index) -> None:
        index.commit([named(1, "tran b"), named(2, "le c"), named(3, "nguyen a")])
        assert found(index, Level.PATIENT) == ["P2", "P3", "P1"]

    @pytest.mark.parametrize("level", list(Level))
    def test_pages_put_together_are_the_whole(self, index: Index, level: Level) -> None:
        index.commit(
            [
                make_record(study=number, patient=f"P{number}", StudyDate="20260101")
                for number in range(1, 12)
            ]
        )
        pages = [found(index, level, limit=4, offset=offset) for offset in (0, 4, 8, 12)]
        assert [len(page) for page in pages] == [4, 4, 3, 0]
        assert [uid for page in pages for uid in page] == found(index, level)

    def test_an_offset_needs_no_limit(self, index: Index) -> None:
        index.commit([make_record(study=number) for number in (1, 2, 3)])
        assert found(index, Level.STUDY, offset=2) == [study_uid(1)]

    def test_no_answers_when_none_are_wanted(self, index: Index) -> None:
        index.commit([make_record()])
        assert found(index, Level.STUDY, limit=0) == []

    def test_a_count_knows_no_pages(self, index: Index) -> None:
        index.commit([make_record(study=number) for number in (1, 2, 3)])
        assert index.count(Query(level=Level.STUDY, limit=1, offset=1), reach=EVERYTHING) == len(
            [1, 2, 3]
        )


class AnswerContract:
    """What an answer holds: its level and those above, and the computed counts."""

    @pytest.fixture
    def visited(self, index: Index) -> Index:
        """Return an index of one patient with two studies: 2 series, 3 instances; 1, 1."""
        index.commit([make_record(1, 1, 1), make_record(1, 1, 2), make_record(1, 2, 1)])
        index.commit([make_record(2, 1, 1)])
        return index

    @pytest.mark.parametrize(
        ("level", "expected"),
        [
            (Level.PATIENT, {"00201200": [2], "00201202": [3], "00201204": [4]}),
            (Level.STUDY, {"00201206": [2], "00201208": [3]}),
            (Level.SERIES, {"00201206": [2], "00201208": [3], "00201209": [2]}),
            (Level.IMAGE, {"00201206": [2], "00201208": [3], "00201209": [2]}),
        ],
    )
    def test_counts(self, visited: Index, level: Level, expected: dict[str, list[int]]) -> None:
        match = Match("SOPInstanceUID", MatchKind.EQUAL, (sop_instance_uid(1, 1, 1),))
        (answer,) = visited.search(Query(level=level, matches=(match,)), reach=EVERYTHING)
        assert {tag: values(answer.attributes, tag) for tag in expected} == expected

    def test_an_answer_has_the_attributes_above(self, visited: Index) -> None:
        (*_, answer) = visited.search(Query(level=Level.IMAGE), reach=EVERYTHING)
        assert set(_UID_TAGS.values()) <= set(answer.attributes)

    def test_an_answer_has_no_attributes_below(self, visited: Index) -> None:
        (answer, _) = visited.search(Query(level=Level.STUDY), reach=EVERYTHING)
        assert _UID_TAGS[Level.SERIES] not in answer.attributes

    def test_tags_ascend(self, visited: Index) -> None:
        """PS3.18 F.2.2 asks for it."""
        for level in Level:
            for answer in visited.search(Query(level=level), reach=EVERYTHING):
                assert list(answer.attributes) == sorted(answer.attributes)

    @pytest.mark.parametrize("level", list(Level))
    def test_the_time_of_arrival_is_aware(self, visited: Index, level: Level) -> None:
        assert {
            found.last_received for found in visited.search(Query(level=level), reach=EVERYTHING)
        } == {NOON}

    @pytest.mark.parametrize("level", list(Level))
    def test_a_conflict_shows_on_every_level(self, index: Index, level: Level) -> None:
        index.commit([make_record(), make_record(content="other")])
        assert [found.conflict for found in index.search(Query(level=level), reach=EVERYTHING)] == [
            True
        ]
