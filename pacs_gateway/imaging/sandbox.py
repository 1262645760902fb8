"""Child processes for work that may crash, hang or eat memory, and that is never trusted.

Invariant: whatever a function does in the child, the caller gets its result or one GatewayError
within a known time, and the next call finds a working child.
"""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from time import monotonic
from typing import TypeVar

from pacs_gateway.config import ImagingSettings
from pacs_gateway.errors import DecoderCrashError, OutOfResourcesError
from pacs_gateway.imaging.child import Child

Result = TypeVar("Result")

CLOSE_DEADLINE_S = 5.0
"""How long closing waits for the children to be gone; they are killed, so this is plenty."""
_WORKER_MODULE = "pacs_gateway.imaging.worker"


class Sandbox:
    """Runs functions in a few killable processes under limits of memory and time."""

    def __init__(self, settings: ImagingSettings) -> None:
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.processes + settings.max_waiting)
        # A plain fork would copy locks held by this process's other threads; spawn would load
        # numpy and the codecs anew after every crash, which more than doubles the wait for the
        # next picture. The fork server has none of our threads and has loaded them once.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", _WORKER_MODULE])
        self._children = [Child(settings, context) for _ in range(settings.processes)]
        # The last one that worked comes first: its memory is still in the processor's cache.
        self._idle: LifoQueue[Child] = LifoQueue()
        for child in self._children:
            self._idle.put(child)
        self._closed = False

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Return what `function` returns in a child; function and arguments are pickled.

        Raises OutOfResourcesError when too many calls wait or after `close`, UnrenderableError
        when the child dies, takes too long or raises anything but a GatewayError.
        """
        if not self._places.acquire(blocking=False):
            raise OutOfResourcesError("Too many images are being rendered; try again shortly.")
        try:
            with self._child() as child:
                return child.call(function, arguments)
        except DecoderCrashError as error:
            if self._closed:
                # We ended the child ourselves; the image is not to blame.
                raise _not_available() from error
            raise
        finally:
            self._places.release()

    def close(self) -> None:
        """End the children, whatever they are doing."""
        self._closed = True
        deadline = monotonic() + CLOSE_DEADLINE_S
        for child in self._children:
            child.stop()
        ended = []
        with suppress(Empty):
            for _ in self._children:
                child = self._idle.get(timeout=max(0.0, deadline - monotonic()))
                child.wait_for_end(deadline)
                ended.append(child)
        # Whoever still waits for one is told that there will be none.
        for child in ended:
            self._idle.put(child)

    @contextmanager
    def _child(self) -> Iterator[Child]:
        try:
            child = self._idle.get(timeout=self._settings.wall_deadline_s)
        except Empty as error:
            raise OutOfResourcesError("Rendering is busy; try again shortly.") from error
        try:
            if self._closed:
                raise _not_available()
            yield child
        finally:
            self._idle.put(child)


def _not_available() -> OutOfResourcesError:
    return OutOfResourcesError("Rendering is not available now.")
