"""Rendering for processes that hold no numpy: everything happens in a child.

Only light modules are imported here; `worker` is imported by the child alone.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

from pacs_gateway.config import ImagingSettings
from pacs_gateway.imaging.options import RenderOptions
from pacs_gateway.imaging.recode import compressed_frame
from pacs_gateway.imaging.sandbox import Sandbox

Result = TypeVar("Result")

_SHARE_OF_PICTURES = 4
"""Pictures of a cine take this part of a child's memory at most; to make a GIF, Pillow copies them."""


class Renderer:
    """Makes pictures of frames; safe to call from many threads."""

    def __init__(
        self, settings: ImagingSettings, observe: Callable[[str, float], None] | None = None
    ) -> None:
        """`observe` is told of each picture: `ok` or `failed`, and seconds."""
        self._max_samples = settings.max_pixels
        self._max_picture_bytes = settings.memory_bytes // _SHARE_OF_PICTURES
        self._sandbox = Sandbox(settings)
        self._observe = observe

    def start(self) -> None:
        """Start the children now instead of with the first picture."""
        self._sandbox.run(_load)

    def render(
        self,
        header: bytes,
        frame: bytes,
        *,
        number: int,
        options: RenderOptions,
        presentation: bytes | None = None,
    ) -> bytes:
        """Return frame `number` (1 being the first) as a file of the type in `options`.

        `header` is the Part 10 file up to the value of its pixel data, `frame` the bytes of the
        frame as `archive.retrieve` gives them, `presentation` the Part 10 file of a presentation
        state to show it with.

        Raises UnrenderableError: no picture can be made of this frame; DecoderCrashError: it also
        cost a child; BadRequestError: the options do not fit the image; OutOfResourcesError: too
        many wait, later may work.
        """
        return self._timed(_render, header, frame, number, options, self._max_samples, presentation)

    def cine(
        self,
        header: bytes,
        frames: Sequence[bytes],
        *,
        options: RenderOptions,
        presentation: bytes | None = None,
    ) -> bytes:
        """Return the first frames of an instance as one moving picture; raises as `render`."""
        return self._timed(
            _cine,
            header,
            tuple(frames),
            options,
            self._max_samples,
            self._max_picture_bytes,
            presentation,
        )

    def native(self, header: bytes, frame: bytes) -> bytes:
        """Return a frame as it would stand in Explicit VR Little Endian; raises as `render`."""
        return self._timed(_native, header, frame, self._max_samples)

    def compressed(self, header: bytes, frame: bytes, transfer_syntax_uid: str) -> bytes:
        """Return a frame without loss in one of `recode.MADE_ON_REQUEST`; raises as `render`.

        Raises NotAcceptableError for pixels that the transfer syntax cannot hold.
        """
        return self._timed(compressed_frame, header, frame, transfer_syntax_uid, self._max_samples)

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Return what `function` returns in a child: drawing for others; raises as `render`."""
        return self._timed(function, *arguments)

    def close(self) -> None:
        """End the children."""
        self._sandbox.close()

    def _timed(self, function: Callable[..., Result], *arguments: object) -> Result:
        begun, outcome = perf_counter(), "failed"
        try:
            result = self._sandbox.run(function, *arguments)
            outcome = "ok"
            return result
        finally:
            if self._observe is not None:
                self._observe(outcome, perf_counter() - begun)


def _load() -> None:
    import pacs_gateway.imaging.worker  # noqa: PLC0415, F401 - only ever in the child


def _render(
    header: bytes,
    frame: bytes,
    number: int,
    options: RenderOptions,
    max_samples: int,
    presentation: bytes | None,
) -> bytes:
    from pacs_gateway.imaging import worker  # noqa: PLC0415 - only ever in the child

    return worker.render_frame(
        header,
        frame,
        number=number,
        options=options,
        max_samples=max_samples,
        presentation_state=presentation,
    )


def _cine(
    header: bytes,
    frames: Sequence[bytes],
    options: RenderOptions,
    max_samples: int,
    max_bytes: int,
    presentation: bytes | None,
) -> bytes:
    from pacs_gateway.imaging import worker  # noqa: PLC0415 - only ever in the child

    return worker.render_cine(
        header,
        frames,
        options=options,
        max_samples=max_samples,
        max_bytes=max_bytes,
        presentation_state=presentation,
    )


def _native(header: bytes, frame: bytes, max_samples: int) -> bytes:
    from pacs_gateway.imaging import worker  # noqa: PLC0415 - only ever in the child

    return worker.native_frame(header, frame, max_samples=max_samples)
