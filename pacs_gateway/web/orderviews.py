"""Orders as pages show them: in the reader's words, names as people write them."""

from dataclasses import dataclass
from datetime import datetime

from pacs_gateway.ris.desk import Listed
from pacs_gateway.web.display import Patient, person_name
from pacs_gateway.web.language import Texts
from storage.orders import Order, Step
from storage.patients import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One scheduled step."""

    step_id: str
    state: str
    modality: str
    station_ae: str
    room: str
    date: str
    time: str
    description: str
    performer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """One order of a list."""

    id: str
    address: str
    state: str
    priority: str
    accession_number: str
    placer_number: str
    procedure: str
    reason: str
    doctor: str
    ward: str
    patient: Patient
    steps: tuple[StepView, ...]


def order_view(listed: Listed, texts: Texts) -> OrderView:
    """Return what a list shows of an order."""
    order = listed.order
    return OrderView(
        id=order.id,
        address=f"/orders/{order.id}",
        state=order.state,
        priority=order.priority,
        accession_number=order.accession_number,
        placer_number=order.placer_number,
        procedure=order.procedure_text or order.procedure_code,
        reason=order.reason,
        doctor=spoken(order.doctor),
        ward=order.ward,
        patient=patient_view(listed.person, texts),
        steps=tuple(step_view(step, texts) for step in order.steps),
    )


def patient_view(person: Person | None, texts: Texts) -> Patient:
    """Return what pages show of a person."""
    if person is None:
        return Patient(name=texts("patient.unnamed"), patient_id="", birth_date="", age="", sex="")
    told = person.told
    return Patient(
        name=spoken(told.name) or texts("patient.unnamed"),
        patient_id=person.number.value if person.number is not None else "",
        birth_date=day_text(told.birth_date, texts),
        age="",
        sex=texts(f"sex.{told.sex}") if told.sex else "",
    )


def step_view(step: Step, texts: Texts) -> StepView:
    """Return what pages show of a step."""
    return StepView(
        step_id=step.step_id,
        state=step.state,
        modality=step.modality,
        station_ae=step.station_ae,
        room=step.room,
        date=day_text(step.date, texts),
        time=f"{step.time[:2]}:{step.time[2:4] or '00'}" if step.time else "",
        description=step.description,
        performer=spoken(step.performer),
    )


def form_of(order: Order, person: Person | None) -> dict[str, str]:
    """Return how the form has an order: its first step, its person's numbers."""
    step = order.steps[0] if order.steps else Step()
    numbers = {each.kind.value: each for each in reversed(person.identifiers)} if person else {}
    told = person.told if person is not None else None
    return {
        "name": told.name.replace("^", " ").strip() if told else "",
        "birth_date": iso_day(told.birth_date) if told else "",
        "sex": told.sex if told else "",
        "mrn": numbers["mrn"].value if "mrn" in numbers else "",
        "issuer": numbers["mrn"].issuer if "mrn" in numbers else "",
        "cccd": numbers["cccd"].value if "cccd" in numbers else "",
        "insurance": numbers["insurance"].value if "insurance" in numbers else "",
        "procedure": order.procedure_text,
        "code": order.procedure_code,
        "body_part": order.body_part,
        "reason": order.reason,
        "doctor": order.doctor.replace("^", " "),
        "ward": order.ward,
        "priority": order.priority,
        "modality": step.modality,
        "station_ae": step.station_ae,
        "room": step.room,
        "day": iso_day(step.date),
        "time": f"{step.time[:2]}:{step.time[2:4] or '00'}" if step.time else "",
        "step_id": step.step_id,
    }


def spoken(name: str) -> str:
    """Return a DICOM person name as people say it."""
    return person_name({"Value": [{"Alphabetic": name}]})


def day_text(day: str, texts: Texts) -> str:
    """Return a day in the reader's language; what is none stays as it is."""
    try:
        return texts.date(datetime.strptime(day, "%Y%m%d").astimezone().date())
    except ValueError:
        return day


def iso_day(day: str) -> str:
    """Return a day as forms have it."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else ""
