"""Scheduled steps as entries of a Modality Worklist (PS3.4 K.6.1.2.2), in the DICOM JSON model."""

import re
from typing import Any

from pacs_gateway.dicom.names import unmarked
from pacs_gateway.ris.desk import Listed
from storage.orders import Step, StepState
from storage.patients import Identifier
from storage.records import DicomJson

SH, LO, LT = 16, 64, 10_240
LOCAL_SCHEME = "L"
"""Coding scheme of codes that come without one (PS3.16 8.2)."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_STATUSES = {StepState.SCHEDULED: "SCHEDULED", StepState.IN_PROGRESS: "STARTED"}


def entry(listed: Listed, step: Step, *, ascii_only: bool, station_ae: str = "") -> DicomJson:
    """Return what a device sees of a step.

    `station_ae` is what the device asks for: a step of any station is one of that.
    """
    order, person = listed.order, listed.person
    assert person is not None, "steps of orders without a patient are not listed"
    item = _Item(ascii_only=ascii_only)
    number = person.number or None
    told = person.told
    item.text("00080050", "SH", order.accession_number)
    if order.accession_issuer:
        item.items("00080051", [item.part(("00400031", "UT", order.accession_issuer))])
    item.name("00080090", order.doctor)
    item.name("00100010", told.name)
    item.text("00100020", "LO", number.value if number is not None else "")
    item.text("00100021", "LO", number.issuer if number is not None else "")
    item.text("00100030", "DA", told.birth_date)
    item.text("00100040", "CS", told.sex)
    item.items("00101002", [_other(item, each) for each in person.identifiers if each != number])
    item.text("0020000D", "UI", order.study_uid)
    item.name("00321032", order.doctor)
    item.text("00321033", "LO", order.ward)
    item.text("00321060", "LO", order.procedure_text)
    item.items("00321064", _code(item, order.procedure_code, order.procedure_scheme,
                                 order.procedure_text))  # fmt: skip
    item.text("00380300", "LO", order.ward)
    item.items("00400100", [_scheduled(item, step, station_ae)])
    item.text("00401001", "SH", order.accession_number)
    item.text("00401002", "LO", order.reason)
    item.text("00401003", "SH", order.priority)
    item.text("00401400", "LT", order.comment)
    item.text("00402016", "LO", order.placer_number)
    item.text("00402017", "LO", order.filler_number)
    return item.attributes


def _scheduled(item: "_Item", step: Step, station_ae: str) -> DicomJson:
    part = _Item(ascii_only=item.ascii_only)
    part.text("00080060", "CS", step.modality)
    part.text("00400001", "AE", step.station_ae or station_ae)
    part.text("00400002", "DA", step.date)
    part.text("00400003", "TM", step.time)
    part.name("00400006", step.performer)
    part.text("00400007", "LO", step.description)
    part.text("00400009", "SH", step.step_id)
    part.text("00400010", "SH", step.room)
    part.text("00400011", "SH", step.room)
    part.text("00400020", "CS", _STATUSES.get(step.state, ""))
    return part.attributes


def _other(item: "_Item", number: Identifier) -> DicomJson:
    return item.part(
        ("00100020", "LO", number.value),
        ("00100021", "LO", number.issuer or number.kind.value.upper()),
        ("00100022", "CS", "TEXT"),
    )


def _code(item: "_Item", code: str, scheme: str, meaning: str) -> list[DicomJson]:
    if not code or len(code) > SH or not meaning:
        return []
    return [
        item.part(
            ("00080100", "SH", code),
            ("00080102", "SH", scheme or LOCAL_SCHEME),
            ("00080104", "LO", meaning),
        )
    ]


class _Item:
    """A data set in the making: texts as devices take them."""

    def __init__(self, *, ascii_only: bool) -> None:
        self.ascii_only = ascii_only
        self.attributes: DicomJson = {}

    def text(self, tag: str, vr: str, value: str) -> None:
        """Set a text, cut to what its representation holds."""
        self.attributes[tag] = self._attribute(vr, self._plain(value, vr))

    def name(self, tag: str, value: str) -> None:
        """Set a person's name."""
        plain = self._plain(value, "PN")
        self.attributes[tag] = self._attribute("PN", {"Alphabetic": plain} if plain else "")

    def items(self, tag: str, found: list[DicomJson]) -> None:
        """Set a sequence."""
        self.attributes[tag] = {"vr": "SQ", "Value": found} if found else {"vr": "SQ"}

    def part(self, *texts: tuple[str, str, str]) -> DicomJson:
        """Return an item of a sequence."""
        made = _Item(ascii_only=self.ascii_only)
        for tag, vr, value in texts:
            made.text(tag, vr, value)
        return made.attributes

    def _plain(self, value: str, vr: str) -> str:
        # A backslash would make two values of one (PS3.5 6.2).
        one_line = _CONTROLS.sub(" ", value).replace("\\", "/").strip()
        text = unmarked(one_line) if self.ascii_only else one_line
        return text[: {"SH": SH, "LO": LO, "PN": 3 * LO}.get(vr, LT)].rstrip()

    def _attribute(self, vr: str, value: Any) -> DicomJson:
        return {"vr": vr, "Value": [value]} if value else {"vr": vr}
