"""Invariant: a data set made from the DICOM JSON model passes the walk and gives the same model
again, whatever the model holds; what cannot be encoded is refused with one line that names the
attribute and not its value; nothing but GatewayError is ever raised."""

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.dicom import elements, jsonencode, jsonmodel, meta, part10
from pacs_gateway.dicom.jsonencode import Span, encode, text_of
from pacs_gateway.dicom.jsonvalues import write
from pacs_gateway.errors import GatewayError, NotADataSetError
from storage.records import DicomJson

NATIVE = meta.EXPLICIT_VR_LITTLE_ENDIAN
JPEG = "1.2.840.10008.1.2.4.50"
MPEG = "1.2.840.10008.1.2.4.102"
LIMITS = part10.WalkLimits(max_depth=256, max_elements=100_000, max_header_bytes=2**28)
EVERYTHING_INLINE = 2**32
UTF_8 = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}
ORDINARY = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "examples_palette.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)


class Kept:
    """Bulk data in a dictionary; a span's offset is that of all values joined."""

    def __init__(self, values: dict[str, list[bytes]] | None = None, syntax: str = NATIVE) -> None:
        self.bytes = b""
        self.syntax = syntax
        self._spans: dict[str, list[Span]] = {}
        for uri, parts in (values or {}).items():
            for part in parts:
                self._spans.setdefault(uri, []).append(Span(len(self.bytes), len(part)))
                self.bytes += part

    def spans(self, uri: str) -> Sequence[Span]:
        if uri not in self._spans:
            raise NotADataSetError("not there")
        return self._spans[uri]

    def transfer_syntax(self, uri: str) -> str:
        assert uri in self._spans
        return self.syntax


def encoded(model: Any, kept: Kept | None = None, limits: part10.WalkLimits = LIMITS) -> bytes:
    kept = kept or Kept()
    found = encode(model, kept, limits=limits)
    return b"".join(
        piece if isinstance(piece, bytes) else kept.bytes[piece.offset :][: piece.length]
        for piece in found.pieces
    )


def model_of(data_set: bytes, *, implicit: bool = False, big_endian: bool = False) -> DicomJson:
    part10.walk(data_set, 0, implicit=implicit, big_endian=big_endian, limits=LIMITS)
    found = elements.read(data_set, 0, implicit=implicit, big_endian=big_endian)
    return jsonmodel.to_json(found, inline_limit=EVERYTHING_INLINE)


def one(tag: str, vr: str, *values: Any) -> DicomJson:
    return {tag: {"vr": vr, "Value": list(values)}}


def refusal(model: Any, kept: Kept | None = None) -> str:
    with pytest.raises(GatewayError) as caught:
        encoded(model, kept)
    return str(caught.value)


# Spaces at the ends of values mean nothing, and jsonmodel takes them away.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\=^"), max_size=40
).map(lambda text: text.strip().strip("\x00 ").strip() or "x")
CODE = st.from_regex(r"[A-Z0-9_]{1,16}", fullmatch=True)
NAME = st.fixed_dictionaries({"Alphabetic": TEXT}, optional={"Ideographic": TEXT, "Phonetic": TEXT})
DECIMAL = st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: float(f"{number:.9g}"))
SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM"), CODE),
    "AT": st.from_regex(r"[0-9A-F]{8}", fullmatch=True),
    "DS": DECIMAL,
    "FD": st.floats(allow_nan=False, allow_infinity=False),
    "FL": SINGLE,
    "IS": st.integers(-(2**31), 2**31 - 1),
    "LO": TEXT,
    "PN": NAME,
    "SH": TEXT,
    "SL": st.integers(-(2**31), 2**31 - 1),
    "SS": st.integers(-(2**15), 2**15 - 1),
    "SV": st.integers(-(2**53) + 1, 2**53 - 1) | st.just(str(2**63 - 1)),
    "UC": TEXT,
    "UI": st.from_regex(r"[0-9](\.[0-9]{1,9}){1,6}", fullmatch=True),
    "UL": st.integers(0, 2**32 - 1),
    "US": st.integers(0, 2**16 - 1),
    "UV": st.integers(0, 2**53 - 1) | st.just(str(2**64 - 1)),
}
ONE_VALUE = dict.fromkeys(("LT", "ST", "UR", "UT"), TEXT)


