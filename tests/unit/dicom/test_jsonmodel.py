"""Protects: every header becomes plain JSON as PS3.18 F.2 has it, equal to what pydicom makes of
ordinary files, and nothing an element holds can spoil the other elements."""

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from pacs_gateway.dicom import elements, jsonmodel, meta, values
from pacs_gateway.dicom.part10 import UNDEFINED
from storage.records import DicomJson

ORDINARY = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "examples_palette.dcm",
    "rtplan.dcm",
    "liver_1frame.dcm",
    "waveform_ecg.dcm",
)
INLINE_LIMIT = 64


def explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr.decode() in elements.LONG_LENGTH_VRS:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def item(value: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


def converted(data: bytes, *, implicit: bool = False, big_endian: bool = False) -> DicomJson:
    data_set = elements.read(data, 0, implicit=implicit, big_endian=big_endian)
    return jsonmodel.to_json(data_set, inline_limit=INLINE_LIMIT)


def attribute(tag: int, vr: bytes, value: bytes) -> DicomJson:
    """Return the model of one element."""
    found: DicomJson = converted(explicit(tag, vr, value))[f"{tag:08X}"]
    return found


def part10(data_set: Dataset, syntax: UID) -> bytes:
    file_meta = FileMetaDataset()
    file_meta.MediaStorageSOPClassUID = data_set.get("SOPClassUID", "1.2")
    file_meta.MediaStorageSOPInstanceUID = generate_uid()
    file_meta.TransferSyntaxUID = syntax
    stream = BytesIO()
    data_set.file_meta = file_meta
    dcmwrite(stream, data_set, enforce_file_format=True)
    return stream.getvalue()


def of_file(data: bytes) -> DicomJson:
    file_meta = meta.decode(data)
    assert file_meta is not None
    implicit, big_endian = meta.byte_encoding(file_meta.transfer_syntax_uid)
    return converted(data[file_meta.length :], implicit=implicit, big_endian=big_endian)


def differing(ours: DicomJson, theirs: DicomJson) -> list[str]:
    """Return where two models differ otherwise than the module says they may."""
    ours, theirs = dict(ours), dict(theirs)
    found = []
    for name in sorted({*ours, *theirs}):
        mine, other = ours.get(name), theirs.get(name)
        if name.endswith("0000") or name in ("00080005", "7FE00010", "FFFCFFFC") or mine == other:
            continue
        if mine is None or other is None or not _same(mine, other):
            found.append(f"{name}: {mine} / {other}")
    return found


def _same(mine: DicomJson, other: DicomJson) -> bool:
    if mine["vr"] == other["vr"] == "SQ":
        pairs = zip(mine.get("Value", []), other.get("Value", []), strict=True)
        return not any(differing(*pair) for pair in pairs)
    if "BulkDataURI" in mine:
        return "InlineBinary" in other or "Value" in other
    # pydicom leaves the choices of the dictionary open, and empty values as it found them.
    return " or " in other["vr"] or (
        mine["vr"] == other["vr"] and "Value" not in mine and not any(other.get("Value", []))
    )


@pytest.mark.parametrize("name", ORDINARY)
def test_equals_what_pydicom_makes_of_ordinary_files(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    model = of_file(Path(path).read_bytes())
    theirs = dcmread(path, stop_before_pixels=True).to_json_dict()
    assert differing(model, theirs) == []
    assert len(model) >= len(theirs) - 3


def test_keys_ascend_without_group_lengths_and_file_meta_information() -> None:
    model = converted(
        explicit(0x00100020, b"LO", b"1 ")
        + explicit(0x00100000, b"UL", b"\x0a\0\0\0")
        + explicit(0x00020010, b"UI", b"1.2\0")
        + explicit(0x00080060, b"CS", b"CT")
    )
    assert list(model) == ["00080005", "00080060", "00100020"]
    assert model["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        (b"LO", b"one \\\\two", ["one", None, "two"]),
        (b"CS", b" ORIGINAL\\PRIMARY ", ["ORIGINAL", "PRIMARY"]),
        (b"LT", b"a\\b\r\n<b>c</b> ", ["a\\b\r\n<b>c</b>"]),
        (b"UI", b"1.2.3\0", ["1.2.3"]),
        (b"IS", b"12\\-3\\+4\\1.5\\x\\", [12, -3, 4, "1.5", "x", None]),
        (b"IS", b"9" * 40, ["9" * 40]),
        (b"DS", b"1.5\\-2e3 \\NaN\\1e999\\1,5\\1_0", [1.5, -2000.0, "NaN", "1e999", "1,5", "1_0"]),
        (b"US", struct.pack("<2H", 1, 65535), [1, 65535]),
        (b"SS", struct.pack("<h", -2), [-2]),
        (b"UV", struct.pack("<2Q", 7, 2**60), [7, str(2**60)]),
        (b"SV", struct.pack("<q", -(2**60)), [str(-(2**60))]),
        (b"FD", struct.pack("<3d", 0.5, float("nan"), float("-inf")), [0.5, "NaN", "-Infinity"]),
        (b"FL", struct.pack("<f", float("inf")), ["Infinity"]),
        (b"AT", struct.pack("<4H", 0x10, 0x20, 0x7FE0, 0x10), ["00100020", "7FE00010"]),
        (
            b"PN",
            b"A^B=I=P\\\\=I",
            [
                {"Alphabetic": "A^B", "Ideographic": "I", "Phonetic": "P"},
                None,
                {"Ideographic": "I"},
            ],
        ),
    ],
)
def test_values(vr: bytes, value: bytes, expected: list[Any]) -> None:
    assert attribute(0x00091010, vr, value) == {"vr": vr.decode(), "Value": expected}


@pytest.mark.parametrize("value", [b"", b"  ", b"\0\0", b"\\ "])
@pytest.mark.parametrize("vr", [b"LO", b"PN", b"DS", b"IS", b"DA", b"UI"])
def test_empty_values_leave_only_the_vr(vr: bytes, value: bytes) -> None:
    assert attribute(0x00091010, vr, value) == {"vr": vr.decode()}


@pytest.mark.parametrize("vr", [b"US", b"FD", b"AT", b"UL", b"SV"])
def test_a_number_of_odd_length_is_given_as_its_bytes(vr: bytes) -> None:
    assert attribute(0x00091010, vr, b"\1\2\3") == {"vr": "UN", "InlineBinary": "AQID"}


def test_an_unknown_vr_is_that_of_the_dictionary_or_un() -> None:
    assert attribute(0x00100010, b"ZZ", b"A^B ") == {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}
    assert attribute(0x00091010, b"ZZ", b"A^B ") == {"vr": "UN", "InlineBinary": "QV5CIA=="}


def test_what_is_un_is_read_as_the_dictionary_says() -> None:
    assert attribute(0x00280010, b"UN", b"\x00\x02") == {"vr": "US", "Value": [512]}
    implicit = struct.pack("<HHI", 0x8, 0x100, 2) + b"XY"
    sequence = attribute(0x00081032, b"UN", item(implicit))
    assert sequence == {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["XY"]}}]}


