"""Processes that describe stored objects, for a computer with more than one core.

Describing is all Python, so threads would take turns. A reader that loses its parent ends by itself.
"""

import multiprocessing
import re
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import SimpleQueue

from pacs_gateway.archive.describing import describe_object
from pacs_gateway.archive.examine import Examiner
from pacs_gateway.archive.ranged import StoredBytes
from pacs_gateway.errors import IdentityError, NotADataSetError
from storage.errors import CorruptError, NotFoundError, StorageError, UnavailableError
from storage.objects import ObjectStore
from storage.rebuilding import Planned
from storage.records import InstanceRecord

OBJECT_KEY = re.compile(r"v1/[0-9.]+/[0-9.]+/(?P<uid>[0-9.]+)\.(?P<sha256>[0-9a-f]{64})\.dcm")

Described = InstanceRecord | str
"""The row of an object, or what is wrong with it."""
Open = Callable[[], tuple[ObjectStore, Examiner]]
"""Makes what a reader needs; it is called in each process."""


class Readers:
    """Some processes with some threads each; give them work from as many threads as processes."""

    def __init__(self, open_: Open, *, processes: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._free: SimpleQueue[Connection] = SimpleQueue()
        for _ in range(processes):
            ours, theirs = context.Pipe()
            arguments = (theirs, open_, threads)
            context.Process(target=_serve, args=arguments, daemon=True, name="reader").start()
            theirs.close()
            self._free.put(ours)
        self._processes = processes

    def describe(self, objects: Sequence[Planned]) -> Sequence[Described]:
        """Return what each object is.

        Raises StorageError if the store is down, and if a reader was killed.
        """
        connection = self._free.get()
        try:
            connection.send(objects)
            answer: Sequence[Described] | StorageError = connection.recv()
        except (EOFError, OSError) as error:
            raise UnavailableError("A process that read objects was killed.") from error
        finally:
            self._free.put(connection)
        if isinstance(answer, StorageError):
            raise answer
        return answer

    def close(self) -> None:
        """Let the processes end."""
        for _ in range(self._processes):
            self._free.get().close()


def describe(store: ObjectStore, examiner: Examiner, planned: Planned) -> Described:
    """Return the row of an object; raises UnavailableError if the store is down."""
    found = OBJECT_KEY.fullmatch(planned.key)
    if found is None:
        return "Its key is not one of the gateway's."
    try:
        record = describe_object(
            StoredBytes(store, planned.key, planned.size),
            examiner,
            sha256=found["sha256"],
            received_at=planned.received_at,
        )
    except NotFoundError:
        return "It is gone from the store."
    except (NotADataSetError, IdentityError, CorruptError, ValueError) as error:
        return str(error)
    if record.object_key != planned.key:
        return "Its header is that of another object."
    return record


def _serve(connection: Connection, open_: Open, threads: int) -> None:
    # Ctrl-C is for the parent, which ends its readers by closing their connections.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store, examiner = open_()
    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                objects: Sequence[Planned] = connection.recv()
            except EOFError:
                return
            try:
                described = pool.map(lambda each: describe(store, examiner, each), objects)
                connection.send(list(described))
            except StorageError as error:
                connection.send(error)
