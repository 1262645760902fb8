"""Rows of the trail as DICOM audit messages (PS3.15 A.5)."""

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from pacs_gateway.audit.acts import SUCCESS, Verb, detail_of
from storage.auditlog import Recorded

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Code(NamedTuple):
    """A coded concept of the scheme DCM (PS3.16 D)."""

    value: str
    meaning: str


class Event(NamedTuple):
    """Which audit event a verb is (PS3.15 A.5.3)."""

    event: Code
    action: str
    """C, R, U, D or E: create, read, update, delete, execute."""
    kind: Code | None = None


_APPLICATION = Code("110100", "Application Activity")
_LOG_USED = Code("110101", "Audit Log Used")
_ACCESSED = Code("110103", "DICOM Instances Accessed")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_STUDY_DELETED = Code("110105", "DICOM Study Deleted")
_EXPORT = Code("110106", "Export")
_ORDER = Code("110109", "Order Record")
_PATIENT = Code("110110", "Patient Record")
_PROCEDURE = Code("110111", "Procedure Record")
_QUERY = Code("110112", "Query")
_ALERT = Code("110113", "Security Alert")
_AUTHENTICATION = Code("110114", "User Authentication")
_LOGIN, _LOGOUT = Code("110122", "Login"), Code("110123", "Logout")
_NODE = Code("110126", "Node Authentication")
_NETWORK = Code("110128", "Network Configuration")
_SECURITY = Code("110129", "Security Configuration")
_RESTRICTED = Code("110132", "Use of Restricted Function")
_OBJECT = Code("110135", "Object Security Attributes Changed")
_USER = Code("110137", "User Security Attributes Changed")

EVENTS: Mapping[str, Event] = {
    Verb.STARTED: Event(_APPLICATION, "E", Code("110120", "Application Start")),
    Verb.STOPPED: Event(_APPLICATION, "E", Code("110121", "Application Stop")),
    Verb.LOGGED_IN: Event(_AUTHENTICATION, "E", _LOGIN),
    Verb.LOGGED_OUT: Event(_AUTHENTICATION, "E", _LOGOUT),
    Verb.LOCKED: Event(_ALERT, "E", _USER),
    Verb.ACCOUNT_CHANGED: Event(_ALERT, "E", _USER),
    Verb.TOKEN_CHANGED: Event(_ALERT, "E", _USER),
    Verb.PEER_CHANGED: Event(_ALERT, "E", _NETWORK),
    Verb.KEY_CHANGED: Event(_ALERT, "E", _SECURITY),
    Verb.STUDY_VIEWED: Event(_ACCESSED, "R"),
    Verb.STUDY_DOWNLOADED: Event(_EXPORT, "R"),
    Verb.SEARCHED: Event(_QUERY, "E"),
    Verb.RECEIVED: Event(_TRANSFERRED, "C"),
    Verb.ANNOTATED: Event(_ACCESSED, "C"),
    Verb.SENT: Event(_TRANSFERRED, "R"),
    Verb.DELETED: Event(_STUDY_DELETED, "D"),
    Verb.RESTORED: Event(_ACCESSED, "U"),
    Verb.SHARED: Event(_ALERT, "E", _OBJECT),
    Verb.SHARE_OPENED: Event(_AUTHENTICATION, "E", _LOGIN),
    Verb.SHARE_REPRINTED: Event(_ALERT, "E", _OBJECT),
    Verb.SHARE_REVOKED: Event(_ALERT, "E", _OBJECT),
    Verb.LINK_MADE: Event(_ALERT, "E", _OBJECT),
    Verb.LINK_FOLLOWED: Event(_AUTHENTICATION, "E", _LOGIN),
    Verb.LINK_REVOKED: Event(_ALERT, "E", _OBJECT),
    Verb.ASSOCIATION_REFUSED: Event(_ALERT, "E", _NODE),
    Verb.ACCESS_REFUSED: Event(_ALERT, "E", _RESTRICTED),
    Verb.TRAIL_READ: Event(_LOG_USED, "R"),
    Verb.WORK_DECIDED: Event(_ALERT, "E", _RESTRICTED),
    Verb.ORDER_CHANGED: Event(_ORDER, "U"),
    Verb.PATIENTS_LINKED: Event(_PATIENT, "U"),
    Verb.STUDY_MATCHED: Event(_PROCEDURE, "U"),
}
_OF_ANOTHER_VERSION = Event(_ALERT, "E")
"""A verb that we do not know, from a newer gateway or a hand in the database: it goes out too."""


