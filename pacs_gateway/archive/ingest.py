"""THE write path: C-STORE, STOW-RS and import all bring their bytes here and nowhere else.

Invariant: when `Arrival.accept` returns, the object survives a power cut and will be indexed;
when it raises, the bytes are set aside or gone, and nothing of them will ever be visible.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pacs_gateway.archive.examine import Examiner
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import Identity, identify, is_uid
from pacs_gateway.errors import (
    GatewayError,
    MismatchError,
    NotADataSetError,
    OutOfResourcesError,
)
from storage.errors import StorageError
from storage.records import Origin
from storage.spool import ReadyEntry, Spool, SpoolWriter, copy_into


@dataclass(frozen=True, slots=True)
class Announced:
    """What a command or a file's meta information says of the data set that follows.

    The UIDs may be empty where a file says nothing; the transfer syntax never is.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """One instance that is durable and on its way into the archive."""

    identity: Identity
    entry: ReadyEntry
    """What waits in the spool until it is visible."""


class Ingest:
    """Opens arrivals; one per process."""

    def __init__(self, spool: Spool, examiner: Examiner) -> None:
        self.spool = spool
        self.examiner = examiner

    def begin_data_set(self, announced: Announced, origin: Origin) -> "Arrival":
        """Return an arrival for a bare data set, as C-STORE brings it.

        Raises OutOfResourcesError when nothing more can be taken.
        """
        arrival = Arrival(self, origin, strict=True)
        arrival.start(announced)
        return arrival

    def begin_file(self, origin: Origin, *, expected_study_uid: str | None = None) -> "Arrival":
        """Return an arrival for a Part 10 file, or for a data set without meta information.

        Raises OutOfResourcesError when nothing more can be taken.
        """
        return Arrival(self, origin, strict=False, expected_study_uid=expected_study_uid)


