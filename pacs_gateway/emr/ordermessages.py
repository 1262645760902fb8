"""Orders in HL7 messages: ORM^O01 of 2.3.1 and OMI^O23 of 2.5.1 as values of ours (IHE RAD-4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pacs_gateway.emr import patientsegments
from pacs_gateway.emr.moments import day_and_time, moment
from pacs_gateway.emr.segments import Message, MessageError, Segment
from pacs_gateway.ris.values import Control, OrderRequest, PatientTold
from storage.orders import Priority, Step

_CONTROLS: Mapping[str, Control] = {
    "NW": Control.NEW,
    "XO": Control.CHANGE,
    "XX": Control.CHANGE,
    "RP": Control.CHANGE,
    "SC": Control.CHANGE,
    "CA": Control.CANCEL,
    "OC": Control.CANCEL,
    "DC": Control.DISCONTINUE,
    "OD": Control.DISCONTINUE,
}
"""ORC-1 (HL7 2.5.1, table 0119)."""
_PRIORITIES: Mapping[str, Priority] = {
    "S": Priority.STAT,
    "STAT": Priority.STAT,
    "A": Priority.HIGH,
    "P": Priority.HIGH,
    "T": Priority.HIGH,
    "R": Priority.ROUTINE,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a sender beforehand."""

    source: str
    issuer: str = ""
    modalities: Mapping[str, str] = field(default_factory=dict)
    """Modality by the word that the sender has for it."""


@dataclass(slots=True)
class _Group:
    """ORC and what belongs to it."""

    orc: Segment
    obrs: list[Segment] = field(default_factory=list)
    ipcs: list[Segment] = field(default_factory=list)
    tq1: Segment | None = None
    zds: Segment | None = None
    notes: list[str] = field(default_factory=list)


def orders_in(message: Message, reading: Reading) -> list[OrderRequest]:
    """Return what a message wants of orders. Raises MessageError."""
    patient = patientsegments.patient(message.first("PID"), issuer=reading.issuer)
    visit = message.first("PV1")
    told_at = moment(message.header.text(7))
    found = [
        _request(group, patient, visit, reading, told_at=told_at) for group in _groups(message)
    ]
    if not found:
        raise MessageError("The message holds no order: a segment ORC is missing.")
    return found


def _groups(message: Message) -> Iterator[_Group]:
    group: _Group | None = None
    for segment in message.segments:
        if segment.name == "ORC":
            if group is not None:
                yield group
            group = _Group(segment)
        elif group is not None:
            _put(group, segment)
        elif segment.name == "OBR":
            raise MessageError("A segment OBR stands before its ORC.")
    if group is not None:
        yield group


def _put(group: _Group, segment: Segment) -> None:
    match segment.name:
        case "OBR":
            group.obrs.append(segment)
        case "IPC":
            group.ipcs.append(segment)
        case "TQ1":
            group.tq1 = segment
        case "ZDS":
            group.zds = segment
        case "NTE":
            group.notes.append(segment.text(3))
        case _:
            pass


def _request(
    group: _Group,
    patient: PatientTold,
    visit: Segment | None,
    reading: Reading,
    *,
    told_at: datetime | None,
) -> OrderRequest:
    orc = group.orc
    control = _CONTROLS.get(orc.text(1).upper())
    if control is None:
        raise MessageError(f"The order control {orc.text(1)[:10]!r} (ORC-1) is not taken.")
    request = OrderRequest(
        control=control,
        source=reading.source,
        told_at=told_at or moment(orc.text(9)),
        placer_number=orc.text(2),
        placer_issuer=orc.text(2, 2),
        filler_number=orc.text(3),
        patient=patient,
        doctor=_doctor(orc, 12) or _doctor(visit, 8),
        ward=_ward(orc, visit),
        comment=" ".join(each for each in group.notes if each),
    )
    if group.obrs:
        request = _with_procedure(request, group.obrs[0])
    request = _with_uid(request, group)
    return replace(request, priority=_priority(group), steps=_steps(group, reading))


