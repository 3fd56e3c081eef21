"""What becomes of each attribute: the Basic Application Level Confidentiality Profile (DICOM PS3.15, table E.1-1).

The table here has the attributes that image objects carry. What it does not name and what could name somebody (persons'
names, free text, dates, private and retired attributes) goes as well: see `deidentifying.fate`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Fate: TypeAlias = Literal["keep", "remove", "empty", "new uid"]

_EMPTIED = (
    "AccessionNumber ContentDate ContentTime FillerOrderNumberImagingServiceRequest PatientBirthDate PatientID"
    " PatientName PatientSex PlacerOrderNumberImagingServiceRequest ReferringPhysicianName StudyDate StudyID StudyTime"
)
_REMOVED = (
    "AcquisitionDate AcquisitionDateTime AcquisitionTime AdditionalPatientHistory AdmissionID AdmittingDate"
    " AdmittingDiagnosesDescription AdmittingTime Allergies BranchOfService CassetteID"
    " ConfidentialityConstraintOnPatientDataDescription CountryOfResidence CurrentPatientLocation"
    " DataSetTrailingPadding DerivationDescription DetectorID DeviceSerialNumber DeviceUID DistributionAddress"
    " DistributionName EthnicGroup GantryID ImageComments IdentifyingComments ImagingServiceRequestComments"
    " InstitutionAddress InstitutionName InstitutionalDepartmentName InstitutionCodeSequence"
    " InsurancePlanIdentification IssuerOfPatientID LastMenstrualDate MedicalAlerts MedicalRecordLocator"
    " MilitaryRank NameOfPhysiciansReadingStudy Occupation OperatorsName OtherPatientIDs OtherPatientIDsSequence"
    " OtherPatientNames PatientAddress PatientAge PatientBirthName PatientBirthTime PatientComments"
    " PatientInstitutionResidence PatientInsurancePlanCodeSequence PatientMotherBirthName"
    " PatientPrimaryLanguageCodeSequence PatientReligiousPreference PatientSize PatientState PatientTelephoneNumbers"
    " PatientWeight PerformedProcedureStepDescription PerformedProcedureStepID PerformedProcedureStepStartDate"
    " PerformedProcedureStepStartTime PerformingPhysicianName PhysiciansOfRecord PlateID PregnancyStatus"
    " ProtocolName RegionOfResidence RequestAttributesSequence RequestedProcedureDescription RequestingPhysician"
    " RequestingService ReferencedPatientSequence ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers"
    " ScheduledProcedureStepDescription SeriesDate SeriesDescription SeriesTime SmokingStatus SpecialNeeds"
    " StationName StudyComments StudyDescription TimezoneOffsetFromUTC VisitComments"
)
_UIDS = (
    "ConcatenationUID FrameOfReferenceUID IrradiationEventUID MediaStorageSOPInstanceUID ReferencedFrameOfReferenceUID"
    " ReferencedSOPInstanceUID SOPInstanceUID SeriesInstanceUID StudyInstanceUID SynchronizationFrameOfReferenceUID"
    " TransactionUID UID"
)
PROFILE: Mapping[str, Fate] = MappingProxyType(
    {
        **dict.fromkeys(_EMPTIED.split(), "empty"),
        **dict.fromkeys(_REMOVED.split(), "remove"),
        **dict.fromkeys(_UIDS.split(), "new uid"),
    }
)
"""What becomes of an attribute, by its keyword."""

SUSPECT = frozenset({"PN", "LT", "ST", "UT", "DA", "DT", "TM", "UN", "OB", "AE"})
"""Value representations (names, text, dates, unknown) of which only what the picture needs is kept."""

NEEDED = frozenset(
    {"PixelData", "FileMetaInformationVersion", "RedPaletteColorLookupTableData", "LUTData", "ModalityLUTSequence"}
)
"""Kept although their representation is suspect: the picture needs them."""
