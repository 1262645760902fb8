"""120 texts that run a script, or fetch from elsewhere, where somebody forgets to escape them."""

from collections.abc import Iterator
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from tests.acceptance.studies import uid

SCRIPT = "pwned=1"
ELSEWHERE = "//evil.test"
BIRTH_DATE = "19671105"

_VECTORS = (
    "<script>J</script>",
    "<SCRIPT>J</SCRIPT>",
    "<script>J",
    "<script src=@/x></script>",
    "<scr<script>ipt>J</script>",
    "<img src=x onerror=J>",
    "<img/src=x/onerror=J>",
    "<img srcset=x onerror=J>",
    "<img src=@/x.png>",
    "<svg onload=J>",
    "<svg><script>J</script></svg>",
    "<svg><animate onbegin=J attributeName=x>",
    "<body onload=J>",
    "<iframe src=javascript:J>",
    "<iframe srcdoc='<script>top.J</script>'>",
    "<a href=javascript:J id=x autofocus>x</a>",
    "<details open ontoggle=J>",
    "<video src=x onerror=J>",
    "<audio src=x onerror=J>",
    "<input autofocus onfocus=J>",
    "<select autofocus onfocus=J>",
    "<textarea autofocus onfocus=J>",
    "<marquee onstart=J>",
    "<object data=javascript:J>",
    "<embed src=javascript:J>",
    "<form action=javascript:J><button autofocus>",
    "<math href=javascript:J>x",
    "<style>@import'@'</style>",
    "<link rel=stylesheet href=@>",
    "<meta http-equiv=refresh content='0;@'>",
    "<base href=@>",
    "<template><script>J</script>",
    "<noscript><img src=x onerror=J>",
    "<x onfocus=J tabindex=1 autofocus>",
    "{{constructor.constructor('J')()}}",
    "{% set x = 7 %}{{ 7*7 }}${J}",
    "javascript:J",
    "%3Cscript%3EJ%3C/script%3E",
    "&lt;script&gt;J&lt;/script&gt;",
    "' onerror=J x='",
)
_WAYS_OUT = ("", '">', "'></title></textarea>-->")
PAYLOADS = tuple(
    way + vector.replace("J", SCRIPT).replace("@", ELSEWHERE)
    for way in _WAYS_OUT
    for vector in _VECTORS
)

_TEXT_FIELDS = (
    *("PatientName", "PatientID", "OtherPatientIDs", "PatientComments", "PatientAddress"),
    *("PatientSex", "PatientAge", "StudyDescription", "SeriesDescription", "AccessionNumber"),
    *("StudyID", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName"),
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ProtocolName"),
    *("BodyPartExamined", "Modality", "ImageComments", "RequestedProcedureDescription"),
    *("IssuerOfPatientID", "AdditionalPatientHistory", "NameOfPhysiciansReadingStudy"),
)


def study_uid(number: int) -> str:
    """Return the study whose every text is the payload of that number."""
    return uid("payload", number)


def images() -> Iterator[bytes]:
    """Yield one small image for each payload, which is in every text of it."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    for number, payload in enumerate(PAYLOADS):
        ds = dcmread(path)
        # Sharing asks for it.
        ds.PatientBirthDate = BIRTH_DATE
        ds.Rows = ds.Columns = 8
        ds.PixelData = bytes(128)
        # As the bytes say: a modality checks nothing, and pydicom would.
        for keyword in _TEXT_FIELDS:
            _put(ds, keyword, payload)
        yield _filed(ds, number)


def report() -> bytes:
    """Return a structured report that says every payload."""
    path = get_testdata_file("reportsi.dcm", download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    ds.SpecificCharacterSet = "ISO_IR 192"
    items = []
    for payload in PAYLOADS:
        item = Dataset()
        item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", payload
        name = Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "1", "99T", payload[:64]
        item.ConceptNameCodeSequence = [name]
        items.append(item)
    ds.ContentSequence = items
    return _filed(ds, len(PAYLOADS))


def _put(ds: Dataset, keyword: str, value: str) -> None:
    tag = Tag(keyword)
    content = value.encode() + b" " * (len(value) % 2)
    ds[tag] = RawDataElement(
        tag, dictionary_VR(tag), len(content), content, 0, is_implicit_VR=False,
        is_little_endian=True,
    )  # fmt: skip


def _filed(ds: Dataset, number: int) -> bytes:
    ds.StudyInstanceUID = study_uid(number)
    ds.SeriesInstanceUID = uid("payload", number, 1)
    ds.SOPInstanceUID = uid("payload", number, 1, 1)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    buffer = BytesIO()
    ds.save_as(buffer)
    return buffer.getvalue()
