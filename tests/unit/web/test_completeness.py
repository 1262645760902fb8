"""A missing image is told by its number, and a series that skips numbers by design is not accused."""

from collections.abc import Sequence

import pytest

from pacs_gateway.archive.completeness import missing_numbers
from pacs_gateway.web.completeness import MAX_RANGES, ranges_text


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([], []),
        ([7], []),
        ([1, 2, 3], []),
        ([3, 1, 2], []),
        ([1, 2, 4, 7, 8], [(3, 3), (5, 6)]),
        ([5, 6, 7], []),
        ([1, 3, 5, 7], []),
        ([1, 3, 7, 9], [(5, 5)]),
        ([1, 1, 2, None, 3], []),
        ([None, None], []),
        ([-1, 0, 1, 3], [(2, 2)]),
    ],
)
def test_gaps_are_told_by_their_first_and_last_number(
    numbers: Sequence[int | None], missing: Sequence[tuple[int, int]]
) -> None:
    assert list(missing_numbers(numbers)) == missing


def test_many_gaps_are_not_listed_without_end() -> None:
    assert ranges_text([(3, 3), (5, 6)]) == "3, 5-6"
    text = ranges_text([(number, number) for number in range(2, 40, 2)])
    assert text.split(", ") == [*(str(2 * n) for n in range(1, MAX_RANGES + 1)), "…"]