def test_un_of_undefined_length_is_a_sequence_in_implicit_vr() -> None:
    implicit = struct.pack("<HHI", 0x8, 0x100, 2) + b"XY"
    start = struct.pack("<HH2sHI", 0x0009, 0x1010, b"UN", 0, UNDEFINED)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    model = converted(start + item(implicit) + end + explicit(0x00100020, b"LO", b"ID"))
    assert model["00091010"]["vr"] == "SQ"
    assert model["00091010"]["Value"][0]["00080100"]["Value"] == ["XY"]
    assert model["00100020"]["Value"] == ["ID"]


def test_a_tag_that_no_dictionary_knows_is_un() -> None:
    unknown = struct.pack("<HHI", 0x0018, 0xFFFE, 2) + b"XY"
    assert converted(unknown, implicit=True)["0018FFFE"] == {"vr": "UN", "InlineBinary": "WFk="}


def test_every_vr_is_either_read_or_given_as_bytes() -> None:
    for vr in elements.KNOWN_VRS - {"SQ"}:
        model = attribute(0x00091010, vr.encode(), b"12345678")
        assert model["vr"] == vr
        assert ("Value" in model) != ("InlineBinary" in model)


def test_long_binary_values_become_bulk_data_with_their_path() -> None:
    inner = explicit(0x00281201, b"OW", bytes(INLINE_LIMIT + 2))
    model = converted(
        explicit(0x00091010, b"UN", bytes(200_000))
        + explicit(0x00091011, b"OB", bytes(INLINE_LIMIT))
        + explicit(0x52009229, b"SQ", item(b"") + item(explicit(0x00089215, b"SQ", item(inner))))
    )
    assert model["00091010"] == {"vr": "UN", "BulkDataURI": "bulkdata/00091010"}
    assert "InlineBinary" in model["00091011"]
    assert model["52009229"]["Value"][0] == {}
    nested = model["52009229"]["Value"][1]["00089215"]["Value"][0]["00281201"]
    assert nested == {"vr": "OW", "BulkDataURI": "bulkdata/52009229/1/00089215/0/00281201"}


