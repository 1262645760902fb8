"""What searching must do for people who may not see everything."""

from dataclasses import replace

import pytest

from storage.grants import Grants
from storage.index import Index
from storage.reach import EVERYTHING, NOTHING, Reach
from storage.records import Level, QuerySpec
from storage.testing.index_commit import values
from storage.testing.instance import NOON, make_record, study_uid

BINH = Reach(physician="tran thi binh")
WARD = Reach(ward="noi tim mach")
GUEST = Reach(holders=("guest:1",))


class ReachContract:
    """Searching and finding within a reach."""

    @pytest.fixture
    def ward_index(self, index: Index) -> Index:
        """Return an index of a physician's study, a ward's, a granted one and somebody's else."""
        binh = {"ReferringPhysicianName": "tran thi binh"}
        index.commit(
            [
                make_record(study=1, patient="P1", folded=binh),
                replace(make_record(study=2, patient="P2"), ward="noi tim mach"),
                make_record(study=3, patient="P3"),
                make_record(study=4, patient="P1"),
            ]
        )
        Grants(index._engine).give("guest:1", [study_uid(3), "9.9.9"], NOON)
        return index

    @pytest.mark.parametrize(
        ("reach", "studies"),
        [
            (EVERYTHING, {1, 2, 3, 4}),
            (NOTHING, set()),
            (BINH, {1}),
            (WARD, {2}),
            (GUEST, {3}),
            (Reach(physician="tran thi binh", ward="noi tim mach"), {1, 2}),
            (BINH.joined(GUEST), {1, 3}),
            (NOTHING.joined(EVERYTHING), {1, 2, 3, 4}),
            (Reach(physician="tran thi", ward="noi"), set()),
            (Reach(holders=("guest:2", "user:guest:1")), set()),
        ],
    )
    @pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.IMAGE])
    def test_only_studies_within_reach_are_found(
        self, ward_index: Index, reach: Reach, studies: set[int], level: Level
    ) -> None:
        wanted = {study_uid(number) for number in studies}
        found = ward_index.search(QuerySpec(level=level), reach=reach)
        assert {values(each.attributes, "0020000D")[0] for each in found} == wanted
        assert ward_index.count(QuerySpec(level=level), reach=reach) == len(wanted)
        for number in (1, 2, 3, 4):
            assert ward_index.within(study_uid(number), reach) is (number in studies)
        assert ward_index.within("9.9.9", reach) is False

    def test_headers_are_those_within_reach(self, ward_index: Index) -> None:
        spec = QuerySpec(level=Level.IMAGE)
        assert len(list(ward_index.headers(spec, reach=WARD))) == 1
        assert list(ward_index.headers(spec, reach=NOTHING)) == []

    def test_patients_are_those_with_a_study_within_reach(self, ward_index: Index) -> None:
        found = ward_index.search(QuerySpec(level=Level.PATIENT), reach=BINH.joined(GUEST))
        assert {values(each.attributes, "00100020")[0] for each in found} == {"P1", "P3"}

    def test_what_is_taken_back_is_seen_no_more(self, ward_index: Index) -> None:
        grants = Grants(ward_index._engine)
        assert grants.of("guest:1") == sorted([study_uid(3), "9.9.9"])
        grants.take_back("guest:1", [study_uid(3)])
        assert grants.of("guest:1") == ["9.9.9"]
        assert not ward_index.within(study_uid(3), GUEST)
        grants.take_back("guest:1")
        assert grants.of("guest:1") == []

    def test_granting_again_changes_nothing(self, ward_index: Index) -> None:
        grants = Grants(ward_index._engine)
        before = grants.of("guest:1")
        grants.give("guest:1", before, NOON)
        assert grants.of("guest:1") == before
