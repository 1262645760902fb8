"""What reading for retrieval must do: whole, in order, current versions, never all at once."""

import json
import zlib
from concurrent.futures import ThreadPoolExecutor

from storage.index import ROWS_AT_ONCE, Index, Totals
from storage.records import Match, MatchKind, PixelLocation
from storage.testing.instance import make_record, series_uid, sop_instance_uid, study_uid

NATIVE = PixelLocation(
    tag="7FE00010",
    offset=1234,
    length=524_288,
    encapsulated=False,
    frame_count=1,
    frame_bits=4_194_304,
)
ENCAPSULATED = PixelLocation(
    tag="7FE00010",
    offset=1234,
    length=9000,
    encapsulated=True,
    frame_count=2,
    fragments=((1258, 100), (1366, 200), (1580, 50)),
    first_fragments=(0, 2),
)
MANY = ROWS_AT_ONCE + 1
"""More than is fetched at a time."""
ABANDONED = 100
"""More streams than any pool has connections."""


class ReadingContract:
    """The tests; each says one thing that callers rely on."""

    def test_an_instance_is_described_as_it_was_stored(self, index: Index) -> None:
        record = make_record(pixels=NATIVE)
        index.commit([record])
        (stored,) = index.instances(record.study_uid)
        for field in (
            "study_uid",
            "series_uid",
            "sop_instance_uid",
            "sop_class_uid",
            "transfer_syntax_uid",
            "object_key",
            "sha256",
            "size",
            "data_set_offset",
            "pixels",
            "origin",
        ):
            assert getattr(stored, field) == getattr(record, field), field
        assert (stored.version, stored.instance_number) == (1, 1)

    def test_pixel_locations_come_back_as_they_were(self, index: Index) -> None:
        kept = [NATIVE, ENCAPSULATED, None]
        index.commit(
            [make_record(number=number, pixels=pixels) for number, pixels in enumerate(kept, 1)]
        )
        assert [stored.pixels for stored in index.instances(study_uid(1))] == kept

    def test_instances_of_one_series(self, index: Index) -> None:
        index.commit([make_record(1, 1), make_record(1, 2), make_record(2, 1)])
        stored = index.instances(study_uid(1), series_uid(1, 2))
        assert [each.sop_instance_uid for each in stored] == [sop_instance_uid(1, 2, 1)]

    def test_one_instance_by_its_uid_alone(self, index: Index) -> None:
        index.commit([make_record(number=number) for number in (1, 2)])
        uid = sop_instance_uid(1, 1, 2)
        stored = index.instances(None, sop_instance_uid=uid)
        assert [each.sop_instance_uid for each in stored] == [uid]

    def test_nothing_of_an_unknown_study(self, index: Index) -> None:
        assert index.instances(study_uid(1)) == []

    def test_nothing_of_a_series_of_another_study(self, index: Index) -> None:
        index.commit([make_record(study=1), make_record(study=2)])
        assert index.instances(study_uid(1), series_uid(2, 1)) == []

    def test_versions_of_an_unknown_instance(self, index: Index) -> None:
        assert index.versions(study_uid(1), series_uid(1, 1), sop_instance_uid(1, 1, 1)) == []

    def test_instances_of_a_patient(self, index: Index) -> None:
        index.commit([make_record(study=number, patient=f"P{number % 2}") for number in (1, 2, 3)])
        match = Match("PatientID", MatchKind.EQUAL, ("P1",))
        uids = {stored.study_uid for stored in index.instances_of([match])}
        assert uids == {study_uid(1), study_uid(3)}

    def test_metadata_comes_in_the_order_of_the_instances(self, index: Index) -> None:
        index.commit([make_record(1, 2, 1), make_record(1, 1, 10), make_record(1, 1, 2)])
        blobs = index.metadata(study_uid(1))
        uids = [json.loads(zlib.decompress(blob))["00080018"]["Value"][0] for blob in blobs]
        assert uids == [stored.sop_instance_uid for stored in index.instances(study_uid(1))]

    def test_metadata_is_of_current_versions(self, index: Index) -> None:
        index.commit([make_record(), make_record(content="other")])
        assert len(list(index.metadata(study_uid(1)))) == 1

    def test_many_instances_are_streamed_once_each(self, index: Index) -> None:
        index.commit([make_record(number=number) for number in range(1, MANY + 1)])
        assert len(list(index.metadata(study_uid(1)))) == MANY

    def test_a_stream_may_go_on_in_another_thread(self, index: Index) -> None:
        """A web server iterates a response in whatever thread of its pool is free."""
        index.commit([make_record(number=number) for number in range(1, MANY + 1)])
        stream = index.metadata(study_uid(1))
        next(stream)
        with ThreadPoolExecutor(1) as pool:
            assert len(pool.submit(list, stream).result()) == MANY - 1

    def test_one_may_commit_while_another_reads(self, index: Index) -> None:
        index.commit([make_record(number=number) for number in range(1, MANY + 1)])
        stream = index.metadata(study_uid(1))
        next(stream)
        index.commit([make_record(study=2)])
        assert len(list(stream)) == MANY - 1

    def test_an_abandoned_stream_gives_its_connection_back(self, index: Index) -> None:
        index.commit([make_record(number=number) for number in (1, 2)])
        for _ in range(ABANDONED):
            stream = index.metadata(study_uid(1))
            next(stream)
            del stream
        index.ping()

    def test_totals(self, index: Index) -> None:
        index.commit([make_record(1, 1, 1), make_record(1, 1, 2), make_record(1, 2, 1)])
        index.commit([make_record(2, patient="P2"), make_record(2, patient="P2", content="other")])
        # Five objects: a version that is not current takes its room, too.
        assert index.totals() == Totals(
            patients=2, studies=2, series=3, instances=4, bytes=5 * make_record().size
        )

    def test_totals_of_nothing(self, index: Index) -> None:
        assert index.totals() == Totals(patients=0, studies=0, series=0, instances=0, bytes=0)

    def test_ping(self, index: Index) -> None:
        index.ping()
