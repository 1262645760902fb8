"""An order as it is told, whatever it was told by: HL7, FHIR, JSON or the form."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pacs_gateway.errors import GatewayError
from storage.orders import Priority, Step
from storage.patients import Identifier


class OrderError(GatewayError):
    """What is told of an order cannot be kept; the text says which part and why."""

    http_status = 400


class Control(StrEnum):
    """What is wanted of an order."""

    NEW = "new"
    CHANGE = "change"
    CANCEL = "cancel"
    DISCONTINUE = "discontinue"
    """Cancel it, or break it off where it has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientTold:
    """A patient as somebody names them; empty texts are not known."""

    name: str = ""
    """A DICOM person name: components separated by `^`."""
    birth_date: str = ""
    """YYYYMMDD."""
    sex: str = ""
    """`M`, `F` or `O`."""
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What somebody wants; empty texts are not said."""

    control: Control
    source: str
    """Who says so: `hl7:NAME`, `fhir:USER`, `api:USER`, `page:USER`."""
    told_at: datetime | None = None
    """When they said it."""
    order_id: str = ""
    """Ours, where the page or an answer of ours gave it."""
    placer_number: str = ""
    placer_issuer: str = ""
    filler_number: str = ""
    accession_number: str = ""
    accession_issuer: str = ""
    study_uid: str = ""
    patient: PatientTold = field(default_factory=PatientTold)
    priority: Priority | None = None
    procedure_code: str = ""
    procedure_scheme: str = ""
    procedure_text: str = ""
    body_part: str = ""
    reason: str = ""
    doctor: str = ""
    ward: str = ""
    comment: str = ""
    steps: tuple[Step, ...] = ()
    """Their states are not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """Two people are one (ADT A40)."""

    source: str
    kept: PatientTold
    merged: tuple[Identifier, ...]
    told_at: datetime | None = None