def _with_procedure(request: OrderRequest, obr: Segment) -> OrderRequest:
    return replace(
        request,
        placer_number=request.placer_number or obr.text(2),
        placer_issuer=request.placer_issuer or obr.text(2, 2),
        filler_number=request.filler_number or obr.text(3),
        # IHE RAD-4: placer field 1.
        accession_number=obr.text(18),
        procedure_code=obr.text(4, 1),
        procedure_text=obr.text(4, 2) or obr.text(4, 1),
        procedure_scheme=obr.text(4, 3),
        body_part=obr.text(15, 4) or obr.text(15, 1),
        reason=obr.text(31, 2) or obr.text(31, 1) or obr.text(13),
        doctor=request.doctor or _doctor(obr, 16),
    )


def _with_uid(request: OrderRequest, group: _Group) -> OrderRequest:
    if group.zds is not None:
        request = replace(request, study_uid=group.zds.text(1))
    if not group.ipcs:
        return request
    first = group.ipcs[0]
    return replace(
        request,
        accession_number=first.text(1) or request.accession_number,
        accession_issuer=first.text(1, 2),
        study_uid=first.text(3) or request.study_uid,
    )


def _steps(group: _Group, reading: Reading) -> tuple[Step, ...]:
    if not group.ipcs:
        return tuple(_of_obr(obr, group, reading) for obr in group.obrs)
    obr = group.obrs[0] if group.obrs else None
    whole = _of_obr(obr, group, reading) if obr is not None else Step()
    return tuple(_of_ipc(ipc, whole, reading) for ipc in group.ipcs)


def _of_obr(obr: Segment, group: _Group, reading: Reading) -> Step:
    day, time = day_and_time(_start(obr, group))
    return Step(
        step_id=obr.text(20),
        modality=_modality(obr.text(24), reading),
        station_ae=obr.text(21),
        date=day,
        time=time,
        description=obr.text(4, 2) or obr.text(4, 1),
        performer=_doctor(obr, 34),
    )


def _of_ipc(ipc: Segment, whole: Step, reading: Reading) -> Step:
    return replace(
        whole,
        step_id=ipc.text(4) or whole.step_id,
        modality=_modality(ipc.text(5), reading) or whole.modality,
        description=ipc.text(6, 2) or whole.description,
        room=ipc.text(8, 2) or ipc.text(8, 1) or ipc.text(7),
        station_ae=ipc.text(9) or whole.station_ae,
    )


def _start(obr: Segment, group: _Group) -> str:
    """Return when it shall be done, from wherever the version of the message has it."""
    tq1 = group.tq1.text(7) if group.tq1 is not None else ""
    return tq1 or obr.text(36) or obr.text(27, 4) or group.orc.text(7, 4)


def _priority(group: _Group) -> Priority | None:
    said = [group.tq1.text(9)] if group.tq1 is not None else []
    for obr in group.obrs[:1]:
        said += [obr.text(27, 6), obr.text(5)]
    said.append(group.orc.text(7, 6))
    known = (_PRIORITIES.get(each.upper()) for each in said if each)
    return next((each for each in known if each is not None), None)


def _modality(said: str, reading: Reading) -> str:
    """Return a modality; a word that is none leaves the step to be scheduled by a person."""
    known = reading.modalities.get(said, said).upper()
    is_code = known.isascii() and known.replace("_", "").isalnum() and len(known) <= _CODE
    return known if is_code else ""


_CODE = 16


def _doctor(segment: Segment | None, number: int) -> str:
    names = segment.repetitions(number) if segment is not None else []
    return patientsegments.doctor(names[0]) if names else ""


def _ward(orc: Segment, visit: Segment | None) -> str:
    of_visit = visit.text(3) if visit is not None else ""
    return of_visit or orc.text(17, 2) or orc.text(17) or orc.text(13)
