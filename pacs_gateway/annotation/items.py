"""Content items of Structured Reports in the DICOM JSON model (PS3.3 C.17.3, PS3.18 F.2)."""

from collections.abc import Iterable, Sequence
from typing import Any

from pacs_gateway.annotation.concepts import Code
from pacs_gateway.annotation.evidence import Evidence
from pacs_gateway.annotation.values import Frame, Point
from storage.records import DicomJson

CONTAINS = "CONTAINS"
HAS_CONTEXT = "HAS OBS CONTEXT"
HAS_MODIFIER = "HAS CONCEPT MOD"
INFERRED_FROM = "INFERRED FROM"
SELECTED_FROM = "SELECTED FROM"

SOURCE = Code("260753009", "SCT", "Source")


def attribute(vr: str, *values: Any) -> DicomJson:
    """Return an attribute, empty without values."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code_sequence(code: Code) -> DicomJson:
    """Return a sequence with one code (PS3.3 8.8)."""
    item = {
        "00080100": attribute("SH", code.value),
        "00080102": attribute("SH", code.scheme),
        "00080104": attribute("LO", code.meaning),
    }
    return attribute("SQ", item)


def container(
    relationship: str, name: Code, children: Iterable[DicomJson], *, template: str = ""
) -> DicomJson:
    """Return a CONTAINER; the root has no relationship, and a root names its template."""
    item = _item("CONTAINER", relationship, name)
    item["0040A050"] = attribute("CS", "SEPARATE")
    if template:
        named = {"00080105": attribute("CS", "DCMR"), "0040DB00": attribute("CS", template)}
        item["0040A504"] = attribute("SQ", named)
    item["0040A730"] = attribute("SQ", *children)
    return item


def coded(relationship: str, name: Code, value: Code) -> DicomJson:
    """Return a CODE."""
    return _item("CODE", relationship, name) | {"0040A168": code_sequence(value)}


def text(relationship: str, name: Code, value: str) -> DicomJson:
    """Return a TEXT."""
    return _item("TEXT", relationship, name) | {"0040A160": attribute("UT", value)}


def person(relationship: str, name: Code, value: str) -> DicomJson:
    """Return a PNAME; `value` is a PN."""
    named = attribute("PN", {"Alphabetic": value})
    return _item("PNAME", relationship, name) | {"0040A123": named}


def uid_reference(relationship: str, name: Code, uid: str) -> DicomJson:
    """Return a UIDREF."""
    return _item("UIDREF", relationship, name) | {"0040A124": attribute("UI", uid)}


def numeric(name: Code, number: float, unit: Code, sources: Sequence[DicomJson] = ()) -> DicomJson:
    """Return a NUM, as a decimal string and in double precision (PS3.3 C.18.1)."""
    value = {
        "0040A30A": attribute("DS", number),
        "0040A161": attribute("FD", number),
        "004008EA": code_sequence(unit),
    }
    item = _item("NUM", CONTAINS, name) | {"0040A300": attribute("SQ", value)}
    if sources:
        item["0040A730"] = attribute("SQ", *sources)
    return item


def coordinates(
    relationship: str, name: Code, shape: str, points: Sequence[Point], image: DicomJson
) -> DicomJson:
    """Return a SCOORD in `image` (PS3.3 C.18.6)."""
    numbers = [number for point in points for number in point]
    return _item("SCOORD", relationship, name) | {
        "00700023": attribute("CS", shape),
        "00700022": attribute("FL", *numbers),
        "0040A730": attribute("SQ", image),
    }


def image(relationship: str, evidence: Evidence, numbers: Sequence[int]) -> DicomJson:
    """Return an IMAGE; frames are named only where there are several (PS3.3 C.18.4)."""
    reference = reference_to(evidence)
    if evidence.is_multi_frame:
        reference["00081160"] = attribute("IS", *numbers)
    return _item("IMAGE", relationship, SOURCE) | {"00081199": attribute("SQ", reference)}


def image_of(frame: Frame, evidence: Evidence) -> DicomJson:
    """Return the IMAGE that coordinates lie in."""
    return image(SELECTED_FROM, evidence, [frame.number])


def reference_to(evidence: Evidence) -> DicomJson:
    """Return an item of a Referenced SOP Sequence."""
    return {
        "00081150": attribute("UI", evidence.sop_class_uid),
        "00081155": attribute("UI", evidence.sop_instance_uid),
    }


def _item(kind: str, relationship: str, name: Code) -> DicomJson:
    item = {"0040A010": attribute("CS", relationship)} if relationship else {}
    return item | {"0040A040": attribute("CS", kind), "0040A043": code_sequence(name)}
