"""Orders as FHIR R4 ServiceRequest and Patient, validated by fhir.resources.

R4B, which the library models, has both resources as R4 (4.0.1) has them. Nothing is fetched: a
patient is contained, named by an identifier, or known here already.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.humanname import HumanName
from fhir.resources.R4B.identifier import Identifier as FhirIdentifier
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.reference import Reference
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from pacs_gateway.emr.patientsegments import person_name
from pacs_gateway.ris.values import Control, OrderError, OrderRequest, PatientTold
from storage.orders import Priority, Step
from storage.patients import Identifier, NumberKind

MAX_DEPTH = 32
MODALITIES = "http://dicom.nema.org/resources/ontology/DCM"
"""System of modality codes; DICOM's own."""
STUDY_UID = "urn:dicom:uid"
ACCESSION, PLACER, FILLER = "ACSN", "PLAC", "FILL"
"""Types of identifiers (HL7 table 0203)."""

_CONTROLS: Mapping[str, Control] = {
    "active": Control.NEW,
    "on-hold": Control.NEW,
    "draft": Control.NEW,
    "revoked": Control.DISCONTINUE,
    "entered-in-error": Control.DISCONTINUE,
}
_PRIORITIES: Mapping[str, Priority] = {
    "routine": Priority.ROUTINE,
    "urgent": Priority.HIGH,
    "asap": Priority.HIGH,
    "stat": Priority.STAT,
}
_SEXES = {"male": "M", "female": "F", "other": "O"}
_KINDS: Mapping[str, NumberKind] = {
    "MR": NumberKind.MRN,
    "NI": NumberKind.CITIZEN,
    "NNVNM": NumberKind.CITIZEN,
    "HC": NumberKind.INSURANCE,
    "NIIP": NumberKind.INSURANCE,
}
_MODALITY = re.compile(r"[A-Z0-9_]{2,16}")
_LOCAL_REFERENCE = re.compile(r"Patient/([0-9]{1,18})")


def order_of(body: bytes, *, source: str) -> tuple[OrderRequest, int | None]:
    """Return the order of a ServiceRequest, and the number of its patient if it is known here.

    Raises OrderError: one sentence that names the element.
    """
    found = _validated(ServiceRequest, body)
    control = _CONTROLS.get(str(found.status))
    if control is None:
        raise OrderError(
            f"A ServiceRequest is {', '.join(_CONTROLS)}, not {str(found.status)[:40]} (status)."
        )
    patient, known = _subject(found)
    numbers = {_type_of(each): each for each in reversed(found.identifier or ())}
    placer = numbers.get(PLACER) or numbers.get("")
    accession = numbers.get(ACCESSION)
    code = _coding(found.code)
    request = OrderRequest(
        control=control,
        source=source,
        told_at=_moment(found.authoredOn),
        placer_number=_value(placer),
        placer_issuer=_issuer(placer),
        filler_number=_value(numbers.get(FILLER)),
        accession_number=_value(accession),
        accession_issuer=_issuer(accession),
        study_uid=_study_uid(found.identifier or ()),
        patient=patient,
        priority=_PRIORITIES.get(str(found.priority or "")),
        procedure_code=code[0],
        procedure_scheme=code[1] if len(code[1]) <= _SCHEME else "",
        procedure_text=_words(found.code),
        body_part=_words((found.bodySite or (None,))[0]),
        reason=_words((found.reasonCode or (None,))[0]),
        doctor=_display(found.requester),
        comment=" ".join(str(each.text) for each in found.note or ())[:4096],
        steps=(_step(found),),
    )
    return request, known


def patient_of(body: bytes) -> PatientTold:
    """Return whom a Patient resource describes. Raises OrderError."""
    return _patient(_validated(Patient, body))


