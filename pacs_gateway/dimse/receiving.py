"""C-STORE data sets go from the association straight to a sink, piece by piece.

Invariant: no more than one PDU of a C-STORE data set is in memory, and no message, of whatever
kind, takes for ever or without bound.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from pacs_gateway.dimse.transport import WAKE_S

MESSAGE_GRACE_S = 60.0
MESSAGE_FLOOR_BYTES_PER_S = 64 * 1024
"""A message slower than a 512 kbit/s line after a minute's grace is a peer that drips bytes."""
MAX_OTHER_MESSAGE_BYTES = 16 * 1024 * 1024
"""Command sets and data sets of all but C-STORE: queries, and lists of thousands of UIDs."""
MAX_UID_CHARACTERS = 64

_REFUSE_MESSAGE = "Evt19"
"""State machine event "invalid PDU": the association is aborted (PS3.8 9.2)."""


class DataSetSink(Protocol):
    """Takes the pieces of one C-STORE data set."""

    def write(self, data: bytes) -> None:
        """Take the next piece; never raises."""

    def abandon(self) -> None:
        """Forget the pieces; harmless once they were accepted."""


OpenSink = Callable[[Association, PresentationContext | None, Any], DataSetSink]
"""Called with the association, the accepted context and the command set of a C-STORE request."""


class Notices(Protocol):
    """What we tell a peer, unasked, on the association that it opened."""

    def send(self) -> None:
        """Send what there is to tell; called while the association has nothing else to do."""

    def takes(self, message: Any) -> bool:
        """Return whether a message only answers what was sent."""


class SinkFile:
    """A sink in the place where pynetdicom expects its temporary file."""

    name = ""
    """pynetdicom unlinks its file by name after the handler; there is none."""

    def __init__(self, sink: DataSetSink) -> None:
        self.sink = sink
        self.write = sink.write
        self.file = self

    def flush(self) -> None:
        """Do nothing: the sink writes through."""

    def close(self) -> None:
        """Forget what was not accepted."""
        self.sink.abandon()


class ReceivingDimse(DIMSEServiceProvider):
    """The DIMSE provider of an accepted association."""

    def __init__(self, assoc: Association, open_sink: OpenSink) -> None:
        super().__init__(assoc)
        self._open_sink = open_sink
        self._attention = threading.Event()
        self._begun_at = 0.0
        self._message_bytes = 0
        self.notices: Notices | None = None
        """Set once the peer has asked for something that it is told of later."""

    def attend(self) -> None:
        """Let the association's thread look at its queues now."""
        self._attention.set()

    def get_msg(self, block: bool = False) -> Any:
        """Return the next message; without `block`, wait a moment for one to come."""
        dul = self.assoc.dul
        if not block:
            self._attention.clear()
            if self.msg_queue.empty() and dul.to_user_queue.empty():
                self._attention.wait(WAKE_S)
        item = super().get_msg(block)
        if self.notices is not None:
            while item[1] is not None and self.notices.takes(item[1]):
                item = super().get_msg(block)
            if item[1] is None and not block and self.assoc.is_established:
                self.notices.send()
        # There is room again for what back-pressure has left in the socket.
        dul.wake()
        return item

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take one P-DATA, a presentation data value at a time (PS3.8 9.3.1).

        The command set may end and the data set begin within one P-DATA, and the sink must be
        there before the data.
        """
        for value in primitive.presentation_data_value_list:
            if self.message is None:
                self._begun_at = monotonic()
                self._message_bytes = 0
            self._message_bytes += len(value[1])
            single = P_DATA()
            single.presentation_data_value_list = [list(value)]
            super().receive_primitive(single)
            self._prepare_sink()
            self._check_message()
        self.attend()

    def close(self) -> None:
        """Abandon every data set that was not served when the association ended."""
        pending = [self.message] if self.message is not None else []
        while not self.msg_queue.empty():
            pending.append(self.msg_queue.get_nowait()[1])
        for message in pending:
            for name in ("_data_set_file", "_dataset_file"):
                file = getattr(message, name, None)
                if isinstance(file, SinkFile):
                    file.close()

    def _prepare_sink(self) -> None:
        message = self.message
        if not isinstance(message, C_STORE_RQ) or message._data_set_file is not None:
            return
        command = message.command_set
        contexts = self.assoc._accepted_cx
        sink = self._open_sink(self.assoc, contexts.get(message.context_id), command)
        # pynetdicom refuses longer UIDs by aborting the association; the sink refuses the
        # instance only, and the answer needs some UID.
        for keyword in ("AffectedSOPClassUID", "AffectedSOPInstanceUID"):
            setattr(command, keyword, str(command.get(keyword, ""))[:MAX_UID_CHARACTERS])
        message._data_set_file = SinkFile(sink)

    def _check_message(self) -> None:
        if self.message is None:
            return
        allowed = MESSAGE_GRACE_S + self._message_bytes / MESSAGE_FLOOR_BYTES_PER_S
        too_slow = monotonic() - self._begun_at > allowed
        is_store = isinstance(self.message, C_STORE_RQ)
        too_long = not is_store and self._message_bytes > MAX_OTHER_MESSAGE_BYTES
        if too_slow or too_long:
            self.assoc.dul.event_queue.put(_REFUSE_MESSAGE)
