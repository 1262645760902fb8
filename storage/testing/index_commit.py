"""What committing must do: idempotent, all at once, nothing overwritten, counts that are right."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from storage.database import writing
from storage.index import Index
from storage.indexing import commit_batch
from storage.reach import EVERYTHING
from storage.records import DicomJson, Found, InstanceRecord, Level, Match, MatchKind, Outcome
from storage.records import QuerySpec as Query
from storage.testing.instance import (
    NOON,
    make_record,
    series_uid,
    sop_instance_uid,
    study_uid,
)

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
LATER = NOON + timedelta(hours=1)
COMMITTERS = 4
_LONG = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(100))
"""More than an index entry holds, and nothing that compression makes shorter."""


def study(index: Index, number: int = 1) -> Found:
    """Return the one answer about a study."""
    match = Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid(number),))
    (found,) = index.search(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING)
    return found


def values(attributes: DicomJson, tag: str) -> list[object]:
    """Return the values of an attribute, none if it is empty."""
    return list(attributes[tag].get("Value", []))


def related(index: Index, number: int = 1) -> tuple[list[object], list[object]]:
    """Return the numbers of series and of instances of a study, as its answer tells them."""
    attributes = study(index, number).attributes
    return values(attributes, "00201206"), values(attributes, "00201208")


class CommitContract:
    """The tests; each says one thing that callers rely on."""

    def test_an_empty_batch_is_nothing(self, index: Index) -> None:
        assert index.commit([]) == []

    def test_a_new_instance_is_added(self, index: Index) -> None:
        assert index.commit([make_record()]) == [Outcome.ADDED]

    def test_outcomes_come_in_the_order_of_the_records(self, index: Index) -> None:
        index.commit([make_record(number=2)])
        batch = [make_record(number=1), make_record(number=2), make_record(number=3)]
        assert index.commit(batch) == [Outcome.ADDED, Outcome.SAME, Outcome.ADDED]

    def test_the_same_bytes_again_are_the_same(self, index: Index) -> None:
        index.commit([make_record()])
        assert index.commit([make_record()]) == [Outcome.SAME]

    def test_the_same_bytes_twice_in_a_batch_are_added_once(self, index: Index) -> None:
        assert index.commit([make_record(), make_record()]) == [Outcome.ADDED, Outcome.SAME]
        assert related(index) == ([1], [1])

    def test_the_same_bytes_again_change_no_count(self, index: Index) -> None:
        index.commit([make_record()])
        index.commit([make_record()])
        assert related(index) == ([1], [1])

    def test_the_same_bytes_again_do_not_make_a_study_recent(self, index: Index) -> None:
        index.commit([make_record()])
        index.commit([make_record(received_at=LATER)])
        assert study(index).last_received == NOON

    def test_a_new_instance_makes_a_study_recent(self, index: Index) -> None:
        index.commit([make_record()])
        index.commit([make_record(number=2, received_at=LATER)])
        assert study(index).last_received == LATER

    def test_a_batch_that_fails_leaves_nothing(self, index: Index) -> None:
        broken = replace(make_record(number=2), metadata=None)  # type: ignore[arg-type]
        with pytest.raises(Exception, match=r"(?i)null"):
            index.commit([make_record(number=1), broken])
        assert index.totals().studies == 0

    def test_counts_are_those_of_series_and_instances(self, index: Index) -> None:
        index.commit([make_record(series=1, number=1), make_record(series=1, number=2)])
        index.commit([make_record(series=2, number=1)])
        assert related(index) == ([2], [3])

    def test_modalities_are_those_of_all_series(self, index: Index) -> None:
        index.commit([make_record(series=2, Modality="SR"), make_record(series=1)])
        index.commit([make_record(series=3, Modality="PT"), make_record(series=4, Modality="CT")])
        assert values(study(index).attributes, "00080061") == ["CT", "PT", "SR"]

    def test_sop_classes_are_those_of_all_instances(self, index: Index) -> None:
        ct, mr = make_record(number=1), make_record(number=2, sop_class_uid=MR_IMAGE)
        index.commit([ct])
        index.commit([mr])
        found = values(study(index).attributes, "00080062")
        assert found == [ct.sop_class_uid, mr.sop_class_uid]

    def test_an_impossible_number_is_no_number(self, index: Index) -> None:
        """A header nobody can read must not stop the batch: it was acknowledged."""
        for number, text in enumerate(("--5", "+-5", "5-", "1.5", "9" * 5000, "x", " "), start=1):
            index.commit([make_record(number=number, InstanceNumber=text)])
        found = [instance.instance_number for instance in index.instances(study_uid(1))]
        assert set(found) == {None}

    def test_a_number_may_have_a_sign_and_spaces(self, index: Index) -> None:
        index.commit([make_record(InstanceNumber=" -7 ")])
        assert [each.instance_number for each in index.instances(study_uid(1))] == [-7]

    @pytest.mark.parametrize("text", ["with \0 NUL", _LONG])
    def test_impossible_texts_are_filed_all_the_same(self, index: Index, text: str) -> None:
        """An acknowledged object must become visible, however strange its header."""
        record = make_record(
            patient=text,
            folded={"PatientName": text.lower()},
            PatientName=text,
            AccessionNumber=text,
            StudyDate=text,
        )
        assert index.commit([record]) == [Outcome.ADDED]

    def test_patients_whose_long_identifiers_begin_alike_stay_apart(self, index: Index) -> None:
        index.commit([make_record(study=1, patient=_LONG + "1")])
        index.commit([make_record(study=2, patient=_LONG + "2")])
        assert index.totals().patients == len(["1", "2"])

    def test_a_named_patient_comes_again(self, index: Index) -> None:
        folded = {"PatientName": "tran thi be"}
        index.commit([make_record(number=1, folded=folded)])
        assert index.commit([make_record(number=2, folded=folded)]) == [Outcome.ADDED]


class FillingContract:
    """First instance wins, but what it left empty is filled in later."""

    def test_the_first_instance_says_what_the_study_is(self, index: Index) -> None:
        index.commit([make_record(number=1, AccessionNumber="A1")])
        index.commit([make_record(number=2, AccessionNumber="A2")])
        assert values(study(index).attributes, "00080050") == ["A1"]

    def test_an_empty_attribute_is_filled_in(self, index: Index) -> None:
        index.commit([make_record(number=1)])
        index.commit([make_record(number=2, AccessionNumber="A2")])
        assert values(study(index).attributes, "00080050") == ["A2"]

    def test_an_empty_attribute_is_filled_in_by_the_same_batch(self, index: Index) -> None:
        index.commit([make_record(number=1), make_record(number=2, AccessionNumber="A2")])
        assert values(study(index).attributes, "00080050") == ["A2"]

    def test_an_empty_key_is_filled_in(self, index: Index) -> None:
        index.commit([make_record(number=1)])
        index.commit([make_record(number=2, AccessionNumber="A2")])
        match = Match("AccessionNumber", MatchKind.EQUAL, ("A2",))
        assert index.count(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING) == 1

    def test_a_name_filled_in_is_found_whole(self, index: Index) -> None:
        index.commit([make_record(number=1)])
        index.commit([make_record(number=2, folded={"PatientName": "tran thi be"})])
        match = Match("PatientName", MatchKind.NAME, ("tran thi be",))
        assert index.count(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING) == 1

    def test_a_name_filled_in_is_found_by_its_words(self, index: Index) -> None:
        index.commit([make_record(number=1)])
        index.commit([make_record(number=2, folded={"PatientName": "tran thi be"})])
        match = Match("PatientName", MatchKind.FUZZY, ("be tr",))
        assert index.count(Query(level=Level.STUDY, matches=(match,)), reach=EVERYTHING) == 1


class ConflictContract:
    """Nothing is overwritten, and whatever differs is kept, numbered and flagged."""

    def test_other_bytes_are_a_conflict(self, index: Index) -> None:
        index.commit([make_record()])
        assert index.commit([make_record(content="other")]) == [Outcome.CONFLICT]

    def test_other_bytes_in_the_same_batch_are_a_conflict(self, index: Index) -> None:
        batch = [make_record(), make_record(content="other")]
        assert index.commit(batch) == [Outcome.ADDED, Outcome.CONFLICT]

    def test_every_version_is_kept_the_first_first(self, index: Index) -> None:
        records = [make_record(content=content) for content in ("first", "second", "third")]
        for record in records:
            index.commit([record])
        kept = index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1))
        expected = [(number, record.sha256) for number, record in enumerate(records, start=1)]
        assert [(each.version, each.sha256) for each in kept] == expected

    def test_versions_committed_in_one_batch_are_numbered(self, index: Index) -> None:
        index.commit([make_record(content=content) for content in ("first", "second", "third")])
        kept = index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1))
        assert [each.version for each in kept] == [1, 2, 3]

    def test_the_first_version_stays_current(self, index: Index) -> None:
        first = make_record()
        index.commit([first])
        index.commit([make_record(content="other")])
        assert [each.sha256 for each in index.instances(study_uid(1))] == [first.sha256]

    def test_a_further_version_again_is_the_same(self, index: Index) -> None:
        index.commit([make_record(), make_record(content="other")])
        assert index.commit([make_record(content="other")]) == [Outcome.SAME]

    def test_a_further_version_changes_no_count(self, index: Index) -> None:
        index.commit([make_record(), make_record(content="other")])
        assert related(index) == ([1], [1])

    def test_a_further_version_changes_no_sop_classes(self, index: Index) -> None:
        first = make_record()
        index.commit([first, make_record(content="other", sop_class_uid=MR_IMAGE)])
        assert values(study(index).attributes, "00080062") == [first.sop_class_uid]

    def test_a_study_without_conflict_has_no_flag(self, index: Index) -> None:
        index.commit([make_record(number=1), make_record(number=2), make_record(number=1)])
        assert not study(index).conflict

    def test_other_bytes_flag_their_study_alone(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2)])
        index.commit([make_record(study=1, content="other")])
        assert (study(index, 1).conflict, study(index, 2).conflict) == (True, False)

    @pytest.mark.parametrize("together", [True, False])
    def test_a_sop_instance_filed_under_two_studies(self, index: Index, *, together: bool) -> None:
        here, there = _filed_twice()
        batches = [[here, there]] if together else [[here], [there]]
        outcomes = [outcome for batch in batches for outcome in index.commit(batch)]
        assert outcomes == [Outcome.ADDED, Outcome.CONFLICT]
        assert (study(index, 1).conflict, study(index, 2).conflict) == (True, True)

    def test_a_sop_instance_filed_under_two_studies_is_seen_in_both(self, index: Index) -> None:
        index.commit(list(_filed_twice()))
        assert (related(index, 1), related(index, 2)) == (([1], [1]), ([1], [1]))

    def test_known_finds_an_instance_wherever_it_is_filed(self, index: Index) -> None:
        here, there = _filed_twice()
        index.commit([here, there, make_record(number=2)])
        known = index.known([here.sop_instance_uid, "1.2.3.unknown"])
        filed = {uid: {each.study_uid for each in found} for uid, found in known.items()}
        assert filed == {here.sop_instance_uid: {here.study_uid, there.study_uid}}

    def test_known_has_every_version(self, index: Index) -> None:
        index.commit([make_record(), make_record(content="other")])
        uid = sop_instance_uid(1, 1, 1)
        assert [each.version for each in index.known([uid])[uid]] == [1, 2]

    def test_another_patient_in_a_study_is_a_conflict(self, index: Index) -> None:
        index.commit([make_record(number=1, patient="P1")])
        assert index.commit([make_record(number=2, patient="P2")]) == [Outcome.CONFLICT]
        assert study(index).conflict

    def test_another_patient_again_is_the_same(self, index: Index) -> None:
        index.commit([make_record(number=1, patient="P1"), make_record(number=2, patient="P2")])
        assert index.commit([make_record(number=2, patient="P2")]) == [Outcome.SAME]

    def test_a_study_keeps_its_first_patient(self, index: Index) -> None:
        index.commit([make_record(number=1, patient="P1"), make_record(number=2, patient="P2")])
        assert values(study(index).attributes, "00100020") == ["P1"]

    def test_an_instance_of_another_patient_is_seen(self, index: Index) -> None:
        index.commit([make_record(number=1, patient="P1"), make_record(number=2, patient="P2")])
        assert related(index) == ([1], [2])

    def test_a_patient_without_a_study_is_not_counted(self, index: Index) -> None:
        index.commit([make_record(number=1, patient="P1"), make_record(number=2, patient="P2")])
        assert (
            index.totals().patients,
            index.count(Query(level=Level.PATIENT), reach=EVERYTHING),
        ) == (1, 1)

    def test_a_series_uid_in_two_studies_is_two_series(self, index: Index) -> None:
        there = replace(make_record(study=2), series_uid=series_uid(1, 1))
        assert index.commit([make_record(), there]) == [Outcome.ADDED, Outcome.ADDED]
        assert [
            index.count(Query(level=Level.SERIES), reach=EVERYTHING),
            index.totals().series,
        ] == [2, 2]


class ConcurrencyContract:
    """Several committers at once end where one alone would."""

    def test_overlapping_batches_of_one_study(self, index: Index) -> None:
        batches = [_slices(range(start, start + 30)) for start in (1, 11, 21, 1)]
        outcomes = _commit_at_once(index, batches)
        assert outcomes.count(Outcome.ADDED) == len(range(1, 51))
        assert related(index) == ([1], [50])
        numbers = [instance.instance_number for instance in index.instances(study_uid(1))]
        assert numbers == list(range(1, 51))

    def test_studies_in_opposite_orders(self, index: Index) -> None:
        there = [make_record(study=number, patient=f"P{number}") for number in range(1, 31)]
        _commit_at_once(index, [there, there[::-1], there, there[::-1]])
        assert index.totals().instances == len(there)

    def test_different_bytes_of_one_instance(self, index: Index) -> None:
        batches = [[make_record(content=str(number))] for number in range(COMMITTERS)]
        outcomes = _commit_at_once(index, batches)
        assert sorted(outcomes) == [Outcome.ADDED] + [Outcome.CONFLICT] * (COMMITTERS - 1)
        assert related(index) == ([1], [1])

    def test_conflicts_between_studies_from_both_sides(self, index: Index) -> None:
        """Each committer flags the study that the other one writes to."""
        pairs = [_filed_twice(number) for number in range(1, 16)]
        index.commit([record for pair in pairs for record in pair])
        again = [
            [replace(pair[side], sha256=f"{side}{number:063}") for number, pair in enumerate(pairs)]
            for side in (0, 1)
        ]
        outcomes = _commit_at_once(index, again)
        assert set(outcomes) == {Outcome.CONFLICT}

    def test_one_instance_in_two_studies_at_once_is_flagged(self, index: Index) -> None:
        here, there = make_record(), make_record(study=2, patient="P2")
        there = replace(there, sop_instance_uid=here.sop_instance_uid)
        with ThreadPoolExecutor(1) as other:
            with writing(index._engine) as connection:
                assert commit_batch(connection, [here]) == [Outcome.ADDED]
                waiting = other.submit(index.commit, [there])
                # The other one has to wait: it cannot see yet what it is in conflict with.
                assert wait([waiting], timeout=0.3).done == set()
            assert waiting.result() == [Outcome.CONFLICT]
        assert study(index, 1).conflict
        assert study(index, 2).conflict


def _filed_twice(number: int = 1) -> tuple[InstanceRecord, InstanceRecord]:
    """Return one SOP instance UID filed under two studies."""
    here, there = make_record(study=1, number=number), make_record(study=2, number=number)
    return here, replace(there, sop_instance_uid=here.sop_instance_uid)


def _slices(numbers: range) -> list[InstanceRecord]:
    return [make_record(number=number) for number in numbers]


def _commit_at_once(index: Index, batches: Sequence[Sequence[InstanceRecord]]) -> list[Outcome]:
    start = Barrier(len(batches))

    def commit(batch: Sequence[InstanceRecord]) -> list[Outcome]:
        start.wait()
        return index.commit(batch)

    with ThreadPoolExecutor(len(batches)) as committers:
        return [outcome for found in committers.map(commit, batches) for outcome in found]
