"""Pictures of stored frames, made once and kept on disk (docs/design/0011-renderings.md).

Invariant: a picture depends on nothing but the bytes of its objects, the frame, the options and
this program's version, and these are its name in the cache; so no picture is ever stale.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from pacs_gateway import __version__
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.errors import DecoderCrashError, UnrenderableError
from pacs_gateway.imaging.options import RenderOptions
from pacs_gateway.imaging.render import Renderer
from storage.cache import DiskCache
from storage.records import StoredInstance

RENDERING = f"{__version__}.1"
"""Part of every name in the cache; the last number grows with each change of what pictures show."""
CRASHES_SUFFERED = 2
"""A frame that ended the decoder this often is not given to it again by this version."""


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

    def _once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under `name`; else make it, together with all who want the same."""
        found = self._cache.get(name)
        if found is not None:
            return found
        with self._lock:
            working = self._at_work.get(name)
            if working is None:
                mine: Future[bytes] = Future()
                self._at_work[name] = mine
        if working is not None:
            # The one at work has the renderer's deadlines, and always ends.
            return working.result()
        try:
            made = self._made(name, make)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(made)
            return made
        finally:
            with self._lock:
                del self._at_work[name]

    def _made(self, name: str, make: Callable[[], bytes]) -> bytes:
        mark = f"crash\n{name}"
        crashes = len(self._cache.get(mark) or b"")
        if crashes >= CRASHES_SUFFERED:
            raise UnrenderableError(
                "This frame has ended its decoder before and is not tried again; its original"
                " still downloads."
            )
        try:
            made = make()
        except DecoderCrashError:
            self._cache.put(mark, bytes(crashes + 1))
            raise
        self._cache.put(name, made)
        return made


def _name(
    instance: StoredInstance, part: str, options: RenderOptions, state: StoredInstance | None
) -> str:
    shown_with = state.sha256 if state is not None else ""
    return "\n".join((RENDERING, instance.sha256, part, repr(options), shown_with))
