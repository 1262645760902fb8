"""The other studies of the same patient: beside a study as a list, and for the viewers as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.services import Services
from storage.index import Index
from storage.reach import Reach
from storage.records import DicomJson, Found, Level, Match, MatchKind, QuerySpec

MAX_PRIORS = 50
"""Studies of one patient that are listed; the worklist finds the rest by the Patient ID."""
MAX_SERIES = 1000

_PATIENT_ID, _ISSUER = "00100020", "00100021"
_STUDY_UID, _BODY_PART = "0020000D", "00180015"


@dataclass(frozen=True, slots=True)
class Prior:
    """Another study of the patient."""

    found: Found
    body_parts: Sequence[str]


class PriorAnswer(BaseModel):
    """One other study of the same patient."""

    uid: str
    date: str
    time: str
    description: str
    modalities: list[str]
    body_parts: list[str] = Field(serialization_alias="bodyParts")
    images: int


class PriorsAnswer(BaseModel):
    """Other studies, the newest first."""

    priors: list[PriorAnswer]


class PriorEndpoints:
    """The route of `/api/studies/{study}/priors`."""

    def __init__(self, services: Services) -> None:
        self._index = services.index

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        answer: dict[int | str, dict[str, Any]] = {200: {"model": PriorsAnswer}}
        return [
            APIRoute(
                "/api/studies/{study}/priors",
                self.priors,
                methods=["GET"],
                responses=answer,
                tags=["viewing"],
            )
        ]

    async def priors(self, request: Request, study: str) -> Response:
        """List the other studies of the same patient that the caller may see, newest first."""
        reach = caller_of(request).reach
        found = await run_in_threadpool(priors_of, self._index, study, reach)
        return JSONResponse({"priors": [_answer(each) for each in found]})


def priors_of(index: Index, study_uid: str, reach: Reach) -> Sequence[Prior]:
    """Return the other studies of a study's patient within reach, the newest first.

    Two patients without an ID are not the same person, nor are two with the same ID of different
    issuers.

    Raises UnknownError if there is no such study.
    """
    if not is_uid(study_uid):
        raise UnknownError("No study can have such a UID.")
    studies = _search(index, Level.STUDY, reach, "StudyInstanceUID", study_uid)
    if not studies:
        raise UnknownError("No such study is kept here.")
    (study,) = studies
    patient_id = _text(study.attributes, _PATIENT_ID)
    if not patient_id:
        return ()
    same = [
        each
        for each in _search(index, Level.STUDY, reach, "PatientID", patient_id, MAX_PRIORS + 1)
        if _text(each.attributes, _ISSUER) == _text(study.attributes, _ISSUER)
        and _text(each.attributes, _STUDY_UID) != study_uid
    ]
    parts = _body_parts(index, patient_id, reach) if same else {}
    newest_first = sorted(same, key=_moment, reverse=True)[:MAX_PRIORS]
    return [
        Prior(each, sorted(parts.get(_text(each.attributes, _STUDY_UID), ())))
        for each in newest_first
    ]


def _body_parts(index: Index, patient_id: str, reach: Reach) -> dict[str, set[str]]:
    """Return the body parts of every study of a patient by its UID."""
    parts: dict[str, set[str]] = {}
    for series in _search(index, Level.SERIES, reach, "PatientID", patient_id, MAX_SERIES):
        part = _text(series.attributes, _BODY_PART)
        if part:
            parts.setdefault(_text(series.attributes, _STUDY_UID), set()).add(part)
    return parts


def _search(
    index: Index, level: Level, reach: Reach, keyword: str, value: str, limit: int = 1
) -> Sequence[Found]:
    match = Match(keyword, MatchKind.EQUAL, (value,))
    return index.search(QuerySpec(level=level, matches=(match,), limit=limit), reach=reach)


def _answer(prior: Prior) -> dict[str, Any]:
    attributes = prior.found.attributes
    images = attributes.get("00201208", {}).get("Value") or [0]
    modalities = attributes.get("00080061", {}).get("Value") or []
    return PriorAnswer(
        uid=_text(attributes, _STUDY_UID),
        date=_text(attributes, "00080020"),
        time=_text(attributes, "00080030"),
        description=_text(attributes, "00081030"),
        modalities=[str(each) for each in modalities if each],
        body_parts=list(prior.body_parts),
        images=int(images[0]),
    ).model_dump(by_alias=True)


def _moment(found: Found) -> tuple[str, str]:
    return _text(found.attributes, "00080020"), _text(found.attributes, "00080030")


def _text(attributes: DicomJson, tag: str) -> str:
    values = attributes.get(tag, {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "").strip()
