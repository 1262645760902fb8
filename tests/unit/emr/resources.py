"""A FHIR order as an order system sends it."""

from typing import Any

REQUEST: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "identifier": [{"type": {"coding": [{"code": "PLAC"}]}, "value": "DH1"}],
    "contained": [
        {
            "resourceType": "Patient",
            "id": "p",
            "name": [{"family": "NGUYỄN", "given": ["VĂN ÁNH"]}],
            "birthDate": "1980-04-12",
            "gender": "male",
            "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "BN001"}],
        }
    ],
    "subject": {"reference": "#p"},
    "code": {"text": "CT sọ não"},
    "priority": "stat",
    "orderDetail": [
        {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}]}
    ],
    "locationCode": [{"text": "P.101"}],
    "occurrenceDateTime": "2026-11-23T08:30:00Z",
}
