"""Every attribute of any instance of a study, as a table that people read and search."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom.dictionary import keyword_of, uid_name
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.display import series_view, study_view
from pacs_gateway.web.language import Texts
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import DicomJson, Level, Match, MatchKind, QuerySpec, StoredInstance

MAX_ROWS = 20_000
"""Rows of one page; an enhanced object of a thousand frames has more, and nobody reads them."""
MAX_CHARACTERS = 2_000
"""Of one value that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    depth: int
    """Sequences around it."""
    tag: str
    """`(0010,0010)`; empty for the head of a sequence item."""
    keyword: str
    vr: str
    value: str
    item: int = 0
    """Number of the item that begins here, 0 for an attribute."""


class TagEndpoints:
    """The route of `/studies/{study_uid}/tags`."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._index = services.index
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route("/studies/{study_uid}/tags", self.tags, methods=["GET"])]

    def tags(self, request: Request) -> Response:
        """Show the attributes of the instance in the address, else of the study's first one."""
        context = tags_context(
            self._index,
            self._templates.texts(request),
            request.path_params["study_uid"],
            series_uid=request.query_params.get("series", ""),
            instance_uid=request.query_params.get("instance", ""),
        )
        return self._templates.page(request, "tags.html", context)


def tags_context(
    index: Index, texts: Texts, study_uid: str, *, series_uid: str, instance_uid: str
) -> dict[str, Any]:
    """Return the context of tags.html; an instance counts for more than a series.

    Raises UnknownError if there is no such study, series or instance.
    """
    studies = _search(index, Level.STUDY, study_uid)
    instances = index.instances(study_uid) if studies else []
    chosen = _chosen(instances, series_uid, instance_uid)
    model = json.loads(zlib.decompress(_metadata(index, chosen)))
    rows = list(_rows(model, texts, 0))
    return {
        "study": study_view(studies[0], texts),
        "chosen": chosen,
        "series": [series_view(each) for each in _search(index, Level.SERIES, study_uid)],
        "instances": [each for each in instances if each.series_uid == chosen.series_uid],
        "rows": rows[:MAX_ROWS],
        "cut": len(rows) > MAX_ROWS,
    }


def _chosen(
    instances: Sequence[StoredInstance], series_uid: str, instance_uid: str
) -> StoredInstance:
    if instance_uid:
        fitting = (each for each in instances if each.sop_instance_uid == instance_uid)
    else:
        fitting = (each for each in instances if series_uid in ("", each.series_uid))
    chosen = next(fitting, None)
    if chosen is None:
        raise UnknownError("No such study, series or instance is kept here.")
    return chosen


def _search(index: Index, level: Level, study_uid: str) -> Sequence[Any]:
    if not is_uid(study_uid):
        raise UnknownError("No study can have such a UID.")
    match = Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid,))
    # The guard of the route has made sure that the caller may see the study.
    return index.search(QuerySpec(level=level, matches=(match,)), reach=EVERYTHING)


def _metadata(index: Index, instance: StoredInstance) -> bytes:
    return next(
        index.metadata(
            instance.study_uid, instance.series_uid, sop_instance_uid=instance.sop_instance_uid
        )
    )


def _rows(model: DicomJson, texts: Texts, depth: int) -> Iterator[Row]:
    """Yield the attributes of a data set or item in the order of their tags."""
    for tag in sorted(model):
        attribute = model[tag]
        vr = str(attribute.get("vr", ""))
        items = attribute.get("Value", ()) if vr == "SQ" else ()
        value = texts.count("tags.items", len(items)) if vr == "SQ" else _value(attribute, texts)
        yield Row(depth, f"({tag[:4]},{tag[4:]})", keyword_of(tag), vr, value)
        for number, item in enumerate(items, 1):
            yield Row(depth + 1, "", "", "", "", item=number)
            yield from _rows(item or {}, texts, depth + 2)


def _value(attribute: DicomJson, texts: Texts) -> str:
    if "BulkDataURI" in attribute or "InlineBinary" in attribute:
        return texts("tags.binary")
    values = [_one(each) for each in attribute.get("Value", ())]
    text = "\\".join(values)
    if attribute.get("vr") == "UI" and len(values) == 1 and (name := uid_name(text)):
        text = f"{text} ({name})"
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


def _one(value: Any) -> str:
    if isinstance(value, dict):
        groups = (value.get(group) for group in ("Alphabetic", "Ideographic", "Phonetic"))
        return "=".join(str(group) for group in groups if group)
    return "" if value is None else str(value)