def attribute_of(vr: str) -> st.SearchStrategy[DicomJson]:
    if vr in jsonencode.OPAQUE_VRS:
        whole = st.binary(min_size=8, max_size=64).filter(lambda value: len(value) % 8 == 0)
        return whole.map(lambda value: {"vr": vr, "InlineBinary": base64.b64encode(value).decode()})
    values = (
        st.lists(ONE_VALUE[vr], min_size=1, max_size=1)
        if vr in ONE_VALUE
        else st.lists(VALUES[vr], min_size=1, max_size=4)
    )
    return values.map(lambda found: {"vr": vr, "Value": found})


PLAIN = st.sampled_from(sorted({*VALUES, *ONE_VALUE, *jsonencode.OPAQUE_VRS})).flatmap(attribute_of)
# Private, so that no dictionary has an opinion about the VR; (0029,1000) is read as any other.
NAMES = st.integers(0x00291000, 0x002910FF).map(lambda tag: f"{tag:08X}")
CREATOR = one("00290010", "LO", "TESTS")


def item_with(attribute: st.SearchStrategy[DicomJson]) -> st.SearchStrategy[DicomJson]:
    return st.dictionaries(NAMES, attribute, max_size=5).map(lambda found: CREATOR | found)


ATTRIBUTE = st.recursive(
    PLAIN,
    lambda inner: st.lists(item_with(inner), min_size=1, max_size=3).map(
        lambda items: {"vr": "SQ", "Value": items}
    ),
    max_leaves=8,
)


@given(model=item_with(ATTRIBUTE))
def test_the_same_model_comes_back(model: DicomJson) -> None:
    expected = UTF_8 | model
    assert in_order(model_of(encoded(model))) == in_order(expected)


def in_order(model: DicomJson) -> str:
    return json.dumps(model, sort_keys=True)


@pytest.mark.parametrize("name", ORDINARY)
def test_files_come_back_whole(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    data = Path(path).read_bytes()
    head = meta.decode(data)
    assert head is not None
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    found = elements.read(data, head.length, implicit=implicit, big_endian=big_endian)
    model = jsonmodel.to_json(found, inline_limit=EVERYTHING_INLINE)
    pixels = dcmread(path).get("PixelData", b"")
    kept = Kept({"bulkdata/7FE00010": [pixels]})
    again = encoded(model, kept)
    assert model_of(again) == model
    assert again.endswith(pixels)


ARBITRARY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["SQ", "UN", "US", "PN", "DS", "00080018", "Value", "vr", "AAAA"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["00080018", "7FE00010", "00280100", "vr", "Value", "BulkDataURI"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
)
VRS = st.sampled_from(sorted(elements.KNOWN_VRS))


@given(vr=VRS, kind=st.sampled_from(["Value", "InlineBinary", "BulkDataURI"]), content=ARBITRARY)
def test_whatever_comes_is_encoded_or_refused(vr: str, kind: str, content: Any) -> None:
    for model in ({"00291000": {"vr": vr, kind: content}}, {"7FE00010": content}, content):
        try:
            data_set = encoded(model, Kept({"x": [b"abc"]}))
        except GatewayError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most are encoded and raise nothing
        else:
            part10.walk(data_set, 0, implicit=False, big_endian=False, limits=LIMITS)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (0.5, "0.5"),
        (-0.1234567890123, "-0.1234567890123"),
        (0.12345678901234567, ".123456789012346"),
        (1 / 3, ".333333333333333"),
        (-1 / 3, "-.33333333333333"),
        (-1.2345678901234567e-300, "-1.23456789e-300"),
        (12345678901234567890, "1.2345678901e+19"),
        ("007.50", "007.50"),
    ],
)
def test_decimal_strings_keep_all_digits_they_have_room_for(number: Any, text: str) -> None:
    found = write("DS", [number]).decode()
    assert found == text
    assert len(found) <= 16


def test_padding_and_empty_values() -> None:
    data_set = encoded(
        {
            "00080018": {"vr": "UI", "Value": ["1.2.3"]},
            "00080060": {"vr": "CS", "Value": []},
            "00080070": {"vr": "LO"},
            "00081030": {"vr": "LO", "Value": ["ă", None, "c"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A", "Phonetic": "C"}, None]},
            "00420011": {"vr": "OB", "InlineBinary": base64.b64encode(b"abc").decode()},
        }
    )
    assert b"UI\x06\x001.2.3\x00" in data_set
    assert b"CS\x00\x00" in data_set
    assert "ă\\\\c ".encode() in data_set
    assert b"PN\x06\x00A==C\\ " in data_set
    assert data_set.endswith(b"OB\x00\x00\x04\x00\x00\x00abc\x00")


def test_the_character_set_is_always_utf_8() -> None:
    model = one("00100010", "PN", {"Alphabetic": "Nguyễn^Ánh"}) | {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
        "00081140": {"vr": "SQ", "Value": [{"00080005": {"vr": "CS", "Value": ["GBK"]}}]},
    }
    found = model_of(encoded(model))
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "Nguyễn^Ánh"}]
    assert found["00081140"]["Value"][0]["00080005"]["Value"] == ["ISO_IR 192"]


