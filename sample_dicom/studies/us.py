"""A colour Doppler cine of an abdomen, calibrated in centimetres."""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from sample_dicom.catalogue import ABDOMEN_US, Series
from sample_dicom.modules import Sample, acquired, common
from sample_dicom.phantoms import abdomen
from sample_dicom.transfer import set_pixels

_FRAME_TIME_MS = 80
_CENTIMETRES = 3
_TISSUE, _COLOUR_FLOW = 1, 2

_SERIES = Series(ABDOMEN_US, 1, "US", "Gan - thận phải, Doppler màu")


def samples() -> Iterator[Sample]:
    data_set = common(_SERIES, 1, UltrasoundMultiFrameImageStorage)
    acquired(data_set, _SERIES, ("ORIGINAL", "PRIMARY", "ABDOMINAL", "0011"))
    data_set.PatientOrientation = ""
    frames = [abdomen.frame(number) for number in range(abdomen.FRAMES)]
    data_set.NumberOfFrames = len(frames)
    data_set.FrameTime = _FRAME_TIME_MS
    data_set.FrameIncrementPointer = Tag("FrameTime")
    data_set.CineRate = data_set.RecommendedDisplayFrameRate = 1000 // _FRAME_TIME_MS
    data_set.PhotometricInterpretation = "YBR_FULL_422"
    data_set.PlanarConfiguration = 0
    data_set.UltrasoundColorDataPresent = 1
    data_set.SequenceOfUltrasoundRegions = [
        _region(abdomen.FAN_BOX, shows=_TISSUE),
        _region(abdomen.FLOW_BOX, shows=_COLOUR_FLOW),
    ]
    set_pixels(data_set, frames, syntax=JPEGBaseline8Bit, bits_stored=8)
    raw = sum(frame.nbytes for frame in frames)
    data_set.LossyImageCompression = "01"
    data_set.LossyImageCompressionRatio = round(raw / len(data_set.PixelData), 2)
    data_set.LossyImageCompressionMethod = "ISO_10918_1"
    yield Sample(
        _SERIES,
        data_set,
        JPEGBaseline8Bit,
        "cine, colour by 4:2:2 JPEG, regions for measuring, lossy compression declared",
    )


def _region(box: abdomen.Box, *, shows: int) -> Dataset:
    """Return where a calibrated part of the picture lies (PS3.3 C.8.5.5)."""
    region = Dataset()
    region.RegionSpatialFormat = 1
    region.RegionDataType = shows
    region.RegionFlags = 2 if shows == _TISSUE else 3
    region.RegionLocationMinX0, region.RegionLocationMinY0 = box[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = box[2:]
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = _CENTIMETRES
    region.PhysicalDeltaX = region.PhysicalDeltaY = abdomen.MM_PER_PIXEL / 10.0
    return region
