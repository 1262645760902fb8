"""Which studies an Invoke Image Display request asks for (IHE RAD TF-2 4.106)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import Level, Match, MatchKind, QuerySpec

MAX_STUDIES = 200
"""Studies one request may open; the longest record of a patient seen has about 100."""
MAX_CHARACTERS = 64
"""Of an identifier; LO has no more (PS3.5 6.2)."""

_DATE_TIME = re.compile(
    r"(\d{4}-?\d{2}-?\d{2})([T ]?\d{2}:?\d{2}(:?\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?"
)
_MODALITY = re.compile(r"[A-Z0-9_ ]{1,16}")


def studies_asked(index: Index, asked: Mapping[str, str]) -> list[str]:
    """Return the UIDs of the studies that a request's parameters name, the newest first.

    Whoever calls has made sure that the sender may have them.

    Raises BadRequestError for a request that names nothing, or not in the profile's form.
    """
    kind = asked.get("requestType", "").upper()
    if kind == "STUDY":
        matches = _studies(asked)
    elif kind == "PATIENT":
        matches = _patient(asked)
    else:
        raise BadRequestError("requestType must be STUDY or PATIENT.")
    limit = _most(asked) if kind == "PATIENT" else MAX_STUDIES
    spec = QuerySpec(level=Level.STUDY, matches=tuple(matches), limit=limit)
    found = index.search(spec, reach=EVERYTHING)
    return [each.attributes["0020000D"]["Value"][0] for each in found]


def _studies(asked: Mapping[str, str]) -> list[Match]:
    uids, numbers = _listed(asked, "studyUID"), _listed(asked, "accessionNumber")
    if not all(map(is_uid, uids)):
        raise BadRequestError("studyUID is no list of UIDs.")
    named = {"StudyInstanceUID": uids, "AccessionNumber": numbers}
    matches = [Match(key, MatchKind.EQUAL, values) for key, values in named.items() if values]
    if not matches:
        raise BadRequestError("A request for STUDY names studyUID or accessionNumber.")
    return matches + (_identifier(asked["patientID"]) if asked.get("patientID") else [])


def _patient(asked: Mapping[str, str]) -> list[Match]:
    if not asked.get("patientID"):
        raise BadRequestError("A request for PATIENT names patientID.")
    matches = _identifier(asked["patientID"])
    first, last = (_day(asked, name) for name in ("lowerDateTime", "upperDateTime"))
    if first or last:
        matches.append(Match("StudyDate", MatchKind.RANGE, (first, last)))
    if modalities := _listed(asked, "modalitiesInStudy"):
        if not all(map(_MODALITY.fullmatch, modalities)):
            raise BadRequestError("modalitiesInStudy is no list of modalities.")
        matches.append(Match("ModalitiesInStudy", MatchKind.EQUAL, modalities))
    return matches


def _identifier(text: str) -> list[Match]:
    """Return what a CX says (HL7 2.5 2.A.14): `ID^^^issuer`, or `ID^^^issuer&OID&ISO`."""
    parts = text.split("^")
    number = parts[0].strip()
    issuer = parts[3].split("&")[0].strip() if len(parts) > len(("ID", "digit", "scheme")) else ""
    if not number or max(len(number), len(issuer)) > MAX_CHARACTERS:
        raise BadRequestError("patientID is an identifier, or identifier^^^issuer.")
    found = [Match("PatientID", MatchKind.EQUAL, (number,))]
    if issuer:
        found.append(Match("IssuerOfPatientID", MatchKind.EQUAL, (issuer,)))
    return found


def _listed(asked: Mapping[str, str], name: str) -> tuple[str, ...]:
    values = [value.strip() for value in asked.get(name, "").split(",")]
    found = tuple(dict.fromkeys(value for value in values if value))
    if len(found) > MAX_STUDIES or any(len(value) > MAX_CHARACTERS for value in found):
        raise BadRequestError(f"{name} lists too much.")
    return found


def _day(asked: Mapping[str, str], name: str) -> str:
    text = asked.get(name, "")
    if not text:
        return ""
    if not _DATE_TIME.fullmatch(text):
        raise BadRequestError(f"{name} is a date and time such as 2026-11-23T08:00:00.")
    try:
        return (
            datetime.strptime(text[:10].replace("-", "")[:8], "%Y%m%d")
            .replace(tzinfo=UTC)
            .strftime("%Y%m%d")
        )
    except ValueError as error:
        raise BadRequestError(f"{name} names a day that does not exist.") from error


def _most(asked: Mapping[str, str]) -> int:
    text = asked.get("mostRecentResults", "")
    if not text:
        return MAX_STUDIES
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadRequestError("mostRecentResults is a number of studies.")
    return min(int(text), MAX_STUDIES)
