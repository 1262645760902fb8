"""The audit trail for people: all of it, and who has seen one study; reading it is recorded too."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Verb
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.language import Texts
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.auditlog import Recorded, Wanted

ROWS = 100
"""Rows of one page or answer; a day of a small hospital has some thousands."""
FILTERS = ("actor", "verb", "study_uid", "patient_id", "since", "until")
MAX_CHARACTERS = 128


class AuditRow(BaseModel):
    """One row of the trail."""

    seq: int
    at: str
    verb: str
    outcome: str
    actor: str
    role: str
    address: str
    study_uid: str
    patient_id: str
    detail: dict[str, str | int]
    digest: str


class AuditAnswer(BaseModel):
    """Rows, the newest first."""

    rows: list[AuditRow]


class AuditEndpoints:
    """The routes that show the trail."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        rows: dict[int | str, dict[str, Any]] = {200: {"model": AuditAnswer}}
        return [
            Route("/admin/audit", self.trail, methods=["GET"]),
            Route("/studies/{study_uid}/audit", self.of_study, methods=["GET"]),
            APIRoute("/api/audit", self.rows, methods=["GET"], responses=rows, tags=["audit"]),
        ]

    def trail(self, request: Request) -> Response:
        """Show rows of the trail, filtered by the address."""
        query = request.query_params
        given = {name: query.get(name, "")[:MAX_CHARACTERS] for name in FILTERS}
        texts = self._templates.texts(request)
        rows = self._read(request, _wanted(given), _number(query.get("before", "")))
        older = urlencode({**given, "before": rows[-1].seq}) if len(rows) == ROWS else ""
        context = {
            "rows": [_shown(row, texts) for row in rows],
            "given": given,
            "verbs": [(each, verb_key(each)) for each in Verb],
            "older": f"/admin/audit?{older}" if older else "",
        }
        return self._templates.page(request, "admin/audit.html", context)

    def of_study(self, request: Request) -> Response:
        """Show who has looked at a study, and what else was done to it."""
        uid = request.path_params["study_uid"]
        texts = self._templates.texts(request)
        rows = self._read(request, Wanted(study_uid=uid), None)
        older = urlencode({"study_uid": uid, "before": rows[-1].seq}) if len(rows) == ROWS else ""
        context = {
            "rows": [_shown(row, texts) for row in rows],
            "study_uid": uid,
            "older": f"/admin/audit?{older}" if older else "",
        }
        return self._templates.page(request, "admin/study_audit.html", context)

    async def rows(
        self,
        request: Request,
        actor: Annotated[str, Query(max_length=MAX_CHARACTERS)] = "",
        verb: Annotated[str, Query(max_length=MAX_CHARACTERS)] = "",
        study_uid: Annotated[str, Query(max_length=MAX_CHARACTERS)] = "",
        patient_id: Annotated[str, Query(max_length=MAX_CHARACTERS)] = "",
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:
        """List rows of the trail, the newest first."""
        wanted = Wanted(
            actor=_clean(actor),
            verb=_clean(verb),
            study_uid=_clean(study_uid),
            patient_id=_clean(patient_id),
        )
        found = await run_in_threadpool(self._read, request, wanted, before)
        answer = AuditAnswer(rows=[_answer(row) for row in found])
        return JSONResponse(answer.model_dump(mode="json"))

    def _read(self, request: Request, wanted: Wanted, before: int | None) -> Sequence[Recorded]:
        who = self._recorder.who(request, caller_of(request))
        asked = urlencode({name: value for name, value in asdict(wanted).items() if value})
        self._audit_log.append(acts.trail_read(who, study_uid=wanted.study_uid, wanted=asked))
        return self._audit_log.rows(wanted, limit=ROWS, before=before)


def verb_key(verb: str) -> str:
    """Return the key of the catalogue for a verb."""
    return f"audit.verb.{verb.replace(' ', '_')}"


def _wanted(given: dict[str, str]) -> Wanted:
    return Wanted(
        actor=_clean(given["actor"]),
        verb=_clean(given["verb"]),
        study_uid=_clean(given["study_uid"]),
        patient_id=_clean(given["patient_id"]),
        since=_midnight(given["since"], days=0),
        until=_midnight(given["until"], days=1),
    )


def _midnight(text: str, *, days: int) -> str:
    """Return the beginning of a day of this machine's, in UTC as the trail writes it."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    local = datetime(day.year, day.month, day.day).astimezone()
    return local.astimezone(UTC).isoformat(timespec="microseconds")


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("9" * 18) else None


def _shown(row: Recorded, texts: Texts) -> dict[str, Any]:
    detail = acts.detail_of(row)
    return {
        "seq": row.seq,
        "at": _moment(row.at, texts),
        "key": verb_key(row.verb),
        "refused": row.outcome != acts.SUCCESS,
        "actor": row.actor,
        "role": row.role,
        "address": row.address,
        "study_uid": row.study_uid,
        "patient_id": row.patient_id,
        "detail": ", ".join(f"{name}: {value}" for name, value in detail.items() if value != ""),
    }


def _moment(text: str, texts: Texts) -> str:
    """Return a moment for people; one that a hand in the database spoiled is shown as it is."""
    try:
        return texts.moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def _answer(row: Recorded) -> AuditRow:
    values = asdict(row)
    return AuditRow(**{**values, "detail": acts.detail_of(row)})
