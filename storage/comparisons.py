"""How one value is compared with a key, wherever it is kept (PS3.4 C.2.2.2)."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func

ESCAPE = "!"
_HIGHEST_TIME = "235959.999999"
_TIME_DIGITS = 12


def like(column: Any, text: str) -> ColumnElement[bool]:
    """Return whether a text is like `text` with its `*` and `?`."""
    return column.like(pattern(text), escape=ESCAPE)  # type: ignore[no-any-return]


def pattern(text: str) -> str:
    """Return the LIKE pattern of a text with wildcards."""
    for special in (ESCAPE, "%", "_"):
        text = text.replace(special, ESCAPE + special)
    return text.replace("*", "%").replace("?", "_")


def in_range(column: Any, ends: tuple[str, ...], vr: str) -> ColumnElement[bool]:
    """Return whether a date or time lies between two ends, both included, either empty."""
    low, high = ends
    # A missing value, NULL or empty, is in no range.
    present = column != ""
    if vr == "TM":
        # Times are kept as sent; cut to the common precision, digits order them.
        column = func.substr(func.replace(column, ".", "") + "0" * _TIME_DIGITS, 1, _TIME_DIGITS)
        low = low.replace(".", "").ljust(_TIME_DIGITS, "0") if low else ""
        high = (high + _HIGHEST_TIME[len(high) :]).replace(".", "") if high else ""
    bounds = [column >= low] if low else []
    if high:
        # A moment that says more than the end does is compared as far as the end goes.
        bounds.append((func.substr(column, 1, len(high)) if vr == "DT" else column) <= high)
    return and_(present, *bounds)
