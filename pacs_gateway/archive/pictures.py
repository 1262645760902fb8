"""Pictures of stored frames, made once and kept on disk (docs/design/0011-renderings.md).

Invariant: a picture depends on nothing but the bytes of its objects, the frame, the options and
this program's version, and these are its name in the cache; so no picture is ever stale.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import NamedTuple

from pacs_gateway import __version__
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.documents.kinds import kind_of
from pacs_gateway.errors import DecoderCrashError, GatewayError, UnrenderableError
from pacs_gateway.imaging.options import RenderOptions
from pacs_gateway.imaging.render import Renderer
from storage.cache import DiskCache
from storage.errors import StorageError
from storage.records import StoredInstance

RENDERING = f"{__version__}.1"
"""Part of every name in the cache; the last number grows with each change of what pictures show."""
CRASHES_SUFFERED = 2
"""A frame that ended the decoder this often is not given to it again by this version."""
READ_ON = 3
"""Pictures made ahead; with fewer the decoder rests while the reader's picture is on its way."""
MAX_AHEAD = 2
"""Readers who are read on for at once; more would keep the decoder from those who wait."""
MAX_NEW = 1000
"""Pictures known to have been made just now, by name; in about 0.3 MB."""
MAX_UNWRITTEN = 64
"""Pictures that wait for the disk at once; a slow disk then slows down those who ask for more."""


class _Name(NamedTuple):
    """What names a picture in the cache."""

    picture: str
    crashes: str
    """Of the frame and the state it is shown with, whatever the options: as many bytes as it has
    ended decoders."""


