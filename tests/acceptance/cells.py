"""One request of one caller to one route, and what the gate decided about it.

The routes are those of the running application; nothing here knows their addresses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount, Route

from pacs_gateway.access.roles import Grants, Permission, Scope
from pacs_gateway.web.access import CHECKED, TABLE, Rule
from tests.integration.web.gateway import Answer, Client

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
READS = ("GET", "HEAD")
NOWHERE = "1.2.3.4"
"""A study that is not kept."""


class Verdict(StrEnum):
    """What the gate may decide."""

    ADMITTED = "admitted"
    UNKNOWN_CALLER = "log in first"
    REFUSED = "the role may not"
    HIDDEN = "as if it did not exist"
    NO_METHOD = "method not served"


STATUS_OF = {
    Verdict.UNKNOWN_CALLER: 401,
    Verdict.REFUSED: 403,
    Verdict.HIDDEN: 404,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Values for the parameters of addresses: one instance of a study."""

    study: str
    series: str
    instance: str
    bulk: str

    def fill(self, template: str) -> str:
        """Return an address; what belongs to no study names nothing."""
        values = {
            "study": self.study,
            "study_uid": self.study,
            "series": self.series,
            "instance": self.instance,
            "frames": "1",
            "frame": "1",
            "path": self.bulk,
        }
        head, *rest = template.split("{")
        filled = head
        for part in rest:
            name, _, tail = part.partition("}")
            filled += values.get(name.partition(":")[0], "none") + tail
        if template == "/wado":
            filled += f"?requestType=WADO&studyUID={self.study}"
            filled += f"&seriesUID={self.series}&objectUID={self.instance}"
        return filled


def place_of(client: Client, study: str) -> Place:
    """Return the first instance of a study."""
    (found, *_) = client(f"/dicom-web/studies/{study}/metadata").json()
    bulk = str(next(_bulk_addresses(found)))
    series, instance = (found[tag]["Value"][0] for tag in ("0020000E", "00080018"))
    return Place(study, series, instance, bulk.rpartition("/bulkdata/")[2])


def _bulk_addresses(model: Mapping[str, Any]) -> Iterator[str]:
    for attribute in model.values():
        if "BulkDataURI" in attribute:
            yield attribute["BulkDataURI"]


def served(app: FastAPI) -> Mapping[str, set[str]]:
    """Return the methods of every address that the application serves."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, Mount):
            found[f"{route.path}/css/base.css"] = {"GET", "HEAD"}
        else:
            assert isinstance(route, Route)
            found.setdefault(route.path, set()).update(route.methods or ())
    return found


def rule_of(method: str, template: str) -> Rule:
    """Return the table's entry for a route."""
    path = "/static" if template.startswith("/static/") else template
    return TABLE[f"{'GET' if method == 'HEAD' else method} {path}"]


def expected(rule: Rule, grants: Grants | None, *, own: bool) -> Verdict:
    """Return what the tables say about a caller with these grants, None: nobody in particular."""
    if rule.permission is Permission.PUBLIC:
        return Verdict.ADMITTED
    if grants is None:
        return Verdict.UNKNOWN_CALLER
    scope = grants.get(rule.permission)
    if scope is None:
        return Verdict.REFUSED
    checked = rule.studies in CHECKED
    if checked and scope is not Scope.ALL and not own:
        return Verdict.HIDDEN
    return Verdict.ADMITTED


def verdict(answer: Answer) -> Verdict:
    """Return what an answer tells of the gate's decision."""
    if answer.status == 405 or b"This method is not served here" in answer.body:
        return Verdict.NO_METHOD
    if answer.status == 401 and b"Log in first" in answer.body:
        return Verdict.UNKNOWN_CALLER
    if answer.status == 403 and b"The role of this account" in answer.body:
        return Verdict.REFUSED
    if answer.status == 404 and b"No such study, series or instance" in answer.body:
        return Verdict.HIDDEN
    return Verdict.ADMITTED
