"""Protects: an identifier is read whole or refused with a status, whatever its bytes are, and its
keys mean the same in every encoding and character set."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from pacs_gateway.dimse.identifiers import check_hierarchy, decoded, keys_of, level_of
from pacs_gateway.errors import GatewayError, NotADataSetError, QueryError
from storage.records import Level

PATIENT_ROOT = PatientRootQueryRetrieveInformationModelFind
STUDY_ROOT = StudyRootQueryRetrieveInformationModelFind
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def context(syntax: str) -> PresentationContext:
    return build_context(STUDY_ROOT, syntax)


def encoded(data_set: Dataset, syntax: str = ImplicitVRLittleEndian) -> bytes:
    uid = context(syntax).transfer_syntax[0]
    found = encode(data_set, uid.is_implicit_VR, uid.is_little_endian, uid.is_deflated)
    assert found is not None
    return bytes(found)


def keys(data: bytes, syntax: str = ImplicitVRLittleEndian) -> dict[str, str]:
    return keys_of(decoded(BytesIO(data), context(syntax)))


def asked(**values: object) -> Dataset:
    data_set = Dataset()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_keys_are_the_same_in_every_transfer_syntax(syntax: str) -> None:
    data_set = asked(
        SpecificCharacterSet="ISO_IR 192",
        QueryRetrieveLevel="SERIES",
        PatientName="Nguyễn^Ánh*",
        StudyDate="20260101-20260131",
        ModalitiesInStudy=["CT", "MR"],
        Rows=512,
        InstanceNumber=7,
        StudyInstanceUID="",
        RequestAttributesSequence=Sequence([asked(RequestedProcedureID="RP7")]),
    )
    assert keys(encoded(data_set, syntax), syntax) == {
        "SpecificCharacterSet": "ISO_IR 192",
        "QueryRetrieveLevel": "SERIES",
        "PatientName": "Nguyễn^Ánh*",
        "StudyDate": "20260101-20260131",
        "ModalitiesInStudy": "CT\\MR",
        "Rows": "512",
        "InstanceNumber": "7",
        "StudyInstanceUID": "",
        "RequestedProcedureID": "RP7",
    }


@pytest.mark.parametrize(
    ("charset", "name"),
    [("ISO_IR 100", "Müller"), ("ISO_IR 192", "Đặng"), ("GB18030", "王^小东"), (None, "Doe")],
)
def test_texts_are_read_in_their_own_character_set(charset: str | None, name: str) -> None:
    data_set = asked(SpecificCharacterSet=charset, PatientName=name)
    assert keys(encoded(data_set))["PatientName"] == name


def test_undeclared_bytes_are_utf_8_if_they_can_be_and_latin_1_otherwise() -> None:
    for value, expected in (("Đặng ".encode(), "Đặng"), ("Müller".encode("latin-1"), "Müller")):
        data = b"\x10\x00\x10\x00" + len(value).to_bytes(4, "little") + value
        assert keys(data)["PatientName"] == expected


def test_an_empty_item_asks_for_everything_and_several_items_for_too_much() -> None:
    assert "RequestedProcedureID" not in keys(
        encoded(asked(RequestAttributesSequence=Sequence([Dataset()])))
    )
    two = asked(RequestAttributesSequence=Sequence([Dataset(), Dataset()]))
    with pytest.raises(QueryError, match="one item"):
        keys(encoded(two))


def test_private_attributes_and_group_lengths_are_no_keys() -> None:
    length = b"\x08\x00\x00\x00\x04\x00\x00\x00\x0e\x00\x00\x00"
    private = b"\x09\x00\x10\x00\x04\x00\x00\x00ACME" + b"\x09\x00\x01\x10\x02\x00\x00\x00\x01\x02"
    assert set(keys(length + private)) == {"SpecificCharacterSet"}


def test_a_value_that_is_not_of_its_vr_is_refused() -> None:
    with pytest.raises(QueryError, match=r"^Rows "):
        keys(b"\x28\x00\x10\x00\x03\x00\x00\x00\x01\x02\x03")


def test_a_request_without_an_identifier_is_refused() -> None:
    with pytest.raises(QueryError):
        decoded(None, context(ImplicitVRLittleEndian))


def test_half_an_identifier_is_no_query() -> None:
    whole = encoded(asked(PatientName="Doe^John", StudyDate="20260101"))
    for missing in range(1, 9):
        with pytest.raises(NotADataSetError):
            keys(whole[:-missing])


@given(data=st.binary(max_size=300), syntax=st.sampled_from(SYNTAXES))
def test_any_bytes_are_keys_or_a_gateway_error(data: bytes, syntax: str) -> None:
    try:
        identifier = decoded(BytesIO(data), context(syntax))
        assert all(isinstance(value, str) for value in keys_of(identifier).values())
        level_of(identifier, STUDY_ROOT)
    except GatewayError:
        return


@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_levels_of_the_models(level: str) -> None:
    identifier = decoded(
        BytesIO(encoded(asked(QueryRetrieveLevel=level))), context(ImplicitVRLittleEndian)
    )
    assert level_of(identifier, PATIENT_ROOT) == level
    if level == "PATIENT":
        with pytest.raises(QueryError, match="PATIENT"):
            level_of(identifier, STUDY_ROOT)
    else:
        assert level_of(identifier, STUDY_ROOT) == level


@pytest.mark.parametrize(
    ("model", "level", "given", "missing"),
    [
        (PATIENT_ROOT, Level.PATIENT, {}, None),
        (PATIENT_ROOT, Level.STUDY, {}, "PatientID"),
        (PATIENT_ROOT, Level.STUDY, {"PatientID": "A*"}, "PatientID"),
        (PATIENT_ROOT, Level.STUDY, {"PatientID": "A1"}, None),
        (STUDY_ROOT, Level.STUDY, {}, None),
        (STUDY_ROOT, Level.SERIES, {"StudyInstanceUID": ""}, "StudyInstanceUID"),
        (STUDY_ROOT, Level.SERIES, {"StudyInstanceUID": "1\\2"}, "StudyInstanceUID"),
        (STUDY_ROOT, Level.SERIES, {"StudyInstanceUID": "1.2"}, None),
        (STUDY_ROOT, Level.IMAGE, {"StudyInstanceUID": "1.2"}, "SeriesInstanceUID"),
    ],
)
def test_hierarchical_queries_name_everything_above(
    model: str, level: Level, given: dict[str, str], missing: str | None
) -> None:
    if missing is None:
        check_hierarchy(level, model, given)
        return
    with pytest.raises(QueryError, match=f"^{missing} "):
        check_hierarchy(level, model, given)