class Pictures:
    """Renders frames of stored instances; safe to use from many threads."""

    def __init__(
        self,
        retrieval: Retrieval,
        renderer: Renderer,
        cache: DiskCache,
        *,
        max_cine_frames: int,
        max_cine_bytes: int,
    ) -> None:
        self._retrieval = retrieval
        self._renderer = renderer
        self._cache = cache
        self._max_cine_frames = max_cine_frames
        self._max_cine_bytes = max_cine_bytes
        self._lock = Lock()
        self._at_work: dict[str, Future[bytes]] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="picture-writer")
        self._unwritten = BoundedSemaphore(MAX_UNWRITTEN)
        self._reader = ThreadPoolExecutor(MAX_AHEAD, thread_name_prefix="picture-ahead")
        self._ahead = BoundedSemaphore(MAX_AHEAD)
        self._new: set[str] = set()
        self._closing = False

    def picture(
        self,
        instance: StoredInstance,
        number: int,
        options: RenderOptions,
        state: StoredInstance | None = None,
    ) -> bytes:
        """Return frame `number` (1 being the first) of an instance as a file.

        `state` is a presentation state to show it with.

        Raises UnrenderableError, BadRequestError, UnknownError for no such frame,
        OutOfResourcesError when too many pictures are being made.
        """

        def make() -> bytes:
            frame = self._retrieval.frame(instance, number)
            header = self._retrieval.header(instance)
            presentation = self._presentation(state)
            return self._renderer.render(
                header, frame, number=number, options=options, presentation=presentation
            )

        return self._once(_name(instance, str(number), options, state), make)

    def cine(
        self, instance: StoredInstance, options: RenderOptions, state: StoredInstance | None = None
    ) -> bytes:
        """Return the frames of an instance, as far as the limits allow, as one moving picture.

        Raises as `picture` does.
        """

        def make() -> bytes:
            frames = self._first_frames(instance)
            header = self._retrieval.header(instance)
            presentation = self._presentation(state)
            return self._renderer.cine(header, frames, options=options, presentation=presentation)

        return self._once(_name(instance, "cine", options, state), make)

    def _presentation(self, state: StoredInstance | None) -> bytes | None:
        return self._retrieval.header(state) if state is not None else None

    def _first_frames(self, instance: StoredInstance) -> list[bytes]:
        if instance.pixels is None:
            raise UnrenderableError("This instance has no pixels.")
        frames: list[bytes] = []
        size = 0
        for number in range(1, min(instance.pixels.frame_count, self._max_cine_frames) + 1):
            frames.append(self._retrieval.frame(instance, number))
            size += len(frames[-1])
            if size > self._max_cine_bytes:
                break
        return frames

    def read_on(
        self,
        instance: StoredInstance,
        number: int,
        options: RenderOptions,
        state: StoredInstance | None = None,
    ) -> None:
        """Make the pictures that come after this one, if this one had to be made, too.

        Whoever looks at a slice for the first time most often goes on to the next one.
        """
        if state is not None or not self._is_new(_name(instance, str(number), options, None)):
            return
        if not self._closing and self._ahead.acquire(blocking=False):
            self._reader.submit(self._make_next, instance, number, options)

    def close(self) -> None:
        """Let what was made reach the disk; later pictures are written while one waits."""
        self._closing = True
        self._reader.shutdown(cancel_futures=True)
        self._writer.shutdown()

    def _is_new(self, name: _Name) -> bool:
        with self._lock:
            found = name.picture in self._new
            self._new.discard(name.picture)
        return found

    def _is_wanted(self, name: _Name) -> bool:
        """Return whether a picture is neither made just now nor being made."""
        with self._lock:
            return name.picture not in self._new and name.picture not in self._at_work

    def _make_next(self, instance: StoredInstance, number: int, options: RenderOptions) -> None:
        try:
            for following, frame in self._following(instance, number):
                if self._is_wanted(_name(following, str(frame), options, None)):
                    self.picture(following, frame, options)
        except (GatewayError, StorageError):
            # Nobody has asked for it; whoever does will be told.
            return
        finally:
            self._ahead.release()

    def _following(
        self, instance: StoredInstance, number: int
    ) -> Sequence[tuple[StoredInstance, int]]:
        if instance.pixels is not None and number < instance.pixels.frame_count:
            last = min(instance.pixels.frame_count, number + READ_ON)
            return [(instance, frame) for frame in range(number + 1, last + 1)]
        found = self._retrieval.next_in_series(instance, READ_ON)
        return [(following, 1) for following in found if following.pixels is not None]

    def _once(self, name: _Name, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under `name`; else make it, together with all who want the same."""
        found = self._cache.get(name.picture)
        if found is not None:
            return found
        with self._lock:
            working = self._at_work.get(name.picture)
            if working is None:
                mine: Future[bytes] = Future()
                self._at_work[name.picture] = mine
        if working is not None:
            # The one at work has the renderer's deadlines, and always ends.
            return working.result()
        try:
            made = self._made(name, make)
        except BaseException as error:
            mine.set_exception(error)
            self._forget(name.picture)
            raise
        mine.set_result(made)
        with self._lock:
            if len(self._new) >= MAX_NEW:
                self._new.clear()
            self._new.add(name.picture)
        self._keep(name.picture, made)
        return made

    def _made(self, name: _Name, make: Callable[[], bytes]) -> bytes:
        crashes = len(self._cache.get(name.crashes) or b"")
        if crashes >= CRASHES_SUFFERED:
            raise UnrenderableError(
                "This frame has ended its decoder before and is not tried again; its original"
                " still downloads."
            )
        try:
            return make()
        except DecoderCrashError:
            self._cache.put(name.crashes, bytes(crashes + 1))
            raise

    def _keep(self, name: str, made: bytes) -> None:
        """Put a picture on disk while its reader has it already; until then the future serves it."""
        if self._closing or not self._unwritten.acquire(blocking=False):
            self._write(name, made)
            return

        def write() -> None:
            try:
                self._write(name, made)
            finally:
                self._unwritten.release()

        self._writer.submit(write)

    def _write(self, name: str, made: bytes) -> None:
        try:
            self._cache.put(name, made)
        finally:
            self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            del self._at_work[name]


def is_image(instance: StoredInstance) -> bool:
    """Return whether an instance is shown as a still image, or as many of them."""
    kind = kind_of(instance.sop_class_uid, instance.transfer_syntax_uid)
    return instance.pixels is not None and kind is None


def representative(instances: Sequence[StoredInstance]) -> StoredInstance:
    """Return what stands for a study or series: the middle image of the first series with images.

    Without any image it is the first instance.
    """
    images = [instance for instance in instances if is_image(instance)]
    if not images:
        return instances[0]
    series = [instance for instance in images if instance.series_uid == images[0].series_uid]
    return series[len(series) // 2]


def middle_frame(instance: StoredInstance) -> int:
    """Return the number of the frame that stands for an instance."""
    assert instance.pixels is not None
    return (instance.pixels.frame_count + 1) // 2


def _name(
    instance: StoredInstance, part: str, options: RenderOptions, state: StoredInstance | None
) -> _Name:
    frame = f"{RENDERING}\n{instance.sha256}\n{part}"
    shown_with = state.sha256 if state is not None else ""
    return _Name("\n".join((frame, repr(options), shown_with)), f"crashes\n{frame}\n{shown_with}")
