"""What is missing in a series, told from the numbers of its images."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

MAX_RANGES = 6
"""Ranges that are told; a series with more has not merely lost an image."""


def missing_numbers(numbers: Iterable[int | None]) -> Sequence[tuple[int, int]]:
    """Return the first and last number of each gap between the images of one series.

    A series whose numbers go by twos has no gap where every second number is absent: the step
    that most neighbours have is the series' own.
    """
    known = sorted({number for number in numbers if number is not None})
    steps = Counter(after - before for before, after in pairwise(known))
    if not steps:
        return ()
    step = min(steps, key=lambda each: (-steps[each], each))
    return [
        (before + step, after - step)
        for before, after in pairwise(known)
        if after - before > step and after - step >= before + step
    ]


def ranges_text(ranges: Sequence[tuple[int, int]]) -> str:
    """Return ranges as people write them: `3, 5-6`; an ellipsis stands for more than fit."""
    told = [
        str(first) if first == last else f"{first}-{last}" for first, last in ranges[:MAX_RANGES]
    ]
    return ", ".join([*told, *(["…"] if len(ranges) > MAX_RANGES else [])])
