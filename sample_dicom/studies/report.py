"""A structured report that measures the nodule of the chest CT and points at its slice."""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.uid import CTImageStorage, EnhancedSRStorage, ExplicitVRLittleEndian

from sample_dicom.catalogue import CT_CURRENT, Series
from sample_dicom.modules import Sample, code, common
from sample_dicom.studies import ct

_SERIES = Series(CT_CURRENT, 3, "SR", "Đo nốt phổi")
_TEXT = "Nốt đặc thùy trên phổi phải, bờ không đều, lớn hơn lần chụp ngày 08/09/2026."


def samples() -> Iterator[Sample]:
    data_set = common(_SERIES, 1, EnhancedSRStorage)
    data_set.ContentDate, data_set.ContentTime = data_set.StudyDate, "104500"
    data_set.CompletionFlag = "COMPLETE"
    data_set.VerificationFlag = "UNVERIFIED"
    data_set.ReferencedPerformedProcedureStepSequence = []
    data_set.PerformedProcedureCodeSequence = []
    data_set.CurrentRequestedProcedureEvidenceSequence = [_evidence()]
    data_set.ValueType = "CONTAINER"
    data_set.ContinuityOfContent = "SEPARATE"
    data_set.ConceptNameCodeSequence = [code("18748-4", "LN", "Diagnostic imaging report")]
    data_set.ContentSequence = [_language(), _finding(), _diameter()]
    yield Sample(
        _SERIES,
        data_set,
        ExplicitVRLittleEndian,
        "structured report without pixels: text, measurement, reference to a slice",
    )


def _language() -> Dataset:
    concept = code("121049", "DCM", "Language of Content Item and Descendants")
    item = _item("HAS CONCEPT MOD", "CODE", concept)
    item.ConceptCodeSequence = [code("vi-VN", "RFC5646", "Vietnamese (Viet Nam)")]
    return item


def _finding() -> Dataset:
    item = _item("CONTAINS", "TEXT", code("121071", "DCM", "Finding"))
    item.TextValue = _TEXT
    return item


def _diameter() -> Dataset:
    item = _item("CONTAINS", "NUM", code("81827009", "SCT", "Diameter"))
    measured = Dataset()
    measured.NumericValue = ct.NODULE_MM
    measured.MeasurementUnitsCodeSequence = [code("mm", "UCUM", "millimeter")]
    item.MeasuredValueSequence = [measured]
    image = Dataset()
    image.RelationshipType = "INFERRED FROM"
    image.ValueType = "IMAGE"
    image.ReferencedSOPSequence = [_reference()]
    item.ContentSequence = [image]
    return item


def _item(relationship: str, kind: str, concept: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType = relationship
    item.ValueType = kind
    item.ConceptNameCodeSequence = [concept]
    return item


def _reference() -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = ct.NODULE_SERIES.instance_uid(ct.NODULE_SLICE)
    return item


def _evidence() -> Dataset:
    """Return the hierarchy of what the report refers to (PS3.3 C.17.2.3)."""
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID = ct.NODULE_SERIES.uid
    series.ReferencedSOPSequence = [_reference()]
    study.StudyInstanceUID = CT_CURRENT.uid
    study.ReferencedSeriesSequence = [series]
    return study
