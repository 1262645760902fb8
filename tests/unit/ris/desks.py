"""A desk on an empty database, and orders as hospitals tell them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pacs_gateway.audit.acts import Who
from pacs_gateway.ris.matching import StudyFacts
from pacs_gateway.ris.values import Control, OrderRequest, PatientTold
from storage.orders import Step
from storage.patients import Identifier, NumberKind

WHO = Who(name="HIS", role="sender", address="10.0.0.5")
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
AN = PatientTold(
    name="NGUYỄN^VĂN ÁNH",
    birth_date="19800412",
    sex="M",
    identifiers=(Identifier(NumberKind.MRN, "BN001", "BV"),),
)
STEP = Step(modality="CT", station_ae="CT1", room="P.101", date="20261123", time="083000")


def order(number: str = "DH1", *, minutes: int = 0, **changes: Any) -> OrderRequest:
    """Return a new order told some minutes after noon."""
    request = OrderRequest(
        control=Control.NEW,
        source="hl7:HIS",
        told_at=NOON + timedelta(minutes=minutes),
        placer_number=number,
        patient=AN,
        procedure_text="CT sọ não",
        steps=(STEP,),
    )
    return replace(request, **changes)


def images(**changes: Any) -> StudyFacts:
    """Return what images of Ánh's CT say when the device was typed at."""
    facts = StudyFacts(
        study_uid="1.2.3.4",
        patient_id="BN001",
        patient_name="NGUYEN^VAN ANH",
        modalities=frozenset({"CT"}),
        date="20261123",
    )
    return replace(facts, **changes)
