"""Matching of attributes that have no column: in the DICOM JSON that is kept for answers.

No database index serves these conditions: they are looked at for every row that the other keys
leave over. A value is compared as the device sent it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Float, Text, bindparam, func, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from storage.comparisons import ESCAPE, in_range, pattern
from storage.records import KeptMatch, MatchKind

NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
"""VRs whose values are numbers in the DICOM JSON model, text where a device sent no number."""


class _Values(FunctionElement[Any]):
    """One row for each value of an attribute (its JSON object, then its tag)."""

    name = "kept_values"
    inherit_cache = True


class _AsText(FunctionElement[str]):
    """The text of one value, and of a person's name its alphabetic part."""

    name = "kept_text"
    inherit_cache = True
    type = Text()


class _NameAsText(_AsText):
    name = "kept_name"
    inherit_cache = True


class _AsNumber(FunctionElement[float]):
    """One value if it is a number."""

    name = "kept_number"
    inherit_cache = True
    type = Float()


def condition(attributes: Any, match: KeptMatch) -> ColumnElement[bool]:
    """Return whether the DICOM JSON in column `attributes` has a value that matches."""
    rows: list[Any] = []
    value = attributes
    for tag in match.path:
        values = _Values(value, bindparam(None, tag, Text))
        rows.append(values.table_valued("value", joins_implicitly=True))
        value = rows[-1].c.value
    found = select(literal(1)).select_from(*rows)
    if match.kind is MatchKind.EMPTY:
        return ~found.where(_is_something(value, match.vr)).exists()
    return found.where(_fits(value, match)).exists()


def _is_something(value: Any, vr: str) -> ColumnElement[bool]:
    return value.is_not(None) if vr == "SQ" else _text(value, vr) != ""


def _fits(value: Any, match: KeptMatch) -> ColumnElement[bool]:
    if match.kind is MatchKind.RANGE:
        return in_range(_text(value, match.vr), match.values, match.vr)
    if match.vr in NUMBER_VRS:
        return _AsNumber(value).in_([float(text) for text in match.values])
    text = _text(value, match.vr)
    if match.vr == "PN":
        # Without a folded form, marks count in these names, and the letters of ASCII alone have
        # no case on every database.
        lower = func.lower(text)
        return or_(*(lower.like(func.lower(pattern(v)), escape=ESCAPE) for v in match.values))
    if match.kind is MatchKind.WILDCARD:
        return text.like(pattern(match.values[0]), escape=ESCAPE)
    return text.in_(match.values)


def _text(value: Any, vr: str) -> ColumnElement[str]:
    return _NameAsText(value) if vr == "PN" else _AsText(value)


def _arguments(element: FunctionElement[Any], compiler: Any, options: Any) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


def _rendered(template: str) -> Callable[..., str]:
    """Return a compilation that puts the arguments, as SQL, into a template."""

    def render(element: FunctionElement[Any], compiler: Any, **options: Any) -> str:
        return template.format(*_arguments(element, compiler, options))

    return render


# PostgreSQL reads no JSON with an escaped NUL, and a device may send one. A backslash before the
# escape would make it a plain text; two are an escaped backslash and nothing to it.
_WITHOUT_NUL = (
    r"CASE WHEN strpos(CAST({0} AS TEXT), '\u0000') = 0 THEN CAST({0} AS TEXT) ELSE "
    r"regexp_replace(CAST({0} AS TEXT), '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') END"
)
# SQLite's json_each gives numbers and texts as they are, objects as JSON; where a device sent a
# text for a sequence or a name, there is no JSON to look into.
_IF_JSON = "CASE WHEN json_valid({0}) THEN {0} END"
compiles(_Values, "sqlite")(_rendered(f"json_each({_IF_JSON}, '$.\"' || {{1}} || '\".Value')"))
compiles(_Values, "postgresql")(
    _rendered(f"json_array_elements(CAST({_WITHOUT_NUL} AS JSON) -> {{1}} -> 'Value')")
)
compiles(_AsText, "sqlite")(_rendered("{0}"))
compiles(_AsText, "postgresql")(_rendered("({0} #>> '{{}}') COLLATE \"C\""))
compiles(_NameAsText, "sqlite")(_rendered(f"json_extract({_IF_JSON}, '$.Alphabetic')"))
compiles(_NameAsText, "postgresql")(_rendered("({0} ->> 'Alphabetic') COLLATE \"C\""))
compiles(_AsNumber, "sqlite")(
    _rendered("CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END")
)
compiles(_AsNumber, "postgresql")(
    _rendered("CASE WHEN json_typeof({0}) = 'number' THEN CAST(CAST({0} AS TEXT) AS NUMERIC) END")
)
