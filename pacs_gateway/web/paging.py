"""Long lists cut into pages."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where one page stands among all, and the addresses of its neighbours (empty: none)."""

    page: int
    count: int
    total: int
    """Things on all pages together."""
    first: int
    """Number of the first thing on this page; 1 is the first of all."""
    last: int
    previous: str
    next: str


def pages_of(total: int, page: int, size: int, *, address: Callable[[int], str]) -> Pages:
    """Return the place of `page` (from 1) among pages of `size` things."""
    count = max(1, -(-total // size))
    return Pages(
        page=page,
        count=count,
        total=total,
        first=min((page - 1) * size + 1, total),
        last=min(page * size, total),
        previous=address(min(page - 1, count)) if page > 1 else "",
        next=address(page + 1) if page < count else "",
    )
