"""The data the benchmarks work on, the same at every run: built by assigning Python values through pydicom.

No attribute is about a real person; shapes and lengths are those of what treatment planning and delivery systems send.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

__all__ = ["SAMPLES", "Sample", "elements_in", "shrunk"]

_ROOT = "1.2.826.0.1.3680043.10.1451"


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the data sets; ``size`` is what ``build`` makes much or little of."""

    name: str
    title: str
    build: Callable[[int], Dataset]
    size: int
    encode_only: bool = False  # received, it would be the same as another sample

    def dataset(self) -> Dataset:
        """A new one."""
        return self.build(self.size)


def elements_in(dataset: Dataset) -> int:
    """How many elements it has, those of items counted too."""
    return sum(1 for _ in dataset.iterall())


def _item(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _instance(sop_class: str, number: int) -> Dataset:
    return _item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=f"{_ROOT}.2.{number}.1638223481")


def _workitem(_size: int) -> Dataset:
    """A radiotherapy treatment delivery as a scheduling system creates it (PS3.4 CC.2.5.1.3): six sequences."""
    plan = _item(
        ReferencedSOPSequence=[_instance("1.2.840.10008.5.1.4.1.1.481.8", 481)],
        StudyInstanceUID=f"{_ROOT}.3.31631.3",
        SeriesInstanceUID=f"{_ROOT}.4.3019694770437695768542",
        TypeOfInstances="DICOM",
        RetrieveAETitle="TMS_ARCHIVE",
    )
    fraction = _item(
        ValueType="NUMERIC",
        ConceptNameCodeSequence=[_code("2018002", "99RT2018", "Current Fraction Number")],
        NumericValue="7",
    )
    return _item(
        SpecificCharacterSet="ISO_IR 192",
        InstanceCreationDate="20300101",
        InstanceCreationTime="073000.125",
        SOPClassUID="1.2.840.10008.5.1.4.34.6.1",
        SOPInstanceUID=f"{_ROOT}.1.2017747596206021632",
        AccessionNumber="A-20260417",
        InstitutionName="Hospital",
        ReferringPhysicianName="Doe^Jane",
        StationName="SCHEDULER",
        InstitutionalDepartmentName="Radiotherapy",
        AdmittingDiagnosesDescription="Neoplasm of prostate",
        PatientName="Müller^Jörg Emil^^Dr.",
        PatientID="202304061",
        IssuerOfPatientID="HOSPITAL",
        PatientBirthDate="19540712",
        PatientSex="M",
        PatientAge="075Y",
        PatientSize="1.78",
        PatientWeight="81.5",
        MedicalAlerts="",
        Allergies="",
        PregnancyStatus=4,
        StudyInstanceUID=f"{_ROOT}.3.31631.3",
        StudyID="31631",
        RequestingService="Radiotherapy",
        RequestedProcedureDescription="VMAT prostate, two arcs",
        AdmissionID="ADM-2030-0017",
        CurrentPatientLocation="Ward 3",
        RequestedProcedureID="RP-4711",
        CommentsOnTheScheduledProcedureStep="Bladder to be filled; vacuum cushion 3",
        ScheduledProcedureStepStartDateTime="20300101080000",
        ScheduledProcedureStepModificationDateTime="20291231164502+0100",
        ExpectedCompletionDateTime="20300101082000",
        ScheduledWorkitemCodeSequence=[_code("121726", "DCM", "RT Treatment with Internal Verification")],
        InputInformationSequence=[plan],
        ScheduledStationNameCodeSequence=[_code("FX1", "99RTHOSPITAL", "Treatment room 1")],
        InputReadinessState="READY",
        ProcedureStepState="SCHEDULED",
        ScheduledProcedureStepPriority="MEDIUM",
        WorklistLabel="LINAC 1",
        ProcedureStepLabel="VMAT prostate 7/39",
        ScheduledProcessingParametersSequence=[fraction],
    )


