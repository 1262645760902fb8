"""Which bytes of an object belong to which frame (PS3.5 8.1.1, 8.2 and A.4)."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from pacs_gateway.errors import UnknownError
from storage.records import PixelLocation


def spans(pixels: PixelLocation, number: int) -> Sequence[tuple[int, int]]:
    """Return offset and length of each piece of frame `number`, 1 being the first.

    A native frame is one piece, which may share its first and last byte with its neighbours
    (see `aligned`) and never leaves the pixel data element, however short that is.

    Raises UnknownError if there is no such frame.
    """
    if not 1 <= number <= pixels.frame_count:
        raise UnknownError(f"There is no frame {number}; the instance has {pixels.frame_count}.")
    if pixels.encapsulated:
        return _fragments(pixels, number)
    first = (number - 1) * pixels.frame_bits // 8
    stop = -(-number * pixels.frame_bits // 8)
    if pixels.frame_count == 1:
        # Pixels of one byte in big endian words (PS3.5 A.3) need the pad byte for the last one.
        stop += stop % 2
    stop = min(stop, pixels.length)
    return ((pixels.offset + first, max(0, stop - first)),)


def aligned(pixels: PixelLocation, number: int, raw: bytes) -> bytes:
    """Return a native frame shifted so that its first pixel is bit 0 of the first byte.

    Only frames of single bits can start inside a byte; pixels follow one another from the least
    significant bit on (PS3.5 8.1.1 and annex D). Every other frame is returned as it is.
    """
    shift = (number - 1) * pixels.frame_bits % 8
    if pixels.encapsulated or (shift == 0 and pixels.frame_bits % 8 == 0):
        return raw
    bits = (int.from_bytes(raw, "little") >> shift) & ((1 << pixels.frame_bits) - 1)
    return bits.to_bytes(min(-(-pixels.frame_bits // 8), len(raw)), "little")


def first_fragments(
    frame_count: int,
    fragments: Sequence[tuple[int, int]],
    offset_table: Sequence[int],
    starts_stream: Callable[[int], bool],
) -> tuple[int, ...]:
    """Return the index of the fragment each frame starts with; empty when frame n is fragment n.

    `offset_table` is the basic or extended one: entries count from the item tag of the first
    fragment. It is used if it names a fragment for every frame, in order; otherwise a frame
    starts wherever `starts_stream` finds the beginning of a code stream.

    When that gives more starts than frames, the first `frame_count` count; when it gives fewer,
    only that many frames are returned and the others cannot be told apart. A frame is always the
    run of fragments up to the next start.
    """
    if frame_count == len(fragments):
        return ()
    if frame_count == 1:
        return (0,)
    starts = _table_starts(frame_count, fragments, offset_table)
    if starts is None:
        starts = tuple(index for index in range(len(fragments)) if starts_stream(index))
    return starts[:frame_count] or (0,)


def _table_starts(
    frame_count: int, fragments: Sequence[tuple[int, int]], offset_table: Sequence[int]
) -> tuple[int, ...] | None:
    if len(offset_table) != frame_count or not fragments:
        return None
    base = fragments[0][0]
    index_at = {offset - base: index for index, (offset, _) in enumerate(fragments)}
    starts = tuple(index_at[entry] for entry in offset_table if entry in index_at)
    in_order = all(one < next_ for one, next_ in pairwise(starts))
    return starts if len(starts) == frame_count and starts[0] == 0 and in_order else None


def _fragments(pixels: PixelLocation, number: int) -> Sequence[tuple[int, int]]:
    starts = pixels.first_fragments
    if not starts:
        return pixels.fragments[number - 1 : number]
    if number > len(starts):
        raise UnknownError(f"Frame {number} cannot be found among the fragments.")
    stop = starts[number] if number < len(starts) else len(pixels.fragments)
    return pixels.fragments[starts[number - 1] : stop]
