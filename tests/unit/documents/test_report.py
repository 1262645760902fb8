"""Every content item of a report is there with its own name and value, and no report, however
hostile, takes more than its limits or makes anything but UnrenderableError."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.documents.content import BY_REFERENCE, Item, Place
from pacs_gateway.documents.report import MAX_DEPTH, report_of
from pacs_gateway.errors import UnrenderableError
from storage.records import DicomJson
from tests.unit.documents.models import code, element, item, model_of, shipped, text

IMAGE_UID = "1.2.3.4"


def only_child(model: DicomJson) -> Item:
    (child,) = report_of(item("CONTAINER", "Report", model), max_items=100).root.children
    return child


def reference(**more: DicomJson) -> DicomJson:
    referenced = {"00081150": element("UI", "1.2"), "00081155": element("UI", IMAGE_UID)}
    return element("SQ", referenced | {tag.removeprefix("t"): value for tag, value in more.items()})


def measured(value: Any, unit: str, meaning: str) -> DicomJson:
    return element(
        "SQ", {"0040A30A": element("DS", value), "004008EA": element("SQ", code(meaning, unit))}
    )


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (text("Finding", "No nodule\nseen"), "No nodule\nseen"),
        (item("CODE", "Site", t0040A168=element("SQ", code("Lung"))), "Lung"),
        (item("NUM", "Length", t0040A300=measured(12.5, "mm", "millimeter")), "12.5 mm"),
        (item("NUM", "Count", t0040A300=measured(3.0, "1", "no units")), "3"),
        (item("NUM", "Ratio", t0040A300=measured(0.5, "{ratio}", "ratio")), "0.5 ratio"),
        (item("NUM", "Mean", t0040A300=measured(-3.0, "[hnsf'U]", "HU")), "-3 HU"),
        (item("NUM", "Dose", t0040A300=measured("1.2.3", "mGy", "mGy")), "1.2.3 mGy"),
        (item("NUM", "Missing"), ""),
        (item("PNAME", "By", t0040A123=element("PN", {"Alphabetic": "A^B"})), "A B"),
        (item("DATE", "On", t0040A121=element("DA", "20260102")), "20260102"),
        (item("TIME", "At", t0040A122=element("TM", "0102")), "0102"),
        (item("DATETIME", "When", t0040A120=element("DT", "20260102030405")), "20260102030405"),
        (item("UIDREF", "Which", t0040A124=element("UI", "1.2.3")), "1.2.3"),
        (item("NOVEL", "New"), ""),
    ],
)
def test_values_are_shown_as_sent(model: DicomJson, shown: str) -> None:
    assert only_child(model).text == shown
    assert only_child(model).name


def test_a_number_keeps_why_it_is_missing() -> None:
    qualifier = element("SQ", code("Not a number"))
    assert only_child(item("NUM", "Mean", t0040A301=qualifier)).qualifier == "Not a number"


def test_a_code_without_a_meaning_is_shown_as_it_is() -> None:
    bare = {"00080100": element("SH", "T-D3000")}
    assert only_child(item("CODE", "Site", t0040A168=element("SQ", bare))).text == "T-D3000"


def test_a_referenced_image_is_found_by_the_evidence() -> None:
    evidence = {
        "0020000D": element("UI", "1.5"),
        "00081115": element("SQ", {"0020000E": element("UI", "1.6"), "00081199": reference()}),
    }
    child = item("IMAGE", "", t00081199=reference(t00081160=element("IS", 3, 5)))
    root = item("CONTAINER", "KO", child, t0040A375=element("SQ", evidence))
    found = report_of(root, max_items=10).root.children[0].reference
    assert found is not None
    assert (found.sop_instance_uid, found.frames) == (IMAGE_UID, (3, 5))
    assert found.place == Place("1.5", "1.6")


def test_coordinates() -> None:
    graphic = {
        "t00700023": element("CS", "POLYLINE"),
        "t00700022": element("FL", 1.10000002384, 2, 3, 4),
    }
    found = only_child(item("SCOORD", "Contour", **graphic)).coordinates
    assert found is not None
    assert (found.shape, found.numbers, found.dimensions) == ("POLYLINE", ("1.1", "2", "3", "4"), 2)


def test_an_item_by_reference_is_named_and_not_followed() -> None:
    back = {"0040A010": element("CS", "INFERRED FROM"), "0040DB73": element("UL", 1, 1)}
    root = item("CONTAINER", "Report", text("Finding", "x", back))
    report = report_of(root, max_items=10)
    found = report.root.children[0].children[0]
    assert (found.kind, found.target, found.children) == (BY_REFERENCE, "1.1", ())
    assert report.names == {"1.1": "Finding"}


def test_too_many_items_are_refused() -> None:
    root = item("CONTAINER", "Report", *[text("Line", str(n)) for n in range(10)])
    assert len(report_of(root, max_items=11).root.children) == 10
    with pytest.raises(UnrenderableError, match="more than 10 content items"):
        report_of(root, max_items=10)


def test_too_deep_a_report_is_refused() -> None:
    model = text("Leaf", "x")
    for _ in range(MAX_DEPTH):
        model = item("CONTAINER", "Level", model)
    with pytest.raises(UnrenderableError, match="deeper"):
        report_of(model, max_items=1000)


def test_tables_of_measurements_are_no_running_text() -> None:
    prose = item(
        "CONTAINER",
        "Text",
        text("a", "A mass of"),
        item("NUM", "Size"),
        text("b", "was seen."),
        t0040A050=element("CS", "CONTINUOUS"),
    )
    assert only_child(prose).running
    table = item(
        "CONTAINER",
        "Group",
        text("Id", "1"),
        item("NUM", "Size"),
        item("NUM", "Mean"),
        t0040A050=element("CS", "CONTINUOUS"),
    )
    assert not only_child(table).running
    assert not only_child(
        item("CONTAINER", "Outer", table, t0040A050=element("CS", "CONTINUOUS"))
    ).running
    assert not only_child(prose | {"0040A050": element("CS", "SEPARATE")}).running


def test_a_real_report() -> None:
    report = report_of(model_of(shipped("test-SR.dcm")), max_items=1000)
    assert report.root.name == "Diagnosis"
    assert (report.completion, report.verification) == ("COMPLETE", "VERIFIED")
    assert [each.name for each in report.verifiers] == ["Riesmeier Jörg", "Observer Verifying"]
    assert report.verifiers[0].organization == "OFFIS e.V."
    kinds = {each.kind for each in _all(report.root)}
    assert kinds >= {"TEXT", "NUM", "CODE", "UIDREF", "SCOORD", "TCOORD", "IMAGE", BY_REFERENCE}
    assert set(report.names) == {"1.3.2", "1.2.2.1"}


def _all(root: Item) -> list[Item]:
    return [root, *(each for child in root.children for each in _all(child))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["vr", "Value", "0040A730", "0040A040", "0040A300", "00081199", "0040DB73"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "0040A730",
                "0040A040",
                "0040A043",
                "0040A375",
                "0040A073",
                "00100010",
                "00081199",
                "00700022",
            ]
        ),
        st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.lists(JSON, max_size=3)}) | JSON,
    )
)
def test_any_model_is_shown_or_refused(model: DicomJson) -> None:
    for kind in ("", "NUM", "IMAGE", "SCOORD", "TCOORD", "CODE"):
        model["0040A040"] = element("CS", kind)
        try:
            report_of(model, max_items=50)
        except UnrenderableError:
            continue