@pytest.mark.parametrize("vr", [b"OB", b"OW"])
def test_pixel_data_is_bulk_data_and_ends_the_header(vr: bytes) -> None:
    head = struct.pack("<HH2sHI", 0x7FE0, 0x10, vr, 0, 512)
    model = converted(explicit(0x00080060, b"CS", b"CT") + head)
    assert model["7FE00010"] == {"vr": vr.decode(), "BulkDataURI": "bulkdata/7FE00010"}


def test_encapsulated_pixels_of_an_icon_are_stepped_over() -> None:
    fragments = item(b"") + item(b"\xff\xd8\xff\xd9") + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    icon = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + fragments
    model = converted(explicit(0x00880200, b"SQ", item(icon)) + explicit(0x00880906, b"ST", b"on"))
    path = "bulkdata/00880200/0/7FE00010"
    assert model["00880200"]["Value"] == [{"7FE00010": {"vr": "OB", "BulkDataURI": path}}]
    assert model["00880906"]["Value"] == ["on"]


def test_big_endian_words_become_little_endian() -> None:
    data_set = Dataset()
    data_set.SOPClassUID = "1.2"
    data_set.add_new(0x00281201, "OW", struct.pack(">2H", 1, 2))
    data_set.add_new(0x00280010, "US", 512)
    data_set.add_new(0x00041220, "SQ", [Dataset()])
    model = of_file(part10(data_set, ExplicitVRBigEndian))
    assert model["00281201"]["InlineBinary"] == "AQACAA=="
    assert model["00280010"]["Value"] == [512]


@pytest.mark.parametrize(("representation", "vr", "value"), [(0, "US", 65534), (1, "SS", -2)])
def test_pixel_representation_decides_us_or_ss(representation: int, vr: str, value: int) -> None:
    data_set = Dataset()
    data_set.SOPClassUID = "1.2"
    data_set.PixelRepresentation = representation
    data_set.add_new(0x00280120, vr, value)
    model = of_file(part10(data_set, ImplicitVRLittleEndian))
    assert model["00280120"] == {"vr": vr, "Value": [value]}


def test_private_elements_without_vr_are_read_as_their_creator_says() -> None:
    data_set = Dataset()
    data_set.SOPClassUID = "1.2"
    block = data_set.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 2.5)
    model = of_file(part10(data_set, ImplicitVRLittleEndian))
    assert model["2005100E"] == {"vr": "FL", "Value": [2.5]}


def test_private_elements_of_unknown_creators_stay_un() -> None:
    model = converted(
        explicit(0x00090010, b"UN", b"ACME 1.0") + explicit(0x00091001, b"UN", b"\1\2")
    )
    assert model["00090010"] == {"vr": "LO", "Value": ["ACME 1.0"]}
    assert model["00091001"] == {"vr": "UN", "InlineBinary": "AQI="}


def test_items_inherit_the_character_set_unless_they_have_their_own() -> None:
    name = explicit(0x00100010, b"PN", "Đỗ ".encode())
    latin = explicit(0x00080005, b"CS", b"ISO_IR 100") + explicit(0x00100010, b"PN", b"J\xe9\xf4m")
    model = converted(
        explicit(0x00080005, b"CS", b"ISO_IR 192")
        + explicit(0x00101002, b"SQ", item(name) + item(latin))
    )
    inherited, own = model["00101002"]["Value"]
    assert inherited["00100010"]["Value"] == [{"Alphabetic": "Đỗ"}]
    assert own["00100010"]["Value"] == [{"Alphabetic": "Jéôm"}]
    assert own["00080005"]["Value"] == ["ISO_IR 192"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"rubbish!rubbish!",
        struct.pack("<HHI", 0xFFFE, 0xE000, 5000),
        item(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, UNDEFINED) + b"rubbish!"),
    ],
)
def test_a_damaged_sequence_is_given_as_bytes_and_harms_nothing_after_it(rubbish: bytes) -> None:
    model = converted(explicit(0x00081140, b"SQ", rubbish) + explicit(0x00100020, b"LO", b"ID"))
    assert model["00081140"]["vr"] == "UN"
    assert model["00100020"]["Value"] == ["ID"]


