"""One process that works for another until it is told to stop, or has to be killed.

Pebble starts it, watches it and kills it; what it is asked and answers goes through a pipe of its
own, because a round trip through pebble's scheduler takes two threads and 0.4 ms more.
"""

import math
import pickle
import resource
import signal
from collections.abc import Callable
from concurrent.futures import wait
from multiprocessing.context import BaseContext
from time import monotonic
from typing import Any, NamedTuple, TypeVar, cast

from pebble import ProcessFuture
from pebble.concurrent import process

from pacs_gateway.config import ImagingSettings
from pacs_gateway.errors import (
    DecoderCrashError,
    GatewayError,
    OutOfResourcesError,
    UnrenderableError,
)
from pacs_gateway.imaging.pipe import Pipe, pipes

Result = TypeVar("Result")

READY_BYTES = 1024
"""More than the one word that a child sends when it is ready."""
START_DEADLINE_S = 30.0
"""How long a child may take to answer first; the first of all loads numpy and the codecs."""
DEATH_NOTED_S = 1.0
"""How long pebble may take to see that a child is dead; one that only hung up is then killed."""


class _Answer(NamedTuple):
    """What comes back from a child: a result, or why there is none."""

    result: Any
    error: GatewayError | None = None


class _Running(NamedTuple):
    future: ProcessFuture[None]
    pipe: Pipe


class Child:
    """A place for one process, started when it is needed; one thread at a time may call."""

    def __init__(self, settings: ImagingSettings, context: BaseContext) -> None:
        self._settings = settings
        self._context = context
        self._running: _Running | None = None

    def call(self, function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
        """Return what `function` returns in the child; raises GatewayError."""
        pipe = self._pipe()
        try:
            deadline = monotonic() + self._settings.wall_deadline_s
            pipe.send((function, arguments), deadline)
            # What a child answers it has held in its memory.
            longest = self._settings.memory_bytes
            answer = cast("_Answer", pipe.receive(deadline, max_bytes=longest))
        except TimeoutError as error:
            self.kill()
            raise DecoderCrashError("Showing this image took too long.") from error
        except (EOFError, OSError) as error:
            self._bury()
            raise DecoderCrashError("This image cannot be shown: decoding it failed.") from error
        if answer.error is not None:
            raise answer.error
        return cast("Result", answer.result)

    def stop(self) -> None:
        """Ask pebble to end the process; whoever waits for it learns that it is gone."""
        running = self._running
        if running is not None and not running.future.done():
            running.future.cancel()  # type: ignore[no-untyped-call]

    def kill(self) -> None:
        """Forget the process, which pebble ends; the next call starts another one."""
        if self._running is not None:
            self.stop()
            self._running.pipe.close()
            self._running = None

    def wait_for_end(self, deadline: float) -> None:
        """Wait, at most until `deadline`, for a process that was told to stop."""
        if self._running is not None:
            self._running.pipe.wait_for_end(deadline)
            self.kill()

    def _bury(self) -> None:
        """Let pebble note the death of a process first: it takes none for one that it killed."""
        if self._running is not None:
            wait([self._running.future], DEATH_NOTED_S)
            self.kill()

    def _pipe(self) -> Pipe:
        """Return the way to a process that lives, which may have to be started."""
        if self._running is not None and self._running.future.done():
            # It died while nobody used it; the image at hand is not to blame.
            self.kill()
        try:
            return self._started()
        except (EOFError, OSError) as error:
            self._bury()
            raise OutOfResourcesError("Rendering is not available now.") from error

    def _started(self) -> Pipe:
        if self._running is None:
            ours, theirs = pipes(self._context)
            # Pebble's stubs call `context` by another name than its code does.
            start = process(context=self._context, name="decoder")(serve)  # type: ignore[call-overload]
            cpu_s = math.ceil(self._settings.wall_deadline_s)
            self._running = _Running(start(theirs, self._settings.memory_bytes, cpu_s), ours)
            # Ours must be the only hold on this side, or the child's end would not be noticed.
            theirs.close()
            ours.receive(monotonic() + START_DEADLINE_S, max_bytes=READY_BYTES)
        return self._running.pipe


def serve(pipe: Pipe, memory_bytes: int, cpu_s: int) -> None:
    """Answer calls in the child until the parent is gone.

    `cpu_s`: processor time for each call; who uses more is killed by the system.
    """
    # Nothing here needs tidying up, and a handler would never run while a codec hangs.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # A core dump would leave a patient's image on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send(None)
    while True:
        try:
            function, arguments = cast("tuple[Any, Any]", pipe.receive(max_bytes=memory_bytes))
        except EOFError:
            return
        pipe.send_pickled(_answered(function, arguments, cpu_s))


def _answered(function: Callable[..., object], arguments: tuple[object, ...], cpu_s: int) -> bytes:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # The limit counts from the start of the process, which serves many calls.
    soft = math.ceil(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    try:
        return _pickled(_Answer(function(*arguments)))
    except GatewayError as error:
        return _pickled(_Answer(None, error))
    except Exception as error:  # noqa: BLE001 - see below
        # The caller would unpickle the error by importing its class, and with it numpy or a
        # codec, into a process that has neither.
        reason = f"This image cannot be shown: decoding it failed ({type(error).__name__})."
        return _pickled(_Answer(None, UnrenderableError(reason)))


def _pickled(answer: _Answer) -> bytes:
    return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
