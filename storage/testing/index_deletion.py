"""What deleting and bringing back must do: hide exactly what was marked, and keep every count right."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

from storage.deletions import Deletion, Deletions
from storage.index import Index
from storage.lookup import Lookup
from storage.reach import EVERYTHING
from storage.records import InstanceRecord, Level, Match, MatchKind, Outcome
from storage.records import QuerySpec as Query
from storage.testing.instance import (
    NOON,
    make_entry,
    make_record,
    series_uid,
    sop_instance_uid,
    study_uid,
)

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


def keys_of(records: list[InstanceRecord]) -> list[str]:
    """Return what a deletion names its instances by."""
    return [record.object_key for record in records]


def deletion(number: int = 1) -> Deletion:
    """Return a deletion of study 1."""
    return Deletion(
        id=f"01DELETION{number:016}",
        study_uid=study_uid(1),
        series_uid=None,
        sop_instance_uid=None,
        number_of_instances=1,
        reason="wrong patient",
        deleted_by="admin",
        deleted_at=NOON + timedelta(minutes=number),
    )


def studies(index: Index) -> list[tuple[object, ...]]:
    """Return number of series, number of instances and modalities of every study shown."""
    tags = ("00201206", "00201208", "00080061")
    return [
        tuple(tuple(found.attributes[tag].get("Value", ())) for tag in tags)
        for found in index.search(Query(level=Level.STUDY), reach=EVERYTHING)
    ]


def _at_once(*acts: Callable[[], object]) -> list[Any]:
    """Return what each act returned; they began at the same moment."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


