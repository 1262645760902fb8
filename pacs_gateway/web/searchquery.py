"""What the query string of a QIDO-RS search says (PS3.18 8.3.4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pacs_gateway.archive.query import NO_VALUE
from pacs_gateway.dicom.attributes import Attribute, attribute_of, is_name
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError

MAX_PARAMETERS = 256
"""Query parameters of one search; a client asking for every attribute by name stays below."""
MAX_FIELDS = 256
"""Attributes that `includefield` may name."""
ALL = "all"

_CONTROLS = frozenset(
    {
        "accept",
        "charset",
        "emptyvaluematching",
        "fuzzymatching",
        "includefield",
        "limit",
        "multiplevaluematching",
        "offset",
    }
)
# No value of these can hold a comma, so it can only separate values.
_LIST_VRS = frozenset({"UI", "CS"})
_PATH_KEYWORDS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What one search asks for."""

    keys: Mapping[str, str]
    """Values to match by keyword, or path of keywords; empty for any value."""
    keyed: Sequence[Attribute]
    """The attributes of these keys."""
    fields: Sequence[Attribute]
    """Further attributes to be shown."""
    all_fields: bool
    fuzzy: bool
    empty_values: bool
    every_value: bool
    limit: int | None
    offset: int
    unknown: Sequence[str]
    """Parameters and fields that name no attribute we know."""


def read_search(
    parameters: Iterable[tuple[str, str]], path_parameters: Mapping[str, str]
) -> Search:
    """Return what a search asks for; the UIDs of its path are keys like any other.

    Raises BadRequestError.
    """
    controls, named = _sorted(parameters)
    empty_values = _boolean(controls, "emptyvaluematching")
    known = {name: attribute_of(name) for name in named}
    keys: dict[str, str] = {}
    keyed: dict[str, Attribute] = {}
    for name, attribute in known.items():
        if attribute is None or not attribute.keyword:
            continue
        before = keys.get(attribute.keyword, "").split("\\")
        keys[attribute.keyword] = _joined(attribute, [*before, *named[name]])
        keyed[attribute.keyword] = attribute
        _check_uids(attribute, keys[attribute.keyword], empty_values=empty_values)
    fields, unknown_fields = _fields(controls.get("includefield", []))
    return Search(
        keys=keys | _path_keys(path_parameters),
        keyed=tuple(keyed.values()),
        fields=[field for field in fields.values() if field is not None],
        all_fields=ALL in unknown_fields,
        fuzzy=_boolean(controls, "fuzzymatching"),
        empty_values=empty_values,
        every_value=_boolean(controls, "multiplevaluematching"),
        limit=_count(controls, "limit"),
        offset=_count(controls, "offset") or 0,
        unknown=[
            *(name for name, found in known.items() if found is None or not found.keyword),
            *(name for name in unknown_fields if name != ALL),
        ],
    )


def _sorted(
    parameters: Iterable[tuple[str, str]],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the values of the parameters that PS3.18 names, and of all others."""
    controls: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(parameters):
        if number >= MAX_PARAMETERS:
            raise BadRequestError(f"A search takes at most {MAX_PARAMETERS} parameters.")
        # Some clients write `FuzzyMatching`; no keyword of an attribute is any of these words.
        if name.lower() in _CONTROLS:
            controls.setdefault(name.lower(), []).append(value)
        else:
            others.setdefault(name, []).append(value)
    return controls, others


def _fields(given: Iterable[str]) -> tuple[dict[str, Attribute | None], list[str]]:
    """Return the attributes of `includefield` by their names, and the names that are none."""
    names = dict.fromkeys(name.strip() for text in given for name in text.split(","))
    names.pop("", None)
    if len(names) > MAX_FIELDS:
        raise BadRequestError(f"includefield names at most {MAX_FIELDS} attributes.")
    if any(not is_name(name) for name in names):
        raise BadRequestError("includefield holds something that is no name of an attribute.")
    found = {name: attribute_of(name) for name in names}
    return found, [name for name, attribute in found.items() if attribute is None]


def _path_keys(path_parameters: Mapping[str, str]) -> dict[str, str]:
    for uid in path_parameters.values():
        if not is_uid(uid):
            raise BadRequestError("The path holds something that is not a UID.")
    return {_PATH_KEYWORDS[name]: uid for name, uid in path_parameters.items()}


def _joined(attribute: Attribute, values: Iterable[str]) -> str:
    text = "\\".join(value for value in values if value)
    return text.replace(",", "\\") if attribute.vr in _LIST_VRS else text


def _check_uids(attribute: Attribute, value: str, *, empty_values: bool) -> None:
    if attribute.vr != "UI" or (empty_values and value == NO_VALUE):
        return
    for uid in value.split("\\"):
        if uid.strip() and not is_uid(uid.strip()):
            raise BadRequestError(f"{attribute.keyword} is matched by UIDs only.")


def _boolean(values: Mapping[str, list[str]], name: str) -> bool:
    text = values.get(name, ["false"])[-1].lower()
    if text not in ("true", "false"):
        raise BadRequestError(f"{name} is true or false.")
    return text == "true"


def _count(values: Mapping[str, list[str]], name: str) -> int | None:
    given = values.get(name)
    if given is None:
        return None
    text = given[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - below 2**31
        raise BadRequestError(f"{name} is a whole number, 0 or more.")
    return int(text)
