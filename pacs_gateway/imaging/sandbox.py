"""Child processes for work that may crash, hang or eat memory, and that is never trusted.

Invariant: whatever a function does in the child, the caller gets its result or one GatewayError
within a known time, and the next call finds a working child.
"""

import fcntl
import math
import resource
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any, TypeVar

from pebble import ProcessFuture, ProcessPool

from pacs_gateway.config import ImagingSettings
from pacs_gateway.errors import (
    DecoderCrashError,
    GatewayError,
    OutOfResourcesError,
    UnrenderableError,
)

Result = TypeVar("Result")

PIPE_BYTES = 1024 * 1024
"""The most that Linux gives to a program without further rights."""
CLOSE_DEADLINE_S = 5.0
"""How long closing waits for the children to be gone; they are killed, so this is plenty."""
_WORKER_MODULE = "pacs_gateway.imaging.worker"


class _WidePipes(ForkServerContext):
    """A fork server whose pipes take a whole frame at once.

    Through the usual 64 KiB a frame of 525 kB goes in nine pieces, and for each of them the
    scheduler must wake the other side.
    """

    def Pipe(  # noqa: N802 - the name that pebble calls
        self, duplex: bool = True
    ) -> "tuple[Connection[Any, Any], Connection[Any, Any]]":
        """Return a pipe as large as the system lets one be."""
        reader, writer = super().Pipe(duplex)
        # What the system refuses stays as it is: slower, and just as right.
        with suppress(OSError):
            fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return reader, writer


class Sandbox:
    """Runs functions in a few killable processes under limits of memory and time."""

    def __init__(self, settings: ImagingSettings) -> None:
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.processes + settings.max_waiting)
        # A plain fork would copy locks held by this process's other threads; spawn would load
        # numpy and the codecs anew after every crash, which more than doubles the wait for the
        # next picture. The fork server has none of our threads and has loaded them once.
        context = _WidePipes()
        context.set_forkserver_preload(["__main__", _WORKER_MODULE])
        self._pool = ProcessPool(
            max_workers=settings.processes,
            context=context,
            initializer=_limit_memory,
            initargs=(settings.memory_bytes,),
        )

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Return what `function` returns in a child; function and arguments are pickled.

        Raises OutOfResourcesError when too many calls wait or after `close`, UnrenderableError
        when the child dies, takes too long or raises anything but a GatewayError.
        """
        if not self._places.acquire(blocking=False):
            raise OutOfResourcesError("Too many images are being rendered; try again shortly.")
        try:
            return self._result(self._schedule(function, arguments))
        finally:
            self._places.release()

    def close(self) -> None:
        """End the children, whatever they are doing."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        # Pebble waits for its own threads without a deadline.
        closing = threading.Thread(target=self._pool.join, name="sandbox-close", daemon=True)
        closing.start()
        closing.join(CLOSE_DEADLINE_S)

    def _schedule(
        self, function: Callable[..., Result], arguments: tuple[object, ...]
    ) -> ProcessFuture[Result]:
        deadline_s = self._settings.wall_deadline_s
        try:
            return self._pool.schedule(
                _run, args=(function, arguments, math.ceil(deadline_s)), timeout=deadline_s
            )
        except RuntimeError as error:
            # Closed, or no child could be started at all.
            raise OutOfResourcesError("Rendering is not available now.") from error

    def _result(self, future: ProcessFuture[Result]) -> Result:
        try:
            # Waiting for a child and working in it have the same deadline each.
            error = future.exception(2 * self._settings.wall_deadline_s)
        except (TimeoutError, CancelledError) as error_:
            future.cancel()  # type: ignore[no-untyped-call]
            raise OutOfResourcesError("Rendering is busy; try again shortly.") from error_
        if error is None:
            return future.result()
        if isinstance(error, GatewayError):
            raise error
        if isinstance(error, TimeoutError):
            raise DecoderCrashError("Showing this image took too long.") from error
        raise DecoderCrashError("This image cannot be shown: decoding it failed.") from error


def _limit_memory(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # A core dump would leave a patient's image on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(function: Callable[..., Result], arguments: tuple[object, ...], cpu_s: int) -> Result:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # The limit counts from the start of the process, which serves many calls.
    soft = math.ceil(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    try:
        return function(*arguments)
    except GatewayError:
        raise
    except Exception as error:  # noqa: BLE001 - see below
        # The caller would unpickle the error by importing its class, and with it numpy or a
        # codec, into a process that has neither.
        raise UnrenderableError(
            f"This image cannot be shown: decoding it failed ({type(error).__name__})."
        ) from None