class Arrival:
    """One object that is arriving: `write` its bytes, then `accept` it or `abandon` it.

    Used in a `with` block, it is abandoned unless it was accepted.
    """

    def __init__(
        self, ingest: Ingest, origin: Origin, *, strict: bool, expected_study_uid: str | None = None
    ) -> None:
        self._ingest = ingest
        self._origin = origin
        self._strict = strict
        self._expected_study_uid = expected_study_uid
        self._announced: Announced | None = None
        self._refusal: NotADataSetError | None = None
        self._head = bytearray()
        self._data_set_offset = 0
        self._writer: SpoolWriter | None = _begin(ingest.spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

    def start(self, announced: Announced) -> None:
        """Begin the object with our own file meta information; data set bytes follow."""
        head = meta.encode(
            sop_class_uid=announced.sop_class_uid,
            sop_instance_uid=announced.sop_instance_uid,
            transfer_syntax_uid=announced.transfer_syntax_uid,
            origin=self._origin,
        )
        self._announced = announced
        self._data_set_offset = len(head)
        self._put(head)

    def write(self, data: bytes) -> None:
        """Take the next bytes; at most the file meta information is held in memory.

        Raises OutOfResourcesError when the disk does not take them.
        """
        if self._announced is not None or self._refusal is not None:
            self._put(data)
            return
        self._head += data
        self._start_from_head(at_end=False)

    def accept(self) -> Accepted:
        """Check the object and make it durable.

        Raises NotADataSetError, IdentityError or MismatchError, and then the bytes are set
        aside; OutOfResourcesError, and then they are gone and should be sent again.
        """
        try:
            self._start_from_head(at_end=True)
            if self._refusal is not None:
                raise self._refusal
            identity = self._examine()
            if self._needs_new_head(identity):
                self._rewrite(identity)
            entry = self._publish()
        except OutOfResourcesError:
            self.abandon()
            raise
        except GatewayError as error:
            self._set_aside(error)
            raise
        return Accepted(identity, entry)

    def abandon(self) -> None:
        """Forget the bytes: the sender broke off before it was told anything."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _start_from_head(self, *, at_end: bool) -> None:
        """Read the file's own meta information once enough of it is there."""
        if self._announced is not None or self._refusal is not None:
            return
        try:
            found = _meta_of(bytes(self._head), at_end=at_end)
        except NotADataSetError as error:
            # The rest still arrives, and all of it is set aside for a person to look at.
            self._refusal = error
            self._put(bytes(self._head))
            return
        if found is None:
            return
        announced, data_set_at = found
        rest = bytes(self._head[data_set_at:])
        self._head.clear()
        self.start(announced)
        self._put(rest)

    def _examine(self) -> Identity:
        announced, writer = self._announced, self._writer
        assert announced is not None
        assert writer is not None
        with self._ingest.examiner.examine(
            writer.view(),
            data_set_offset=self._data_set_offset,
            transfer_syntax_uid=announced.transfer_syntax_uid,
        ) as examined:
            identity = identify(
                examined.layout,
                sop_class_uid=announced.sop_class_uid,
                sop_instance_uid=announced.sop_instance_uid,
            )
        self._check_announced(identity, announced)
        return identity

    def _check_announced(self, identity: Identity, announced: Announced) -> None:
        if self._strict and identity.sop_instance_uid != announced.sop_instance_uid:
            raise MismatchError("The data set's SOP Instance UID is not the one of the command.")
        if self._strict and identity.sop_class_uid != announced.sop_class_uid:
            raise MismatchError("The data set's SOP Class UID is not the one of the command.")
        expected = self._expected_study_uid
        if expected is not None and identity.study_uid != expected:
            raise MismatchError("The data set belongs to another study than the one addressed.")

    def _needs_new_head(self, identity: Identity) -> bool:
        announced = self._announced
        assert announced is not None
        return (announced.sop_class_uid, announced.sop_instance_uid) != (
            identity.sop_class_uid,
            identity.sop_instance_uid,
        )

    def _rewrite(self, identity: Identity) -> None:
        """Copy the object behind meta information that tells the truth (files only, rare)."""
        old, announced = self._writer, self._announced
        assert old is not None
        assert announced is not None
        offset = self._data_set_offset
        self._writer = _begin(self._ingest.spool)
        self.start(
            Announced(
                identity.sop_class_uid, identity.sop_instance_uid, announced.transfer_syntax_uid
            )
        )
        try:
            copy_into(self._writer, old.path, offset=offset)
        except StorageError as error:
            raise OutOfResourcesError(str(error)) from error
        finally:
            old.discard()

    def _put(self, data: bytes) -> None:
        assert self._writer is not None
        try:
            self._writer.write(data)
        except StorageError as error:
            self.abandon()
            raise OutOfResourcesError(str(error)) from error

    def _publish(self) -> ReadyEntry:
        assert self._writer is not None
        try:
            entry = self._writer.publish()
        except StorageError as error:
            raise OutOfResourcesError(str(error)) from error
        self._writer = None
        return entry

    def _set_aside(self, error: GatewayError) -> None:
        if self._writer is None:
            return
        facts = {"source": self._origin.source, "peer": self._origin.peer}
        self._writer.set_aside(str(error), facts)
        self._writer = None


def _begin(spool: Spool) -> SpoolWriter:
    try:
        return spool.begin()
    except StorageError as error:
        raise OutOfResourcesError(str(error)) from error


def _meta_of(head: bytes, *, at_end: bool) -> tuple[Announced, int] | None:
    """Return what the file announces and where its data set begins, None to wait for more.

    Raises NotADataSetError if it is no DICOM file, or ends within its meta information.
    """
    if len(head) < meta.PREAMBLE_LENGTH + 4 and not at_end:
        return None
    if meta.is_bare_data_set(head):
        return Announced("", "", meta.guess_transfer_syntax(head)), 0
    found = meta.decode(head)
    if found is None:
        if at_end:
            raise NotADataSetError("The file ends within its file meta information.")
        return None
    syntax = found.transfer_syntax_uid or meta.guess_transfer_syntax(head[found.length :])
    if not is_uid(syntax):
        raise NotADataSetError("The file's Transfer Syntax UID (0002,0010) is not a UID.")
    return Announced(
        _label(found.sop_class_uid), _label(found.sop_instance_uid), syntax
    ), found.length


def _label(uid: str) -> str:
    """Return a UID of the file meta information, empty if it is none: the data set knows better."""
    return uid if is_uid(uid) else ""