class DeletionContract:
    """The tests; each says one thing that callers rely on."""

    def test_a_deleted_study_is_not_shown_at_any_level(self, index: Index) -> None:
        records = [make_record(series=series, number=n) for series in (1, 2) for n in (1, 2)]
        index.commit(records)
        self.marks(index).mark(deletion(), keys_of(records), make_entry())
        for level in Level:
            assert index.search(Query(level=level), reach=EVERYTHING) == []
            assert index.count(Query(level=level), reach=EVERYTHING) == 0
        assert index.instances(study_uid(1)) == []
        assert list(index.metadata(study_uid(1))) == []
        totals = index.totals()
        assert (totals.patients, totals.studies, totals.series, totals.instances) == (0, 0, 0, 0)

    def test_fast_lookups_do_not_show_it_either(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        lookup = Lookup(self.marks(index)._engine)
        assert len(lookup.revision(study_uid(1), None)) == len(records)
        self.marks(index).mark(deletion(), keys_of(records[:1]), make_entry())
        assert len(lookup.revision(study_uid(1), series_uid(1, 1))) == 1
        assert lookup.instances(sop_instance_uid(1, 1, 1)) == []
        (left,) = lookup.headers(study_uid(1), None)
        assert left.sop_instance_uid == sop_instance_uid(1, 1, 2)

    def test_other_studies_and_the_rest_of_the_same_stay(self, index: Index) -> None:
        ct = [make_record(series=1, number=n) for n in (1, 2, 3)]
        mr = make_record(series=2, sop_class_uid=MR_IMAGE, Modality="MR")
        index.commit([*ct, mr, make_record(study=2)])
        self.marks(index).mark(deletion(), keys_of(ct), make_entry())
        assert sorted(studies(index)) == [((1,), (1,), ("CT",)), ((1,), (1,), ("MR",))]
        match = Match("Modality", MatchKind.EQUAL, ("CT",))
        of_ct = index.search(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING)
        assert [found.attributes["0020000D"]["Value"] for found in of_ct] == [[study_uid(2)]]

    def test_bringing_back_shows_what_was_there(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        before = studies(index), index.search(Query(level=Level.IMAGE), reach=EVERYTHING)
        marks = self.marks(index)
        marks.mark(deletion(), keys_of(records), make_entry())
        assert marks.take_back(deletion().id, by="admin", at=NOON, entry=make_entry()) == len(
            records
        )
        assert (studies(index), index.search(Query(level=Level.IMAGE), reach=EVERYTHING)) == before

    def test_bringing_back_twice_or_nothing_does_no_harm(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]), make_entry())
        assert marks.take_back(deletion().id, by="admin", at=NOON, entry=make_entry()) == 1
        assert marks.take_back(deletion().id, by="someone else", at=NOON, entry=make_entry()) == 0
        assert marks.take_back("01NOSUCH", by="admin", at=NOON, entry=make_entry()) == 0
        found = marks.one(deletion().id)
        assert found is not None
        assert found.restored_by == "admin"

    def test_it_hides_and_tells_that_it_hides(self, index: Index) -> None:
        index.commit([make_record(), make_record(series=2)])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]), make_entry())
        assert marks.hides(study_uid(1))
        assert marks.hides(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1))
        assert not marks.hides(study_uid(1), series_uid(1, 2))
        assert not marks.hides(study_uid(2))

    def test_committing_the_same_again_does_not_show_it(self, index: Index) -> None:
        # A replay after a crash; sending again is another matter (archive.deletion.revive).
        index.commit([make_record()])
        self.marks(index).mark(deletion(), keys_of([make_record()]), make_entry())
        assert index.commit([make_record()]) == [Outcome.SAME]
        assert studies(index) == []

    def test_revived_instances_are_shown(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        marks = self.marks(index)
        marks.mark(deletion(), keys_of(records), make_entry())
        (again,) = index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 2))
        assert marks.revive([again]) == 1
        assert studies(index) == [((1,), (1,), ("CT",))]
        assert marks.revive([again]) == 0

    def test_other_bytes_in_the_place_of_deleted_ones_are_shown(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]), make_entry())
        better = make_record(content="corrected")
        assert index.commit([better]) == [Outcome.ADDED]
        (shown,) = index.instances(study_uid(1))
        assert (shown.sha256, shown.version) == (better.sha256, 2)
        # The place is taken: the first stays a further version.
        assert marks.take_back(deletion().id, by="admin", at=NOON, entry=make_entry()) == 1
        assert [each.sha256 for each in index.instances(study_uid(1))] == [better.sha256]
        assert studies(index) == [((1,), (1,), ("CT",))]

    def test_two_deletions_of_the_same_place_come_back_as_one(self, index: Index) -> None:
        first, second = make_record(), make_record(content="corrected")
        marks = self.marks(index)
        index.commit([first])
        marks.mark(deletion(1), keys_of([first]), make_entry())
        index.commit([second])
        marks.mark(deletion(2), keys_of([second]), make_entry())
        marks.revive(index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1)))
        assert [each.sha256 for each in index.instances(study_uid(1))] == [first.sha256]
        assert studies(index) == [((1,), (1,), ("CT",))]

    def test_they_are_listed_the_newest_first(self, index: Index) -> None:
        marks = self.marks(index)
        numbers = (1, 2, 3)
        for number in numbers:
            index.commit([make_record(number=number)])
            assert (
                marks.mark(deletion(number), keys_of([make_record(number=number)]), make_entry())
                == 1
            )
        assert [each.id for each in marks.listed(limit=2, offset=0)] == [
            deletion(3).id,
            deletion(2).id,
        ]
        assert marks.listed(limit=2, offset=2) == [deletion(1)]
        assert marks.count() == len(numbers)

    def test_what_is_hidden_already_is_not_deleted_again(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        assert marks.mark(deletion(1), keys_of([make_record()]), make_entry()) == 1
        assert marks.mark(deletion(2), keys_of([make_record()]), make_entry()) == 0
        assert marks.one(deletion(2).id) is None
        assert marks.keys(deletion(1).id) == keys_of([make_record()])

    def test_a_further_version_sent_again_takes_the_empty_place(self, index: Index) -> None:
        first, second = make_record(), make_record(content="corrected")
        index.commit([first, second])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([first]), make_entry())
        assert index.instances(study_uid(1)) == []
        versions = index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1))
        marks.revive(versions[1:])
        assert [each.sha256 for each in index.instances(study_uid(1))] == [second.sha256]
        assert marks.keys(deletion().id) == keys_of([first])

    def test_a_study_deleted_and_sent_for_another_patient_is_that_patients(
        self, index: Index
    ) -> None:
        wrong = make_record(patient="WRONG", AccessionNumber="A1", Modality="CR")
        right = make_record(patient="RIGHT", content="corrected", Modality="DX")
        rest = make_record(patient="RIGHT", number=2, AccessionNumber="A2", Modality="DX")
        index.commit([wrong])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([wrong]), make_entry())
        assert index.commit([right, rest]) == [Outcome.ADDED, Outcome.ADDED]
        (found,) = index.search(Query(level=Level.STUDY), reach=EVERYTHING)
        assert found.attributes["00100020"]["Value"] == ["RIGHT"]
        assert found.attributes["00080050"]["Value"] == ["A2"]
        assert not found.conflict
        assert studies(index) == [((1,), (2,), ("DX",))]
        # Now the study is another patient's, so a person has to look.
        marks.take_back(deletion().id, by="admin", at=NOON, entry=make_entry())
        (found,) = index.search(Query(level=Level.STUDY), reach=EVERYTHING)
        assert found.attributes["00100020"]["Value"] == ["RIGHT"]
        assert found.conflict

    def test_an_emptied_series_is_described_anew_and_the_study_is_not(self, index: Index) -> None:
        index.commit([make_record(AccessionNumber="A1"), make_record(series=2)])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]), make_entry())
        better = make_record(content="corrected", AccessionNumber="A2", Modality="MR")
        index.commit([better])
        (found,) = index.search(Query(level=Level.STUDY), reach=EVERYTHING)
        assert found.attributes["00080050"]["Value"] == ["A1"]
        assert studies(index) == [((2,), (2,), ("CT", "MR"))]

    def test_bringing_back_while_another_version_arrives(self, index: Index) -> None:
        """One of the two takes the place, never both."""
        marks = self.marks(index)
        for number in range(1, 11):
            first = make_record(number=number)
            index.commit([first])
            marks.mark(deletion(number), keys_of([first]), make_entry())
            _at_once(
                partial(
                    marks.take_back, deletion(number).id, by="admin", at=NOON, entry=make_entry()
                ),
                partial(index.commit, [make_record(number=number, content="corrected")]),
            )
            assert len(index.instances(study_uid(1))) == number
            assert studies(index) == [((1,), (number,), ("CT",))]

    def test_deleting_while_others_store_and_delete(self, index: Index) -> None:
        marks = self.marks(index)
        for number in range(1, 11):
            old, new = make_record(number=number), make_record(series=2, number=number)
            index.commit([old])
            counts = _at_once(
                partial(marks.mark, deletion(2 * number), keys_of([old]), make_entry()),
                partial(marks.mark, deletion(2 * number + 1), keys_of([old]), make_entry()),
                partial(index.commit, [new]),
            )
            assert sorted(counts[:2]) == [0, 1]
            assert studies(index) == [((1,), (number,), ("CT",))]

    def marks(self, index: Index) -> Deletions:
        """Return the deletions of the index at hand."""
        return Deletions(index._engine)
