"""Which attributes a query answer can show of each level (PS3.4 C.6.1.1, C.6.2.1; PS3.18 10.6.3).

Each set holds the required and optional keys of the standard's tables that are read from the
instances, and what worklists, viewers and EMRs ask for besides.
"""

from collections.abc import Mapping

from pydicom.datadict import tag_for_keyword

from storage.records import DicomJson, Level

# The words of a paragraph are easier to compare with the standard's tables than 200 lines.
_KEYWORDS: Mapping[Level, str] = {
    Level.PATIENT: """
        PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID
        PatientBirthDate PatientBirthTime PatientSex OtherPatientIDs OtherPatientIDsSequence
        OtherPatientNames PatientBirthName PatientMotherBirthName EthnicGroup PatientAddress
        PatientTelephoneNumbers CountryOfResidence RegionOfResidence MilitaryRank BranchOfService
        PatientSpeciesDescription PatientSpeciesCodeSequence PatientBreedDescription
        PatientBreedCodeSequence BreedRegistrationSequence StrainDescription
        ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization PatientComments
        ReferencedPatientSequence QualityControlSubject PatientIdentityRemoved
        DeidentificationMethod ClinicalTrialSponsorName ClinicalTrialProtocolID
        ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSubjectID
    """,
    Level.STUDY: """
        StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence StudyID
        StudyInstanceUID StudyDescription OtherStudyNumbers ReferringPhysicianName
        ReferringPhysicianIdentificationSequence ConsultingPhysicianName
        PhysiciansOfRecord NameOfPhysiciansReadingStudy RequestingPhysician
        AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence
        AdmissionID IssuerOfAdmissionIDSequence ServiceEpisodeID ReasonForVisit
        ProcedureCodeSequence ReasonForPerformedProcedureCodeSequence
        RequestedProcedureDescription RequestedProcedureCodeSequence ReferencedStudySequence
        RequestingService PatientAge PatientSize PatientWeight PatientSexNeutered Occupation
        AdditionalPatientHistory MedicalAlerts Allergies PregnancyStatus SmokingStatus
        ClinicalTrialTimePointID ClinicalTrialTimePointDescription TimezoneOffsetFromUTC
    """,
    Level.SERIES: """
        Modality SeriesInstanceUID SeriesNumber SeriesDescription SeriesDescriptionCodeSequence
        SeriesDate SeriesTime BodyPartExamined AnatomicRegionSequence Laterality PatientPosition
        ProtocolName PerformedProtocolCodeSequence PerformingPhysicianName OperatorsName
        Manufacturer ManufacturerModelName
        DeviceSerialNumber SoftwareVersions StationName InstitutionName InstitutionAddress
        InstitutionalDepartmentName PerformedProcedureStepStartDate
        PerformedProcedureStepStartTime PerformedProcedureStepEndDate
        PerformedProcedureStepEndTime PerformedProcedureStepID
        PerformedProcedureStepDescription CommentsOnThePerformedProcedureStep
        ReferencedPerformedProcedureStepSequence
        RequestAttributesSequence FrameOfReferenceUID PositionReferenceIndicator
        PresentationIntentType SmallestPixelValueInSeries LargestPixelValueInSeries
        ClinicalTrialSeriesID ClinicalTrialSeriesDescription TimezoneOffsetFromUTC
    """,
    Level.IMAGE: """
        SOPClassUID SOPInstanceUID InstanceNumber InstanceCreationDate InstanceCreationTime
        AvailableTransferSyntaxUID
        ContentDate ContentTime AcquisitionDate AcquisitionTime AcquisitionDateTime
        AcquisitionNumber ImageType ImageComments InstanceCoercionDateTime
        NumberOfFrames Rows Columns BitsAllocated BitsStored SamplesPerPixel
        PhotometricInterpretation PixelRepresentation WindowCenter WindowWidth
        PixelSpacing ImagerPixelSpacing SliceThickness SliceLocation ImagePositionPatient
        ImageOrientationPatient ImageLaterality PatientOrientation ViewPosition
        RescaleSlope RescaleIntercept
        LossyImageCompression BurnedInAnnotation ContrastBolusAgent
        ConceptNameCodeSequence ContentTemplateSequence CompletionFlag VerificationFlag
        ObservationDateTime ContainerIdentifier
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


_COMPUTED: Mapping[str, Level] = {
    "00080061": Level.STUDY,  # Modalities in Study
    "00080062": Level.STUDY,  # SOP Classes in Study
    "00201206": Level.STUDY,  # Number of Study Related Series
    "00201208": Level.STUDY,  # Number of Study Related Instances
    "00201209": Level.SERIES,  # Number of Series Related Instances
}
"""What no instance says of itself but the index knows."""

_LEVEL_OF: Mapping[str, Level] = {
    # A tag that several levels have counts at the highest.
    **{tag: level for level in reversed(Level) for tag in ATTRIBUTES[level]},
    **_COMPUTED,
}


def level_of(tag: str) -> Level | None:
    """Return the level that an attribute describes, None if answers do not keep it."""
    return _LEVEL_OF.get(tag)


def is_computed(tag: str) -> bool:
    """Return whether the index computes an attribute instead of keeping it."""
    return tag in _COMPUTED


def attributes(model: DicomJson) -> Mapping[Level, DicomJson]:
    """Return the part of an instance's model that describes each level; what is absent stays so."""
    return {
        level: {name: model[name] for name in names if name in model}
        for level, names in ATTRIBUTES.items()
    }
