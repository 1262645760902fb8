"""What instances of every modality share: the common modules of PS3.3 and what a sample is."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID

from sample_dicom.catalogue import Series
from sample_dicom.phantoms.shapes import Vector


@dataclass(frozen=True, slots=True)
class Sample:
    """One instance to be written, and what it is good for."""

    series: Series
    data_set: Dataset
    syntax: UID
    exercises: str


def common(series: Series, number: int, sop_class: UID) -> Dataset:
    """Return the Patient, Study, Series, Equipment and SOP Common modules (PS3.3 C.7, C.12)."""
    study, patient = series.study, series.study.patient
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SOPClassUID = sop_class
    data_set.SOPInstanceUID = series.instance_uid(number)
    data_set.PatientName = patient.name
    data_set.PatientID = patient.identifier
    data_set.IssuerOfPatientID = "BVMAU"
    data_set.PatientBirthDate = patient.birth_date
    data_set.PatientSex = patient.sex
    data_set.StudyInstanceUID = study.uid
    data_set.StudyDate = data_set.SeriesDate = study.date
    data_set.StudyTime = data_set.SeriesTime = study.time
    data_set.StudyID = study.accession[-4:]
    data_set.AccessionNumber = study.accession
    data_set.ReferringPhysicianName = "Đỗ^Minh Khuê"
    data_set.StudyDescription = study.description
    data_set.Modality = series.modality
    data_set.SeriesInstanceUID = series.uid
    data_set.SeriesNumber = series.number
    data_set.SeriesDescription = series.description
    data_set.InstanceNumber = number
    data_set.Manufacturer = "sample_dicom"
    data_set.ManufacturerModelName = "Phantom"
    data_set.DeviceSerialNumber = "1"
    data_set.SoftwareVersions = "1"
    data_set.InstitutionName = "Bệnh viện Mẫu"
    return data_set


def acquired(data_set: Dataset, series: Series, kind: Sequence[str]) -> None:
    """Add what an image shows, when and how it came to be (PS3.3 C.7.6.1)."""
    data_set.BodyPartExamined = series.study.body_part
    data_set.ImageType = list(kind)
    data_set.AcquisitionDate = data_set.ContentDate = data_set.StudyDate
    data_set.AcquisitionTime = data_set.ContentTime = data_set.StudyTime
    data_set.AcquisitionNumber = 1
    data_set.BurnedInAnnotation = "NO"


def placed(
    data_set: Dataset, series: Series, *, position: Vector, rows: Vector, columns: Vector
) -> None:
    """Add the Frame of Reference and Image Plane modules (PS3.3 C.7.4.1, C.7.6.2).

    `position` is the centre of the first pixel in mm; `rows` is the direction along a row and
    `columns` the one down a column.
    """
    data_set.FrameOfReferenceUID = series.frame_of_reference_uid
    data_set.PositionReferenceIndicator = ""
    data_set.PatientPosition = "HFS"
    data_set.ImagePositionPatient = [round(part, 4) for part in position]
    data_set.ImageOrientationPatient = [*rows, *columns]


def window(data_set: Dataset, **presets: tuple[float, float]) -> None:
    """Add named (centre, width) pairs (PS3.3 C.11.2.1.2); the first is what a viewer shows."""
    data_set.WindowCenter = [centre for centre, _ in presets.values()]
    data_set.WindowWidth = [width for _, width in presets.values()]
    data_set.WindowCenterWidthExplanation = list(presets)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return one coded concept (PS3.3 Section 8)."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item