@pytest.mark.parametrize(
    "broken",
    [
        explicit(0x00104000, b"LT", b"x" * 90)[:-1],
        explicit(0x00104000, b"UT", b"")[:10],
        struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, UNDEFINED) + b"\xfe\xff",
    ],
)
def test_what_precedes_the_break_of_an_encoding_is_kept(broken: bytes) -> None:
    whole = explicit(0x00100020, b"LO", b"ID")
    assert list(converted(whole + broken)) == ["00080005", "00100020"]


def test_nesting_ends_at_the_limit() -> None:
    data = b""
    for _ in range(3000):
        data = struct.pack("<HHI", 0x0040, 0xA730, len(data) + 8) + item(data)
    assert converted(data, implicit=True)["0040A730"]["vr"] == "SQ"


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_become_json(data: bytes, implicit: bool, big_endian: bool) -> None:
    _check(converted(data, implicit=implicit, big_endian=big_endian))


@given(
    st.lists(
        st.tuples(
            st.integers(0x00080006, 0x7FDFFFFF),
            st.sampled_from(sorted(elements.KNOWN_VRS)),
            st.one_of(
                st.binary(max_size=80),
                st.text(max_size=20).map(str.encode),
                st.floats().map(lambda number: repr(number).encode()),
                st.integers().map(lambda number: str(number).encode()),
            ),
        ),
        max_size=8,
    )
)
def test_any_value_in_any_vr_becomes_json(triples: list[tuple[int, str, bytes]]) -> None:
    data = b"".join(explicit(tag, vr.encode(), value) for tag, vr, value in triples)
    model = converted(data)
    _check(model)
    assert {f"{tag:08X}" for tag, _, _ in triples if tag & 0xFFFF} <= set(model)
    again = jsonmodel.to_dataset(model)
    assert len(again) <= len(model)


def _check(model: DicomJson) -> None:
    text = json.dumps(model, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert json.loads(text) == model
    _check_data_set(model)


def _check_data_set(model: DicomJson) -> None:
    assert list(model) == sorted(model)
    for name, entry in model.items():
        assert len(name) == 8
        assert name == name.upper()
        assert set(entry) - {"vr"} in (set(), {"Value"}, {"InlineBinary"}, {"BulkDataURI"})
        assert entry["vr"] in elements.KNOWN_VRS
        assert entry.get("Value") != []
        for nested in entry.get("Value", []) if entry["vr"] == "SQ" else []:
            _check_data_set(nested)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_data_set_comes_back_from_its_model(syntax: UID) -> None:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SOPClassUID = "1.2"
    data_set.ImageType = ["ORIGINAL", "PRIMARY"]
    data_set.StudyDate = "20240229"
    data_set.PatientName = "Nguyễn^Ánh=Ideo=Phon"
    data_set.PatientWeight = "61.5"
    data_set.SeriesNumber = 7
    data_set.Rows = 512
    data_set.FrameIncrementPointer = [0x00181063, 0x00181065]
    data_set.EventTimeOffset = 1.25
    data_set.PatientComments = "one\\two"
    data_set.AccessionNumber = ""
    code = Dataset()
    code.CodeValue = "T-1"
    data_set.ProcedureCodeSequence = [code]
    model = of_file(part10(data_set, syntax))
    again = jsonmodel.to_dataset(model)
    assert of_file(part10(again, syntax)) == model


def test_impossible_values_leave_an_element_empty_and_bulk_data_is_left_out() -> None:
    data_set = jsonmodel.to_dataset(
        {
            "00280010": {"vr": "US", "Value": ["many"]},
            "00101030": {"vr": "DS", "Value": ["heavy"]},
            "00100010": {"vr": "PN", "Value": ["no object"]},
            "00200013": {"vr": "IS", "Value": ["first"]},
            "00100020": {"vr": "LO", "Value": ["ID", None, "x"]},
            "7FE00010": {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"},
            "00091010": {"vr": "UN", "InlineBinary": "AQID"},
        }
    )
    for keyword in ("Rows", "PatientWeight", "PatientName", "InstanceNumber"):
        assert data_set[keyword].is_empty
    assert list(data_set.PatientID) == ["ID", "", "x"]
    assert data_set[0x00091010].value == b"\1\2\3"
    assert "PixelData" not in data_set


def test_long_decimals_fit_a_decimal_string() -> None:
    data_set = jsonmodel.to_dataset(
        {"00101030": {"vr": "DS", "Value": [-0.12345678901234567e-100]}}
    )
    assert len(str(data_set["PatientWeight"].value)) <= 16


def test_every_text_vr_has_a_reader() -> None:
    assert set(values.TEXT_READERS) >= values.CHARSET_VRS