def _find_response(_size: int) -> Dataset:
    """What one match of a query for studies and their patients brings: short elements, no sequence."""
    return _item(
        SpecificCharacterSet="ISO_IR 100",
        InstanceCreationDate="20300101",
        InstanceCreationTime="073000",
        SOPClassUID="1.2.840.10008.5.1.4.1.2.2.1",
        StudyDate="20291224",
        SeriesDate="20291224",
        StudyTime="101500.25",
        SeriesTime="102011",
        AccessionNumber="A-20260417",
        QueryRetrieveLevel="STUDY",
        RetrieveAETitle="TMS_ARCHIVE",
        InstanceAvailability="ONLINE",
        Modality="CT",
        ModalitiesInStudy=["CT", "RTSTRUCT", "RTPLAN"],
        Manufacturer="ACME Imaging",
        InstitutionName="Hospital",
        ReferringPhysicianName="Doe^Jane",
        StationName="CT2",
        StudyDescription="Planning CT pelvis",
        SeriesDescription="Axial 3 mm",
        InstitutionalDepartmentName="Radiotherapy",
        OperatorsName="Roe^Richard",
        PatientName="Müller^Jörg",
        PatientID="202304061",
        IssuerOfPatientID="HOSPITAL",
        PatientBirthDate="19540712",
        PatientSex="M",
        PatientAge="075Y",
        PatientSize="1.78",
        PatientWeight="81.5",
        PatientComments="none",
        BodyPartExamined="PELVIS",
        ProtocolName="RT pelvis",
        StudyInstanceUID=f"{_ROOT}.3.31631.3",
        SeriesInstanceUID=f"{_ROOT}.4.31631.3.1",
        StudyID="31631",
        SeriesNumber="2",
        NumberOfStudyRelatedSeries="3",
        NumberOfStudyRelatedInstances="182",
        RequestedProcedureID="RP-4711",
    )


# What an image has many of: the keywords, and a value that suits each of them.
_IMAGE: tuple[tuple[str, object], ...] = (
    (
        "Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation SamplesPerPixel",
        16,
    ),
    (
        "StudyDate SeriesDate AcquisitionDate ContentDate PatientBirthDate InstanceCreationDate",
        "20300101",
    ),
    (
        "StudyTime SeriesTime AcquisitionTime ContentTime InstanceCreationTime PatientBirthTime",
        "101500.25",
    ),
    (
        "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID InstanceCreatorUID "
        "IrradiationEventUID DeviceUID SynchronizationFrameOfReferenceUID ConcatenationUID",
        f"{_ROOT}.5.3019694770437695768542",
    ),
    (
        "Modality PatientPosition PhotometricInterpretation BodyPartExamined PatientSex ConversionType "
        "Laterality PresentationIntentType LossyImageCompression BurnedInAnnotation ScanOptions "
        "QualityControlImage PatientIdentityRemoved PixelPresentation VolumetricProperties",
        "MONOCHROME2",
    ),
    (
        "Manufacturer InstitutionName StudyDescription SeriesDescription InstitutionalDepartmentName "
        "ManufacturerModelName PatientID IssuerOfPatientID ContrastBolusAgent DeviceSerialNumber "
        "SoftwareVersions ProtocolName RequestedProcedureDescription PerformedProcedureStepDescription "
        "ReasonForStudy Allergies WindowCenterWidthExplanation",
        "Large Bore 16, room 2",
    ),
    (
        "AccessionNumber StationName StudyID FilterType ConvolutionKernel",
        "B30f",
    ),
    (
        "PatientName ReferringPhysicianName OperatorsName PerformingPhysicianName RequestingPhysician "
        "NameOfPhysiciansReadingStudy",
        "Doe^Jane^Maria",
    ),
    (
        "SliceThickness KVP DataCollectionDiameter ReconstructionDiameter DistanceSourceToDetector "
        "SliceLocation DistanceSourceToPatient GantryDetectorTilt TableHeight FocalSpots PatientSize "
        "PatientWeight WindowCenter WindowWidth RescaleIntercept RescaleSlope SpacingBetweenSlices "
        "SpatialResolution ImagerPixelSpacing",
        "-123.45",
    ),
    (
        "SeriesNumber AcquisitionNumber InstanceNumber ExposureTime XRayTubeCurrent Exposure GeneratorPower "
        "TemporalPositionIdentifier NumberOfTemporalPositions ImagesInAcquisition HeartRate LowRRValue "
        "HighRRValue IntervalsAcquired IntervalsRejected",
        "1183",
    ),
    (
        "SingleCollimationWidth TotalCollimationWidth TableSpeed TableFeedPerRotation SpiralPitchFactor "
        "CTDIvol AcquisitionDuration ExposureTimeInms",
        0.9375,
    ),
)


