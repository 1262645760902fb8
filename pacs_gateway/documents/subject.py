"""Whose object it is and of which study: what stands above every document (PS3.3 C.7.1, C.7.2)."""

from dataclasses import dataclass

from pacs_gateway.documents import attributes
from storage.records import DicomJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Values as sent; dates and times in the form of DICOM, empty text where there is none."""

    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    accession_number: str
    study_description: str
    referring_physician: str
    institution: str


def subject_of(model: DicomJson) -> Subject:
    """Return the subject of an object by its metadata."""
    return Subject(
        patient_name=attributes.text(model, "00100010"),
        patient_id=attributes.text(model, "00100020"),
        birth_date=attributes.text(model, "00100030"),
        sex=attributes.text(model, "00100040"),
        study_date=attributes.text(model, "00080020"),
        study_time=attributes.text(model, "00080030"),
        accession_number=attributes.text(model, "00080050"),
        study_description=attributes.text(model, "00081030"),
        referring_physician=attributes.text(model, "00080090"),
        institution=attributes.text(model, "00080080"),
    )
