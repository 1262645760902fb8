"""Protects: a UID can never leave the alphabet of keys, paths and URLs, and an image without a
Study or Series Instance UID is still filed, the same way each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.dicom import part10
from pacs_gateway.dicom.identity import identify, is_uid
from pacs_gateway.errors import IdentityError

CT = "1.2.840.10008.5.1.4.1.1.2"


def layout(**values: str) -> part10.Layout:
    tags = {
        "sop_class": part10.SOP_CLASS_UID,
        "sop": part10.SOP_INSTANCE_UID,
        "series": part10.SERIES_INSTANCE_UID,
        "study": part10.STUDY_INSTANCE_UID,
    }
    return part10.Layout(values={tags[name]: text.encode() for name, text in values.items()})


def test_the_data_set_wins_over_what_was_announced() -> None:
    found = identify(
        layout(sop_class=CT, sop="1.2.3\0", series="1.2", study="1.1"),
        sop_class_uid="9.9",
        sop_instance_uid="8.8",
    )
    assert (found.sop_instance_uid, found.sop_class_uid) == ("1.2.3", CT)


def test_missing_study_and_series_are_derived_and_stable() -> None:
    first = identify(layout(sop="1.2.3"), sop_class_uid=CT, sop_instance_uid="")
    again = identify(layout(sop="1.2.3"), sop_class_uid=CT, sop_instance_uid="")
    other = identify(layout(sop="1.2.4"), sop_class_uid=CT, sop_instance_uid="")
    assert first == again
    assert first.study_uid != other.study_uid
    assert is_uid(first.study_uid)
    assert is_uid(first.series_uid)


def test_one_series_without_study_stays_one_study() -> None:
    one = identify(layout(sop="1.2.3", series="1.5"), sop_class_uid=CT, sop_instance_uid="")
    two = identify(layout(sop="1.2.4", series="1.5"), sop_class_uid=CT, sop_instance_uid="")
    assert one.study_uid == two.study_uid


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "..", ".", "1..2", "1." * 40, "1" * 129, "1/2", "1\n2"]
)
def test_impossible_uids_are_refused(uid: str) -> None:
    with pytest.raises(IdentityError):
        identify(layout(sop="1.2.3", study=uid), sop_class_uid=CT, sop_instance_uid="")


def test_without_any_sop_instance_uid_nothing_can_be_filed() -> None:
    with pytest.raises(IdentityError, match="SOP Instance UID"):
        identify(layout(), sop_class_uid=CT, sop_instance_uid="")


def test_a_uid_somewhat_too_long_is_kept() -> None:
    """Real devices make them, and the image behind one is still an image."""
    assert is_uid("1." * 34 + "1")


@given(text=st.text(alphabet="0123456789./ax", max_size=140))
def test_a_uid_is_always_a_safe_path_part(text: str) -> None:
    if is_uid(text):
        assert len(text) <= 128
        assert set(text) <= set("0123456789.")
        assert text.strip(".") == text
