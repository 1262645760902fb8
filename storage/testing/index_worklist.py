"""What the worklist must do: every study once, in its order, and never more work than is bounded."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from storage import narrowing, worklist
from storage.index import Index
from storage.reach import EVERYTHING, Reach
from storage.records import InstanceRecord, Match, MatchKind
from storage.testing.index_commit import values
from storage.testing.instance import NOON, make_record, study_uid
from storage.worklist import Part, Place, Sort, Status, Total, Wanted

NAMES = ("nguyen an", "tran hoa", "nguyen binh", "do duc")
WRITTEN = ("NGUYỄN^ÂN", "TRẦN^HOA", "NGUYỄN^BÌNH", "ĐỖ^ĐỨC")
STUDIES = 9
OF_MR = 4


def wanted(*matches: Match, **more: object) -> Wanted:
    """Return a list in which what arrived in the last two minutes before NOON is arriving."""
    start = Wanted(matches=matches, quiet_since=NOON - timedelta(minutes=2))
    return replace(start, **more)  # type: ignore[arg-type]


def name(text: str) -> Match:
    """Return the match of a name's words."""
    return Match("PatientName", MatchKind.FUZZY, (text,))


def modality(value: str) -> Match:
    """Return the match of a modality."""
    return Match("ModalitiesInStudy", MatchKind.EQUAL, (value,))


def numbers(part: Part) -> list[int]:
    """Return the studies of a part by the suites' numbers."""
    return [int(str(values(each.attributes, "0020000D")[0])[4:]) for each in part.studies]


def part_of(
    index: Index, listed: Wanted, place: Place | None = None, *, reach: Reach = EVERYTHING
) -> Part:
    """Return three studies of a list."""
    return index.list_part(listed, place=place or Place(), size=3, reach=reach)


def record(study: int) -> InstanceRecord:
    """Return a study: number 1 is the newest by date and the first that arrived."""
    person = study % len(NAMES)
    return make_record(
        study=study,
        patient=f"P{person}",
        folded={"PatientName": NAMES[person], "StudyDescription": "ct so nao"},
        received_at=NOON - timedelta(minutes=STUDIES - study),
        PatientName=WRITTEN[person],
        StudyDate=f"202611{20 - study:02}",
        StudyTime="0800",
        AccessionNumber=f"XN{study}",
        Modality="MR" if study == OF_MR else "CT",
    )


class _Filled:
    @pytest.fixture
    def listed(self, index: Index) -> Index:
        """Return an index of some studies."""
        index.commit([record(study) for study in range(1, STUDIES + 1)])
        return index


class WorklistOrderContract(_Filled):
    """Orders, pages and neighbours."""

    @pytest.mark.parametrize("marked", [(), ("ân",)])
    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("sort", Sort)
    @pytest.mark.parametrize("narrowed", [False, True])
    def test_pages_there_and_back_hold_each_study_once(
        self, listed: Index, sort: Sort, marked: tuple[str, ...], *, reverse: bool, narrowed: bool
    ) -> None:
        matches = [name("nguyen")] if narrowed else []
        order = wanted(*matches, sort=sort, reverse=reverse, marked_words=marked)
        pages = [part_of(listed, order)]
        while pages[-1].more_after:
            last = study_uid(numbers(pages[-1])[-1])
            pages.append(part_of(listed, order, Place(after=last)))
        found = [number for page in pages for number in numbers(page)]
        assert sorted(found) == (
            [each for each in range(1, STUDIES + 1) if not narrowed or each % 2 == 0]
        )
        assert listed.list_total(order, reach=EVERYTHING) == Total(len(found), exact=True)
        back = Place(before=study_uid(found[-1]))
        assert numbers(part_of(listed, order, back)) == found[-4:-1]
        for place, number in enumerate(found, 1):
            around = listed.list_neighbours(order, study_uid(number), reach=EVERYTHING)
            previous = study_uid(found[place - 2]) if place > 1 else ""
            following = study_uid(found[place]) if place < len(found) else ""
            assert (around.previous, around.next) == (previous, following)
            assert (around.place, around.total) == (place, len(found))

    @pytest.mark.parametrize(
        ("sort", "first"),
        [
            (Sort.DATE, [1, 2, 3]),
            (Sort.RECEIVED, [9, 8, 7]),
            (Sort.NAME, [3, 7, 4]),
            (Sort.MODALITY, [1, 2, 3]),
        ],
    )
    def test_each_order_begins_as_it_says(
        self, listed: Index, sort: Sort, first: list[int]
    ) -> None:
        assert numbers(part_of(listed, wanted(sort=sort))) == first

    def test_who_has_just_these_marks_comes_first(self, index: Index) -> None:
        for study, written in enumerate(("LÊ^HÀ", "LÊ^HẠ", "LÊ^HÀ", "LÊ^HẢ"), 1):
            folded = {"PatientName": "le ha"}
            index.commit(
                [
                    make_record(
                        study=study,
                        patient=f"P{study}",
                        folded=folded,
                        PatientName=written,
                        StudyDate=f"2026110{9 - study}",
                    )
                ]
            )
        order = wanted(name("le ha"), marked_words=("lê", "hà"))
        assert numbers(part_of(index, order)) == [1, 3, 2]
        assert numbers(part_of(index, replace(order, reverse=True))) == [3, 1, 4]
        assert numbers(part_of(index, replace(order, marked_words=()))) == [1, 2, 3]

    def test_a_study_that_left_the_list_still_has_its_place_in_it(self, listed: Index) -> None:
        unread = wanted(status=Status.UNREAD)
        listed.mark_read(study_uid(3), NOON)
        around = listed.list_neighbours(unread, study_uid(3), reach=EVERYTHING)
        assert (around.previous, around.next) == (study_uid(2), study_uid(4))
        nowhere = listed.list_neighbours(unread, "9.9", reach=EVERYTHING)
        assert (nowhere.previous, nowhere.next, nowhere.place) == ("", "", None)

    @pytest.mark.parametrize(
        ("matches", "found"),
        [
            ([name("an ngu")], [4, 8]),
            ([name("nguyen"), modality("MR")], [4]),
            ([modality("MR")], [4]),
            ([Match("PatientID", MatchKind.WILDCARD, ("P3*",))], [3, 7]),
            ([Match("AccessionNumber", MatchKind.WILDCARD, ("XN5*",))], [5]),
            ([Match("StudyDescription", MatchKind.FUZZY, ("nao",))], [1, 2, 3]),
            ([Match("StudyDescription", MatchKind.FUZZY, ("nguc",))], []),
            ([Match("StudyDate", MatchKind.RANGE, ("20261111", "20261112"))], [8, 9]),
        ],
    )
    def test_filters_find_what_they_say(
        self, listed: Index, matches: Iterable[Match], found: list[int]
    ) -> None:
        assert numbers(part_of(listed, wanted(*matches))) == found
        totals = {listed.list_total(wanted(*matches, sort=sort), reach=EVERYTHING) for sort in Sort}
        assert len(totals) == 1


