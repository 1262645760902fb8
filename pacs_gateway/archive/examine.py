"""The bounded look into an object before anything believes it: layout, pixels, identity."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from pacs_gateway.dicom import deflate, meta, part10

_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Examined:
    """A data set whose every length has been checked."""

    layout: part10.Layout
    plain: part10.Buffer
    """The bytes that the layout's offsets count in: the object, or its inflated data set."""
    data_set_offset: int


class Examiner:
    """Walks objects under the limits of one installation."""

    def __init__(
        self,
        limits: part10.WalkLimits,
        *,
        max_inflated_bytes: int,
        max_inflate_ratio: int,
        scratch: Path,
    ) -> None:
        self.limits = limits
        self._max_inflated_bytes = max_inflated_bytes
        self._max_inflate_ratio = max_inflate_ratio
        self.scratch = scratch

    @contextmanager
    def examine(
        self, buffer: part10.Buffer, *, data_set_offset: int, transfer_syntax_uid: str
    ) -> Iterator[Examined]:
        """Yield what the data set in `buffer` holds; `plain` is valid inside the block only.

        A deflated data set is inflated into a nameless file, so that memory does not grow with it.

        Raises NotADataSetError.
        """
        if not meta.is_deflated(transfer_syntax_uid):
            yield self._walk(buffer, data_set_offset, transfer_syntax_uid)
            return
        with TemporaryFile(dir=self.scratch) as file:
            pieces = (
                buffer[at : at + _PIECE] for at in range(data_set_offset, len(buffer), _PIECE)
            )
            for piece in deflate.inflated(
                pieces, max_bytes=self._max_inflated_bytes, max_ratio=self._max_inflate_ratio
            ):
                file.write(piece)
            file.flush()
            if file.tell() == 0:
                yield self._walk(b"", 0, meta.EXPLICIT_VR_LITTLE_ENDIAN)
                return
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as plain:
                yield self._walk(plain, 0, meta.EXPLICIT_VR_LITTLE_ENDIAN)

    def _walk(self, buffer: part10.Buffer, start: int, transfer_syntax_uid: str) -> Examined:
        implicit, big_endian = meta.byte_encoding(transfer_syntax_uid)
        layout = part10.walk(
            buffer, start, implicit=implicit, big_endian=big_endian, limits=self.limits
        )
        return Examined(layout=layout, plain=buffer, data_set_offset=start)