_SCHEME = 64
_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the parser and the library raise on values of kinds that they did not expect."""


def _validated(kind: Any, body: bytes) -> Any:
    name = kind.get_resource_type()
    try:
        told = json.loads(body)
        if not isinstance(told, dict) or told.get("resourceType") != name:
            raise OrderError(f"The body is no FHIR {name} in JSON.")
        _check_depth(told, MAX_DEPTH)
        return kind.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise OrderError(f"The {name} is not valid FHIR R4: {where}: {first['msg']}.") from error
    except _FAULTS as error:
        raise OrderError(f"The body is no FHIR {name} in JSON.") from error


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise OrderError(f"A resource is nested {MAX_DEPTH} levels deep at most.")
    children: Iterable[object] = ()
    if isinstance(value, dict):
        children = value.values()
    elif isinstance(value, list):
        children = value
    for each in children:
        _check_depth(each, left - 1)


def _subject(found: Any) -> tuple[PatientTold, int | None]:
    """Return the patient: contained, by identifier, or by our own number."""
    if found.subject is None:
        # The library takes a null for what FHIR says must be there.
        raise OrderError("A ServiceRequest names its patient (subject).")
    reference = str(found.subject.reference or "")
    for each in found.contained or ():
        if isinstance(each, Patient) and reference == f"#{each.id}":
            return _patient(each), None
    local = _LOCAL_REFERENCE.fullmatch(reference)
    if local is not None:
        return PatientTold(), int(local[1])
    if found.subject.identifier is not None:
        told = _identifier(found.subject.identifier)
        return PatientTold(name=_plain(_display(found.subject)), identifiers=(told,)), None
    raise OrderError(
        "The patient of a ServiceRequest is contained, named by subject.identifier, or Patient/ID"
        " of this server."
    )


def _patient(found: Patient) -> PatientTold:
    names = found.name or ()
    return PatientTold(
        name=_name(names[0]) if names else "",
        birth_date=_birth_date(found.birthDate),
        sex=_SEXES.get(str(found.gender or ""), ""),
        identifiers=tuple(_identifier(each) for each in found.identifier or () if each.value),
    )


def _name(name: HumanName) -> str:
    given = " ".join(str(each) for each in name.given or ())
    if not name.family and not given:
        return _plain(str(name.text or ""))
    prefix = " ".join(str(each) for each in name.prefix or ())
    suffix = " ".join(str(each) for each in name.suffix or ())
    return person_name([str(name.family or ""), given, "", suffix, prefix])


def _plain(text: str) -> str:
    return person_name([text])


def _identifier(found: FhirIdentifier) -> Identifier:
    kind = _KINDS.get(_type_of(found), NumberKind.MRN)
    return Identifier(kind, str(found.value or ""), _issuer(found))


def _issuer(found: FhirIdentifier | None) -> str:
    """Return who gives a number: the assigner's name where there is one, else the system."""
    if found is None:
        return ""
    return _display(found.assigner) or str(found.system or "")


def _value(found: FhirIdentifier | None) -> str:
    return str(found.value or "").strip() if found is not None else ""


def _type_of(found: FhirIdentifier) -> str:
    codes = found.type.coding if found.type is not None else ()
    return next((str(each.code) for each in codes or () if each.code), "")


def _study_uid(identifiers: Iterable[FhirIdentifier]) -> str:
    uids = (str(each.value) for each in identifiers if str(each.system or "") == STUDY_UID)
    return next(uids, "").removeprefix("urn:oid:")


def _coding(found: CodeableConcept | None) -> tuple[str, str]:
    for each in (found.coding or ()) if found is not None else ():
        if each.code and str(each.system or "") != MODALITIES:
            return str(each.code), str(each.system or "")
    return "", ""


def _words(found: CodeableConcept | None) -> str:
    if found is None:
        return ""
    displays = [str(each.display) for each in found.coding or () if each.display]
    codes = [str(each.code) for each in found.coding or () if each.code]
    return str(found.text or "") or next(iter(displays + codes), "")


def _display(found: Reference | None) -> str:
    return str(found.display or "").strip() if found is not None else ""


def _step(found: Any) -> Step:
    """Return the one step of a ServiceRequest: when, where, by what kind of device."""
    period = found.occurrencePeriod.start if found.occurrencePeriod is not None else None
    when = found.occurrenceDateTime or period
    concepts = [*(found.orderDetail or ()), *(found.category or ()), found.code]
    codes = [
        str(coding.code)
        for concept in concepts
        if concept is not None
        for coding in concept.coding or ()
        if str(coding.system or "") == MODALITIES
    ]
    room = _words((found.locationCode or (None,))[0])
    performer = _display((found.performer or (None,))[0])
    local = _moment(when)
    return Step(
        modality=next((each for each in codes if _MODALITY.fullmatch(each)), ""),
        room=room[:16],
        date=f"{local:%Y%m%d}" if local is not None else "",
        time=f"{local:%H%M%S}" if isinstance(when, datetime) and local is not None else "",
        description=_words(found.code),
        performer=_plain(performer) if performer else "",
    )


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day).astimezone()
    return None


def _birth_date(value: object) -> str:
    """Return a day; of those who know the year of their birth alone, nothing is made up."""
    return f"{value:%Y%m%d}" if isinstance(value, date) else ""
