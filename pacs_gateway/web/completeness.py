"""What is missing in a series, as people are told."""

from collections.abc import Sequence

MAX_RANGES = 6
"""Ranges that are told; a series with more has not merely lost an image."""


def ranges_text(ranges: Sequence[tuple[int, int]]) -> str:
    """Return ranges as people write them: `3, 5-6`; an ellipsis stands for more than fit."""
    told = [
        str(first) if first == last else f"{first}-{last}" for first, last in ranges[:MAX_RANGES]
    ]
    return ", ".join([*told, *(["…"] if len(ranges) > MAX_RANGES else [])])
