"""Whether what is told of an order can be kept and shown to devices (PS3.5 6.2)."""

import re
from datetime import date

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.ris.values import OrderError, OrderRequest, PatientTold
from storage.orders import Step

MAX_STEPS = 50
MAX_IDENTIFIERS = 20
SHORT = 16
"""Characters of SH, and of AE titles and modalities (CS)."""
LONG = 64
MAX_TEXT = 4096

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MODALITY = re.compile(r"[A-Z0-9_]{0,16}")
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{0,16}")
_DATE = re.compile(r"[0-9]{8}")
_TIME = re.compile(r"(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){0,2})?")


def check(request: OrderRequest) -> None:
    """Raise OrderError for what no order can hold."""
    for name, value, most in (
        ("placer order number", request.placer_number, LONG),
        ("issuer of the placer order number", request.placer_issuer, LONG),
        ("filler order number", request.filler_number, LONG),
        # A shortened number is another number, so one that devices cannot carry is refused.
        ("accession number", request.accession_number, SHORT),
        ("issuer of the accession number", request.accession_issuer, LONG),
        ("code of the procedure", request.procedure_code, LONG),
        ("scheme of the procedure's code", request.procedure_scheme, LONG),
        ("name of the procedure", request.procedure_text, MAX_TEXT),
        ("body part", request.body_part, LONG),
        ("reason", request.reason, MAX_TEXT),
        ("ordering doctor", request.doctor, LONG),
        ("ward", request.ward, LONG),
        ("comment", request.comment, MAX_TEXT),
    ):
        _text(name, value, most)
    if request.study_uid and not is_uid(request.study_uid):
        raise OrderError("The Study Instance UID of the order is not a UID.")
    if len(request.steps) > MAX_STEPS:
        raise OrderError(f"An order has at most {MAX_STEPS} scheduled steps.")
    for step in request.steps:
        _step(step)
    check_patient(request.patient)


def check_patient(patient: PatientTold) -> None:
    """Raise OrderError for what no patient can have."""
    _text("patient's name", patient.name, 3 * LONG)
    if patient.birth_date:
        day("birth date", patient.birth_date)
    if patient.sex not in ("", "M", "F", "O"):
        raise OrderError("A patient's sex is M, F or O, or not told.")
    if len(patient.identifiers) > MAX_IDENTIFIERS:
        raise OrderError(f"A patient has at most {MAX_IDENTIFIERS} identifiers here.")
    for each in patient.identifiers:
        _text("patient identifier", each.value, LONG)
        _text("issuer of a patient identifier", each.issuer, LONG)
        if not each.value.strip():
            raise OrderError("A patient identifier is empty.")


def day(name: str, value: str) -> date:
    """Return a date of the form YYYYMMDD. Raises OrderError."""
    if _DATE.fullmatch(value):
        try:
            return date(int(value[:4]), int(value[4:6]), int(value[6:]))
        except ValueError:
            pass  # The 31st of February.
    raise OrderError(f"The {name} is no date (YYYYMMDD).")


def _step(step: Step) -> None:
    for name, value, most in (
        ("id of a scheduled step", step.step_id, SHORT),
        ("room", step.room, SHORT),
        ("description of a scheduled step", step.description, MAX_TEXT),
        ("performer of a scheduled step", step.performer, LONG),
    ):
        _text(name, value, most)
    if not _MODALITY.fullmatch(step.modality):
        raise OrderError("A modality is a code such as CT: capitals and digits, at most 16.")
    if not _AE_TITLE.fullmatch(step.station_ae):
        raise OrderError("A station's AE title has at most 16 ASCII characters and no backslash.")
    if step.date:
        day("day of a scheduled step", step.date)
    if not _TIME.fullmatch(step.time):
        raise OrderError("The time of a scheduled step is no time (HHMMSS).")


def _text(name: str, value: str, most: int) -> None:
    if len(value) > most:
        raise OrderError(f"The {name} is longer than {most} characters.")
    if _CONTROL.search(value):
        raise OrderError(f"The {name} holds a control character.")