class WorklistReadContract(_Filled):
    """How far studies have come."""

    def test_arriving_and_complete_studies_are_told_apart(self, listed: Index) -> None:
        assert numbers(part_of(listed, wanted(status=Status.RECEIVING))) == [8, 9]
        assert numbers(part_of(listed, wanted(status=Status.COMPLETE))) == [1, 2, 3]
        total = listed.list_total(wanted(status=Status.COMPLETE), reach=EVERYTHING)
        assert total == Total(STUDIES - 2, exact=True)

    def test_more_images_make_a_study_unread_again_and_findings_do_not(self, listed: Index) -> None:
        listed.mark_read(study_uid(1), NOON)
        assert numbers(part_of(listed, wanted(status=Status.READ))) == [1]
        assert part_of(listed, wanted()).studies[0].read
        for kind in ("SR", "KO", "PR"):
            listed.commit([make_record(study=1, series=2, patient="P1", Modality=kind)])
        assert numbers(part_of(listed, wanted(status=Status.READ))) == [1]
        listed.commit([make_record(study=1, series=3, patient="P1")])
        assert numbers(part_of(listed, wanted(status=Status.READ))) == []
        assert numbers(part_of(listed, wanted(status=Status.UNREAD))) == [1, 2, 3]

    def test_the_latest_arrival_is_known(self, index: Index) -> None:
        assert index.latest_arrival() is None
        index.commit([record(2), record(1)])
        assert index.latest_arrival() == NOON - timedelta(minutes=STUDIES - 2)


class WorklistLimitContract(_Filled):
    """What happens where a list is longer than anybody looks."""

    @pytest.fixture
    def low_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a handful of studies be too many."""
        monkeypatch.setattr(narrowing, "NARROW", 1)
        monkeypatch.setattr(worklist, "NARROW", 4)
        monkeypatch.setattr(worklist, "WALK", 4)
        monkeypatch.setattr(worklist, "COUNTED", 5)

    @pytest.mark.usefixtures("low_limits")
    def test_a_search_goes_on_from_where_it_stopped(self, listed: Index) -> None:
        nguyen = wanted(name("nguyen"))
        part = part_of(listed, nguyen)
        assert (numbers(part), part.looked_to) == ([2, 4], study_uid(4))
        assert listed.list_total(nguyen, reach=EVERYTHING) == Total(2, exact=False)
        part = part_of(listed, nguyen, Place(after=part.looked_to))
        assert (numbers(part), part.looked_to) == ([6, 8], study_uid(8))
        part = part_of(listed, nguyen, Place(after=part.looked_to))
        assert (numbers(part), part.looked_to) == ([], "")

    @pytest.mark.usefixtures("low_limits")
    def test_counting_stops(self, listed: Index) -> None:
        assert listed.list_total(wanted(), reach=EVERYTHING) == Total(5, exact=False)
        assert part_of(listed, wanted()).looked_to == ""

    @pytest.mark.usefixtures("low_limits")
    def test_only_the_newest_are_put_in_the_order_of_names(self, listed: Index) -> None:
        part = part_of(listed, wanted(sort=Sort.NAME))
        assert (numbers(part), part.newest_only) == ([3, 4, 2], True)

    @pytest.mark.usefixtures("low_limits")
    def test_a_period_bounds_the_walk_itself(self, listed: Index) -> None:
        dated = Match("StudyDate", MatchKind.RANGE, ("20261111", "20261112"))
        part = part_of(listed, wanted(dated, name("tran")))
        assert (numbers(part), part.looked_to) == ([9], "")

    @pytest.mark.parametrize("physician", ["tran thi binh", ""])
    @pytest.mark.usefixtures("low_limits")
    def test_a_reach_is_kept_whichever_way_is_gone(self, index: Index, physician: str) -> None:
        named = {"ReferringPhysicianName": "tran thi binh"}
        index.commit(
            [*(make_record(study=study, folded=named) for study in (1, 2)), make_record(study=3)]
        )
        part = part_of(index, wanted(), reach=Reach(physician=physician))
        assert sorted(numbers(part)) == ([1, 2] if physician else [])