def _image(size: int) -> Dataset:
    """A CT image: 120 elements, the last one ``size`` bytes of pixels."""
    dataset = _item(
        SpecificCharacterSet="ISO_IR 100",
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        PixelSpacing=["0.9765625", "0.9765625"],
        ImagePositionPatient=["-249.51", "-401.01", "-712.5"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
    )
    for keywords, value in _IMAGE:
        for keyword in keywords.split():
            setattr(dataset, keyword, value)
    dataset.add_new(0x7FE00010, "OW", random.Random(512).randbytes(size))
    return dataset


def _structures(size: int, number: Callable[[float], object] = "{:.2f}".format) -> Dataset:
    """A structure set of 24 regions with ``size`` contours in all, each closed, in a plane, of about 120 points.

    ``number`` makes of a coordinate in mm what is assigned: text as systems write it, and with it a DSfloat that knows
    its text; or a float, whose digits are still to be found.
    """
    chance = random.Random(481)
    regions = 24
    contours: list[list[Dataset]] = [[] for _ in range(regions)]
    for index in range(size):
        points = chance.randrange(90, 150)
        plane = number(-300 + 2.5 * (index // regions))
        coordinates: list[object] = []
        for _ in range(points):
            x, y = chance.uniform(-200, 200), chance.uniform(-350, 50)
            coordinates += (number(x), number(y), plane)
        contours[index % regions].append(
            _item(
                ContourImageSequence=[_instance("1.2.840.10008.5.1.4.1.1.2", index // regions)],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=points,
                ContourNumber=index // regions + 1,
                ContourData=coordinates,
            )
        )
    names = [f"Structure {index + 1}" for index in range(regions)]
    return _item(
        SpecificCharacterSet="ISO_IR 192",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3",
        SOPInstanceUID=f"{_ROOT}.6.638223481578",
        Modality="RTSTRUCT",
        PatientName="Müller^Jörg",
        PatientID="202304061",
        StructureSetLabel="PELVIS",
        StructureSetROISequence=Sequence(
            _item(ROINumber=index + 1, ROIName=name, ROIGenerationAlgorithm="SEMIAUTOMATIC")
            for index, name in enumerate(names)
        ),
        ROIContourSequence=Sequence(
            _item(ROIDisplayColor=[255, 10 * index, 0], ContourSequence=items, ReferencedROINumber=index + 1)
            for index, items in enumerate(contours)
        ),
    )


def _structures_of_floats(size: int) -> Dataset:
    """The same with floats, rounded to what is written of them."""
    return _structures(size, lambda coordinate: round(coordinate, 2))


SAMPLES: Mapping[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample("a", "UPS workitem", _workitem, 0),
        Sample("b", "C-FIND response", _find_response, 0),
        Sample("c", "image, 512 KiB of pixels", _image, 512 * 1024),
        Sample("d", "RT structure set", _structures, 2850),
        Sample("f", "RT structure set of floats", _structures_of_floats, 2850, encode_only=True),
    )
}


def shrunk(sample: Sample) -> Sample:
    """The same kind of data set, small enough for a test."""
    return replace(sample, title=f"{sample.title}, shrunk", size=min(sample.size, 30))