def test_order_group_lengths_and_file_meta() -> None:
    model = {
        "00200010": {"vr": "SH", "Value": ["b"]},
        "00080000": {"vr": "UL", "Value": [99]},
        "00020010": {"vr": "UI", "Value": ["1.2"]},
        "0010001a": {"vr": "SH", "Value": ["a"]},
    }
    assert list(model_of(encoded(model))) == ["00080005", "0010001A", "00200010"]


def test_a_value_too_long_for_its_length_field_goes_as_un() -> None:
    model = one("30060050", "DS", *[1.25] * 20_000)
    data_set = encoded(model)
    assert b"\x06\x30\x50\x00UN" in data_set
    assert model_of(data_set)["30060050"] == model["30060050"]


def test_bulk_values_are_copied_wherever_they_stand() -> None:
    kept = Kept({"a": [b"abc"], "b": [b"1234", b"5"]})
    inner = {"00420011": {"vr": "OB", "BulkDataURI": "a"}}
    model = {
        "00081140": {"vr": "SQ", "Value": [inner, None]},
        "00420011": {"vr": "OB", "BulkDataURI": "b"},
    }
    found = model_of(encoded(model, kept))
    items = found["00081140"]["Value"]
    assert base64.b64decode(items[0]["00420011"]["InlineBinary"]) == b"abc\x00"
    assert items[1] == {}
    assert base64.b64decode(found["00420011"]["InlineBinary"]) == b"12345\x00"


def test_native_pixels_of_words_are_never_bytes() -> None:
    pixels = {"7FE00010": {"vr": "OB", "BulkDataURI": "p"}}
    kept = Kept({"p": [b"12", b"34"]})
    words = encoded(one("00280100", "US", 16) | pixels, kept)
    assert words.endswith(b"\xe0\x7f\x10\x00OW\x00\x00\x04\x00\x00\x001234")
    assert b"\xe0\x7f\x10\x00OB" in encoded(one("00280100", "US", 8) | pixels, kept)


def test_compressed_pixels_are_fragments() -> None:
    model = one("00280008", "IS", "2") | {"7FE00010": {"vr": "OB", "BulkDataURI": "p"}}
    kept = Kept({"p": [b"123", b"4567"]}, JPEG)
    assert encode(model, kept, limits=LIMITS).transfer_syntax_uid == JPEG
    data_set = encoded(model, kept)
    layout = part10.walk(data_set, 0, implicit=False, big_endian=False, limits=LIMITS)
    assert layout.pixels is not None
    assert layout.pixels.fragments is not None
    spans = layout.pixels.fragments.spans
    assert [data_set[at : at + length] for at, length in spans] == [b"123\x00", b"4567"]
    assert layout.pixels.fragments.end == len(data_set)


