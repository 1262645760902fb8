"""The Store Instances Response (PS3.18 10.5.3, I.2)."""

from collections.abc import Sequence
from http import HTTPStatus

from pacs_gateway.archive.ingest import Accepted
from pacs_gateway.web.gathering import Refused
from storage.records import DicomJson


def status(accepted: Sequence[Accepted], refused: Sequence[Refused]) -> HTTPStatus:
    """Return the status of Table 10.5.3-1 for a request that was understood."""
    if not refused:
        return HTTPStatus.OK
    return HTTPStatus.ACCEPTED if accepted else HTTPStatus.CONFLICT


def answer(accepted: Sequence[Accepted], refused: Sequence[Refused], *, root: str) -> DicomJson:
    """Return the response module; `root` is the address of the DICOMweb service."""
    studies = {each.identity.study_uid for each in accepted}
    # The attribute is of type 2: there is no one address for several studies.
    urls = [f"{root}/studies/{study}" for study in studies] if len(studies) == 1 else []
    found: DicomJson = {"00081190": _url(*urls)}
    if refused:
        found["00081198"] = {"vr": "SQ", "Value": [_failed(each) for each in refused]}
    if accepted:
        found["00081199"] = {"vr": "SQ", "Value": [_referenced(each, root) for each in accepted]}
    return found


def _referenced(accepted: Accepted, root: str) -> DicomJson:
    identity = accepted.identity
    url = (
        f"{root}/studies/{identity.study_uid}/series/{identity.series_uid}"
        f"/instances/{identity.sop_instance_uid}"
    )
    item = _reference(identity.sop_class_uid, identity.sop_instance_uid)
    return item | {"00081190": _url(url)}


def _failed(refused: Refused) -> DicomJson:
    item = _reference(refused.sop_class_uid, refused.sop_instance_uid)
    return item | {"00081197": {"vr": "US", "Value": [refused.error.dimse_status]}}


def _reference(sop_class_uid: str, sop_instance_uid: str) -> DicomJson:
    uids = (("00081150", sop_class_uid), ("00081155", sop_instance_uid))
    return {tag: {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"} for tag, uid in uids}


def _url(*urls: str) -> DicomJson:
    return {"vr": "UR", "Value": list(urls)} if urls else {"vr": "UR"}
