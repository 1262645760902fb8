"""Which attributes a query answer can show of each level (PS3.4 C.6.1.1, C.6.2.1; PS3.18 10.6.3).

Each set holds the required and optional keys of the standard's tables that are read from the
instances, and what worklists, viewers and EMRs ask for besides.
"""

from collections.abc import Mapping

from pydicom.datadict import tag_for_keyword

from storage.records import DicomJson, Level

# The words of a paragraph are easier to compare with the standard's tables than 90 lines.
_KEYWORDS: Mapping[Level, str] = {
    Level.PATIENT: """
        PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID
        PatientBirthDate PatientBirthTime PatientSex OtherPatientIDs OtherPatientIDsSequence
        OtherPatientNames PatientBirthName PatientMotherBirthName EthnicGroup PatientAddress
        PatientSpeciesDescription ResponsiblePerson PatientComments QualityControlSubject
        PatientIdentityRemoved
    """,
    Level.STUDY: """
        StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence StudyID
        StudyInstanceUID StudyDescription ReferringPhysicianName
        ReferringPhysicianIdentificationSequence ConsultingPhysicianName
        PhysiciansOfRecord NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription
        AdmissionID ProcedureCodeSequence ReasonForPerformedProcedureCodeSequence
        RequestingService PatientAge PatientSize PatientWeight PatientSexNeutered Occupation
        AdditionalPatientHistory MedicalAlerts Allergies PregnancyStatus
        TimezoneOffsetFromUTC
    """,
    Level.SERIES: """
        Modality SeriesInstanceUID SeriesNumber SeriesDescription SeriesDescriptionCodeSequence
        SeriesDate SeriesTime BodyPartExamined AnatomicRegionSequence Laterality PatientPosition
        ProtocolName PerformingPhysicianName OperatorsName Manufacturer ManufacturerModelName
        DeviceSerialNumber SoftwareVersions StationName InstitutionName InstitutionAddress
        InstitutionalDepartmentName PerformedProcedureStepStartDate
        PerformedProcedureStepStartTime PerformedProcedureStepEndDate
        PerformedProcedureStepEndTime PerformedProcedureStepID
        PerformedProcedureStepDescription ReferencedPerformedProcedureStepSequence
        RequestAttributesSequence FrameOfReferenceUID PositionReferenceIndicator
        SmallestPixelValueInSeries LargestPixelValueInSeries TimezoneOffsetFromUTC
    """,
    Level.IMAGE: """
        SOPClassUID SOPInstanceUID InstanceNumber InstanceCreationDate InstanceCreationTime
        ContentDate ContentTime AcquisitionDate AcquisitionTime AcquisitionDateTime
        AcquisitionNumber ImageType ImageComments InstanceCoercionDateTime
        NumberOfFrames Rows Columns BitsAllocated BitsStored SamplesPerPixel
        PhotometricInterpretation PixelRepresentation WindowCenter WindowWidth
        PixelSpacing ImagerPixelSpacing SliceThickness SliceLocation ImagePositionPatient
        ImageOrientationPatient ImageLaterality ViewPosition RescaleSlope RescaleIntercept
        LossyImageCompression BurnedInAnnotation
        ConceptNameCodeSequence CompletionFlag VerificationFlag ObservationDateTime
        ContentLabel ContentDescription ContentCreatorName PresentationCreationDate
        PresentationCreationTime DocumentTitle MIMETypeOfEncapsulatedDocument
        ReferencedSeriesSequence TimezoneOffsetFromUTC
    """,
}


def _names(keywords: str) -> tuple[str, ...]:
    tags = (tag_for_keyword(keyword) for keyword in keywords.split())
    return tuple(f"{tag:08X}" for tag in sorted(tag for tag in tags if tag is not None))


ATTRIBUTES: Mapping[Level, tuple[str, ...]] = {
    level: _names(keywords) for level, keywords in _KEYWORDS.items()
}
"""Tags of each level as the DICOM JSON model names them, ascending."""


def attributes(model: DicomJson) -> Mapping[Level, DicomJson]:
    """Return the part of an instance's model that describes each level; what is absent stays so."""
    return {
        level: {name: model[name] for name in names if name in model}
        for level, names in ATTRIBUTES.items()
    }