def test_frames_and_parts_must_be_as_many() -> None:
    pixels = {"7FE00010": {"vr": "OB", "BulkDataURI": "p"}}
    three = one("00280008", "IS", 3) | pixels
    assert "3 frames came in 1" in refusal(three, Kept({"p": [b"12"]}, JPEG))
    assert "1 frames came in 2" in refusal(pixels, Kept({"p": [b"12", b"34"]}, JPEG))
    assert encoded(three, Kept({"p": [b"12"]}, MPEG))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ([], "is an object"),
        ({"PatientName": {"vr": "PN"}}, "eight hexadecimal digits"),
        ({"00100010": "secret"}, "(0010,0010): It is no object"),
        ({"00100010": {"vr": "XX"}}, "(0010,0010): Its vr"),
        ({"00100010": {"vr": ["PN"]}}, "(0010,0010): Its vr"),
        ({"00291000": {"Value": ["secret"]}}, "(0029,1000): A value of UN"),
        ({"00100010": {"vr": "PN", "Value": "secret"}}, "no array"),
        (one("00100010", "PN", {"Alphabetic": "secret=2"}), "equals sign"),
        (one("00100010", "PN", {"secret": "2"}), "PN is no object"),
        (one("00100020", "LO", "secret\\2"), "backslash"),
        (one("00100020", "LO", 5), "no text"),
        (one("00100020", "LO", "\ud800"), "surrogate"),
        (one("00104000", "LT", "secret", "b"), "more than the one value"),
        (one("00280010", "US", 65536), "range"),
        (one("00280010", "US", -1), "range"),
        (one("00280010", "US", "secret"), "whole number"),
        (one("00280010", "US", True), "whole number"),
        (one("00280010", "US", None), "whole number"),
        (one("00280010", "US", 1.5), "whole number"),
        (one("00189087", "FD", "secret"), "number"),
        (one("00180050", "DS", float("inf")), "range"),
        (one("00180050", "DS", 10**400), "number"),
        (one("00189073", "FL", 1e300), "range"),
        (one("00209165", "AT", "secret"), "eight hexadecimal digits"),
        (one("7FE00010", "OW", 1), "InlineBinary or BulkDataURI"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": "a"}}, "base64"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": "se cret"}}, "base64"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": 3}}, "base64"),
        ({"00100020": {"vr": "LO", "InlineBinary": "YWI="}}, "does not stand for"),
        ({"00081140": {"vr": "SQ", "InlineBinary": "YWI="}}, "no InlineBinary"),
        ({"00081140": {"vr": "SQ", "BulkDataURI": "a"}}, "no sequence"),
        ({"00081140": {"vr": "SQ", "Value": ["secret"]}}, "is an object"),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": ["a"]}}, "BulkDataURI"),
        ({"7FE00010": {"vr": "OW", "BulkDataURI": "elsewhere"}}, "not there"),
        ({"00100020": {"vr": "LO", "Value": ["secret"], "BulkDataURI": "a"}}, "more than one"),
        ({"0010001a": {"vr": "SH"}, "0010001A": {"vr": "SH"}}, "twice"),
        ({"FFFEE00D": {"vr": "UN"}}, "delimiter"),
    ],
)
def test_what_cannot_be_encoded(model: Any, reason: str) -> None:
    text = refusal(model)
    assert reason in text
    assert "secret" not in text


def nested(depth: int) -> DicomJson:
    model: DicomJson = {}
    for _ in range(depth):
        model = {"00081140": {"vr": "SQ", "Value": [model]}}
    return model


def test_depth_is_limited() -> None:
    assert encoded(nested(256))
    assert "deeper than 256" in refusal(nested(257))


def test_the_number_of_elements_is_limited() -> None:
    few = part10.WalkLimits(max_depth=4, max_elements=10, max_header_bytes=2**20)
    model = {f"{tag:08X}": {"vr": "SH"} for tag in range(0x00100020, 0x0010002A)}
    with pytest.raises(NotADataSetError, match="More than 10"):
        encoded(model, limits=few)


def test_text_of_anything() -> None:
    assert text_of(one("00080018", "UI", "1.2"), 0x00080018) == "1.2"
    for odd in ({}, {"00080018": 3}, {"00080018": {"Value": 3}}, one("00080018", "UI", 3)):
        assert text_of(odd, 0x00080018) == ""


@pytest.mark.skipif(shutil.which("dcmdump") is None, reason="dcmdump is not installed")
def test_dcmtk_reads_it(tmp_path: Path) -> None:
    model = {
        **one("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7"),
        **one("00080018", "UI", "1.2.3"),
        **one("00100010", "PN", {"Alphabetic": "Nguyễn^Ánh"}),
        **one("00209165", "AT", "00181063"),
        **CREATOR,
        **one("00291001", "SV", "9007199254740993"),
        "00081140": {"vr": "SQ", "Value": [one("00081155", "UI", "1.2.4"), {}]},
        "7FE00010": {"vr": "OB", "BulkDataURI": "p"},
    }
    head = meta.encode(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=JPEG,
    )
    file = tmp_path / "made.dcm"
    file.write_bytes(head + encoded(model, Kept({"p": [b"\xff\xd8\xff\xd9"]}, JPEG)))
    found = subprocess.run(
        ["dcmdump", "--print-all", file], capture_output=True, check=True, text=True
    )
    assert not found.stderr
    for line in ("Nguyễn^Ánh", "(0018,1063)", "9007199254740993", "[1.2.4]", r"ff\d8\ff\d9"):
        assert line in found.stdout
