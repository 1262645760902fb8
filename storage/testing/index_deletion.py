"""What deleting and bringing back must do: hide exactly what was marked, and keep every count right."""

from datetime import timedelta

from storage.deletions import Deletion, Deletions
from storage.index import Index
from storage.lookup import Lookup
from storage.records import InstanceRecord, Level, Match, MatchKind, Outcome
from storage.records import QuerySpec as Query
from storage.testing.instance import (
    NOON,
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
        for found in index.search(Query(level=Level.STUDY))
    ]


class DeletionContract:
    """The tests; each says one thing that callers rely on."""

    def test_a_deleted_study_is_not_shown_at_any_level(self, index: Index) -> None:
        records = [make_record(series=series, number=n) for series in (1, 2) for n in (1, 2)]
        index.commit(records)
        self.marks(index).mark(deletion(), keys_of(records))
        for level in Level:
            assert index.search(Query(level=level)) == []
            assert index.count(Query(level=level)) == 0
        assert index.instances(study_uid(1)) == []
        assert list(index.metadata(study_uid(1))) == []
        totals = index.totals()
        assert (totals.patients, totals.studies, totals.series, totals.instances) == (0, 0, 0, 0)

    def test_fast_lookups_do_not_show_it_either(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        lookup = Lookup(self.marks(index)._engine)
        assert len(lookup.revision(study_uid(1), None)) == len(records)
        self.marks(index).mark(deletion(), keys_of(records[:1]))
        assert len(lookup.revision(study_uid(1), series_uid(1, 1))) == 1
        assert lookup.instances(study_uid(1), sop_instance_uid(1, 1, 1)) == []
        (left,) = lookup.headers(study_uid(1), None, None)
        assert left.sop_instance_uid == sop_instance_uid(1, 1, 2)

    def test_other_studies_and_the_rest_of_the_same_stay(self, index: Index) -> None:
        ct = [make_record(series=1, number=n) for n in (1, 2, 3)]
        mr = make_record(series=2, sop_class_uid=MR_IMAGE, Modality="MR")
        index.commit([*ct, mr, make_record(study=2)])
        self.marks(index).mark(deletion(), keys_of(ct))
        assert sorted(studies(index)) == [((1,), (1,), ("CT",)), ((1,), (1,), ("MR",))]
        match = Match("Modality", MatchKind.EQUAL, ("CT",))
        of_ct = index.search(Query(level=Level.STUDY, matches=(match,)))
        assert [found.attributes["0020000D"]["Value"] for found in of_ct] == [[study_uid(2)]]

    def test_bringing_back_shows_what_was_there(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        before = studies(index), index.search(Query(level=Level.IMAGE))
        marks = self.marks(index)
        marks.mark(deletion(), keys_of(records))
        assert marks.take_back(deletion().id, by="admin", at=NOON) == len(records)
        assert (studies(index), index.search(Query(level=Level.IMAGE))) == before

    def test_bringing_back_twice_or_nothing_does_no_harm(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]))
        assert marks.take_back(deletion().id, by="admin", at=NOON) == 1
        assert marks.take_back(deletion().id, by="someone else", at=NOON) == 0
        assert marks.take_back("01NOSUCH", by="admin", at=NOON) is None
        found = marks.one(deletion().id)
        assert found is not None
        assert found.restored_by == "admin"

    def test_it_hides_and_tells_that_it_hides(self, index: Index) -> None:
        index.commit([make_record(), make_record(series=2)])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]))
        assert marks.hides(study_uid(1))
        assert marks.hides(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1))
        assert not marks.hides(study_uid(1), series_uid(1, 2))
        assert not marks.hides(study_uid(2))

    def test_committing_the_same_again_does_not_show_it(self, index: Index) -> None:
        # A replay after a crash; sending again is another matter (archive.deletion.revive).
        index.commit([make_record()])
        self.marks(index).mark(deletion(), keys_of([make_record()]))
        assert index.commit([make_record()]) == [Outcome.SAME]
        assert studies(index) == []

    def test_revived_instances_are_shown(self, index: Index) -> None:
        records = [make_record(number=n) for n in (1, 2)]
        index.commit(records)
        marks = self.marks(index)
        marks.mark(deletion(), keys_of(records))
        assert marks.revive(keys_of(records[1:])) == 1
        assert studies(index) == [((1,), (1,), ("CT",))]
        assert marks.revive(keys_of(records[1:])) == 0

    def test_other_bytes_in_the_place_of_deleted_ones_are_shown(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        marks.mark(deletion(), keys_of([make_record()]))
        better = make_record(content="corrected")
        assert index.commit([better]) == [Outcome.ADDED]
        (shown,) = index.instances(study_uid(1))
        assert (shown.sha256, shown.version) == (better.sha256, 2)
        # The place is taken: the first stays a further version.
        assert marks.take_back(deletion().id, by="admin", at=NOON) == 1
        assert [each.sha256 for each in index.instances(study_uid(1))] == [better.sha256]
        assert studies(index) == [((1,), (1,), ("CT",))]

    def test_two_deletions_of_the_same_place_come_back_as_one(self, index: Index) -> None:
        first, second = make_record(), make_record(content="corrected")
        marks = self.marks(index)
        index.commit([first])
        marks.mark(deletion(1), keys_of([first]))
        index.commit([second])
        marks.mark(deletion(2), keys_of([second]))
        marks.revive(keys_of([first, second]))
        assert len(index.instances(study_uid(1))) == 1
        assert studies(index) == [((1,), (1,), ("CT",))]

    def test_they_are_listed_the_newest_first(self, index: Index) -> None:
        index.commit([make_record()])
        marks = self.marks(index)
        numbers = (1, 2, 3)
        for number in numbers:
            marks.mark(deletion(number), [])
        assert [each.id for each in marks.listed(limit=2, offset=0)] == [
            deletion(3).id,
            deletion(2).id,
        ]
        assert marks.listed(limit=2, offset=2) == [deletion(1)]
        assert marks.count() == len(numbers)

    def marks(self, index: Index) -> Deletions:
        """Return the deletions of the index at hand."""
        return Deletions(index._engine)