def message(row: Recorded, *, source: str) -> bytes:
    """Return a row as an AuditMessage, UTF-8; `source` names the gateway it comes from."""
    root = Element("AuditMessage")
    event = EVENTS.get(row.verb, _OF_ANOTHER_VERSION)
    _identify(root, row, event)
    _participants(root, row, source)
    SubElement(root, "AuditSourceIdentification", {"AuditSourceID": _text(source)})
    _objects(root, row)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _identify(root: Element, row: Recorded, event: Event) -> None:
    # 0: success, 4: minor failure, the request was refused and nothing is broken.
    outcome = "0" if row.outcome == SUCCESS else "4"
    identification = SubElement(
        root,
        "EventIdentification",
        {
            "EventActionCode": event.action,
            "EventDateTime": _text(row.at),
            "EventOutcomeIndicator": outcome,
        },
    )
    _code(identification, "EventID", event.event)
    if event.kind is not None:
        _code(identification, "EventTypeCode", event.kind)


def _participants(root: Element, row: Recorded, source: str) -> None:
    attributes = {"UserID": _text(row.actor) or "unknown", "UserIsRequestor": "true"}
    if row.address:
        attributes["NetworkAccessPointID"] = _text(row.address)
        attributes["NetworkAccessPointTypeCode"] = "2" if _is_address(row.address) else "1"
    person = SubElement(root, "ActiveParticipant", attributes)
    if row.role:
        role = {"csd-code": _text(row.role), "codeSystemName": "99PACSGW"}
        SubElement(person, "RoleIDCode", {**role, "originalText": _text(row.role)})
    SubElement(root, "ActiveParticipant", {"UserID": _text(source), "UserIsRequestor": "false"})


def _objects(root: Element, row: Recorded) -> None:
    if row.study_uid:
        study = _object(root, row.study_uid, kind="2", role="3")
        _code(study, "ParticipantObjectIDTypeCode", Code("110180", "Study Instance UID"))
        _name(study, row.study_uid)
    if row.patient_id:
        patient = _object(root, row.patient_id, kind="1", role="1")
        number = {"csd-code": "2", "codeSystemName": "RFC-3881", "originalText": "Patient Number"}
        SubElement(patient, "ParticipantObjectIDTypeCode", number)
        _name(patient, row.patient_id)
    detail = detail_of(row)
    if not detail and (row.study_uid or row.patient_id):
        return
    more = _object(root, f"row {row.seq}", kind="2", role="13")
    _code(more, "ParticipantObjectIDTypeCode", Code("12", "URI"), system="RFC-3881")
    if row.verb == Verb.SEARCHED:
        query = SubElement(more, "ParticipantObjectQuery")
        query.text = b64encode(str(detail.get("query", "")).encode()).decode()
    else:
        _name(more, row.verb)
    for name, value in detail.items():
        encoded = b64encode(str(value).encode()).decode()
        SubElement(more, "ParticipantObjectDetail", {"type": name, "value": encoded})


def _object(root: Element, identifier: str, *, kind: str, role: str) -> Element:
    return SubElement(
        root,
        "ParticipantObjectIdentification",
        {
            "ParticipantObjectID": _text(identifier),
            "ParticipantObjectTypeCode": kind,
            "ParticipantObjectTypeCodeRole": role,
        },
    )


def _name(parent: Element, name: str) -> None:
    """Name an object; the schema demands it, and the trail has no names of patients."""
    SubElement(parent, "ParticipantObjectName").text = _text(name)


def _code(parent: Element, name: str, code: Code, *, system: str = "DCM") -> None:
    attributes = {"csd-code": code.value, "codeSystemName": system, "originalText": code.meaning}
    SubElement(parent, name, attributes)


def _text(text: str) -> str:
    """Return what XML can carry: control characters cannot even be escaped in it."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
