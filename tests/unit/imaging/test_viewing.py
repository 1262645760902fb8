"""Facts for viewers equal what the server itself draws by, and no header can make them fail.

Reading the index's JSON model gives what reading the file gives, for every file that pydicom ships.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data.data_manager import DATA_ROOT

from pacs_gateway.dicom import elements, jsonmodel, meta
from pacs_gateway.dicom.bulk import bulk_value
from pacs_gateway.errors import GatewayError
from pacs_gateway.imaging import header, placing, viewing
from pacs_gateway.imaging.model import ModelElements

CT = {
    "00080060": {"vr": "CS", "Value": ["CT"]},
    "00200032": {"vr": "DS", "Value": [-100, -80.5, 12]},
    "00200037": {"vr": "DS", "Value": [1, 0, 0, 0, 1, 0]},
    "00200052": {"vr": "UI", "Value": ["1.2.3"]},
    "00280002": {"vr": "US", "Value": [1]},
    "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
    "00280010": {"vr": "US", "Value": [4]},
    "00280011": {"vr": "US", "Value": [6]},
    "00280030": {"vr": "DS", "Value": [0.5, 0.25]},
    "00280100": {"vr": "US", "Value": [16]},
    "00280101": {"vr": "US", "Value": [12]},
    "00280102": {"vr": "US", "Value": [11]},
    "00280103": {"vr": "US", "Value": [0]},
    "00281050": {"vr": "DS", "Value": [40, -600]},
    "00281051": {"vr": "DS", "Value": [400, 1500]},
    "00281052": {"vr": "DS", "Value": [-1024]},
    "00281053": {"vr": "DS", "Value": [1]},
    "00281055": {"vr": "LO", "Value": ["SOFT", "LUNG"]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"},
}


def read(model: dict[str, Any]) -> ModelElements:
    return ModelElements(model, lambda uri: pytest.fail(f"{uri} was read"))


def files() -> Iterator[Any]:
    for path in sorted((Path(DATA_ROOT) / "test_files").rglob("*.dcm")):
        part10 = path.read_bytes()
        try:
            found = header.parse(part10)
        except GatewayError:
            continue
        yield pytest.param(part10, found, id=path.name)


@pytest.mark.parametrize(("part10", "parsed"), list(files()))
def test_the_index_says_what_the_file_says(part10: bytes, parsed: header.Header) -> None:
    implicit, big_endian = meta.byte_encoding(parsed.transfer_syntax_uid)
    start = meta.decode(part10)
    assert start is not None
    found = elements.read(part10, start.length, implicit=implicit, big_endian=big_endian)
    model = jsonmodel.to_json(found, inline_limit=16)
    from_index = ModelElements(model, lambda uri: bulk_value(part10, uri.removeprefix("bulkdata/")))
    assert header.shades_of(from_index, 1) == header.shades_of(parsed.data_set, 1)
    assert viewing.frame_facts(from_index, 1) == viewing.frame_facts(parsed.data_set, 1)
    assert placing.regions(from_index) == placing.regions(parsed.data_set)


def test_a_ct_is_told_in_full() -> None:
    facts = viewing.image_facts(read(CT), meta.EXPLICIT_VR_LITTLE_ENDIAN, 1)
    assert facts["stored"] == {"bits": 12, "signed": False}
    assert facts["units"] == "HU"
    assert facts["plane"] == {
        "position": [-100, -80.5, 12],
        "orientation": [1, 0, 0, 0, 1, 0],
        "frameOfReference": "1.2.3",
    }
    assert facts["spacing"] == {"row": 0.5, "column": 0.25, "kind": "patient"}
    assert facts["aspect"] == 2
    assert [window["name"] for window in facts["windows"]] == ["SOFT", "LUNG"]
    assert facts["shades"]["intercept"] == -1024
    assert facts["frameTimes"] is None
    assert "perFrame" not in facts


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"00181164": {"vr": "DS", "Value": [0.5, 0.25]}}, "detector"),
        ({"00181164": {"vr": "DS", "Value": [0.6, 0.3]}}, "patient"),
        ({"00280A02": {"vr": "CS", "Value": ["FIDUCIAL"]}}, "calibrated"),
        (
            {
                "00181164": {"vr": "DS", "Value": [0.5, 0.25]},
                "00280A02": {"vr": "CS", "Value": ["GEOMETRY"]},
            },
            "calibrated",
        ),
    ],
)
def test_spacing_says_what_it_holds_for(changes: dict[str, Any], kind: str) -> None:
    spacing = placing.spacing_of(read(CT | changes))
    assert spacing is not None
    assert spacing["kind"] == kind


def test_without_pixel_spacing_that_of_the_detector_counts() -> None:
    model = {"00181164": {"vr": "DS", "Value": [0.1, 0.2]}}
    assert placing.spacing_of(read(model)) == {"row": 0.1, "column": 0.2, "kind": "detector"}


@pytest.mark.parametrize(
    "changes",
    [
        {"00280002": {"vr": "US", "Value": [3]}, "00280004": {"vr": "CS", "Value": ["RGB"]}},
        {"00280100": {"vr": "US", "Value": [32]}},
        {"00280102": {"vr": "US", "Value": [15]}},
        {"00280004": {"vr": "CS", "Value": ["PALETTE COLOR"]}},
        {"00280010": {"vr": "US", "Value": [0]}},
        {"00089205": {"vr": "CS", "Value": ["MIXED"]}},
    ],
)
def test_what_typed_arrays_do_not_hold_is_drawn_by_the_server(changes: dict[str, Any]) -> None:
    assert viewing.image_facts(read(CT | changes), "1.2.840.10008.1.2.1", 1)["stored"] is None


def test_only_differences_are_told_of_further_frames() -> None:
    positions = [
        {"00209113": {"vr": "SQ", "Value": [{"00200032": {"vr": "DS", "Value": [0, 0, z]}}]}}
        for z in (0, 5)
    ]
    model = CT | {"52009230": {"vr": "SQ", "Value": positions}}
    first, second = viewing.image_facts(read(model), "1.2.840.10008.1.2.1", 2)["perFrame"]
    assert first == {}
    assert list(second) == ["plane"]
    assert second["plane"]["position"] == [0, 0, 5]


def test_doses_lie_where_their_offsets_say() -> None:
    offsets = {"3004000C": {"vr": "DS", "Value": [0, 2.5, 5]}}
    plane = placing.plane_of(read(CT | offsets), 3)
    assert plane is not None
    assert plane["position"] == [-100, -80.5, 17]


def test_a_cine_has_a_time_for_each_frame() -> None:
    cine = CT | {"00181063": {"vr": "DS", "Value": [40]}}
    facts = viewing.image_facts(read(cine), "1.2.840.10008.1.2.1", 3)
    assert facts["frameTimes"] == [40, 40, 40]


def test_a_region_of_ultrasound_has_a_scale_in_millimetres() -> None:
    region = {
        "00186011": {
            "vr": "SQ",
            "Value": [
                {
                    "00186012": {"vr": "US", "Value": [1]},
                    "00186018": {"vr": "UL", "Value": [10]},
                    "0018601A": {"vr": "UL", "Value": [20]},
                    "0018601C": {"vr": "UL", "Value": [110]},
                    "0018601E": {"vr": "UL", "Value": [220]},
                    "00186024": {"vr": "US", "Value": [3]},
                    "00186026": {"vr": "US", "Value": [3]},
                    "0018602C": {"vr": "FD", "Value": [0.02]},
                    "0018602E": {"vr": "FD", "Value": [-0.03]},
                }
            ],
        }
    }
    (found,) = placing.regions(read(region))
    assert (found["x0"], found["y0"], found["x1"], found["y1"]) == (10, 20, 110, 220)
    assert found["dx"] == pytest.approx(0.2)
    assert found["dy"] == pytest.approx(0.3)


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.dictionaries(st.sampled_from(["Alphabetic"]), st.text(max_size=3)),
)
ATTRIBUTES = st.one_of(
    st.fixed_dictionaries({"vr": st.sampled_from(["DS", "US", "LO", "SQ"])}),
    st.fixed_dictionaries({"vr": st.just("DS"), "Value": st.lists(VALUES, max_size=4)}),
    st.fixed_dictionaries({"vr": st.just("OW"), "InlineBinary": st.just("AQID")}),
    st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.just([{}])}),
)


@given(st.dictionaries(st.sampled_from([*CT, "00283010", "00186011", "52009230"]), ATTRIBUTES))
def test_any_header_gives_a_document(model: dict[str, Any]) -> None:
    facts = viewing.image_facts(read(CT | model), "1.2.840.10008.1.2.1", 2)
    assert zlib.compress(json.dumps(facts, allow_nan=False).encode())


def test_tables_that_stand_elsewhere_are_fetched() -> None:
    asked: list[str] = []

    def bulk(uri: str) -> bytes:
        asked.append(uri)
        return b"\x00\x00\xff\x00"

    item = {
        "00283002": {"vr": "US", "Value": [2, 0, 8]},
        "00283006": {"vr": "OW", "BulkDataURI": "bulkdata/00283010/0/00283006"},
    }
    model = CT | {"00283010": {"vr": "SQ", "Value": [item]}}
    shades = viewing.frame_facts(ModelElements(model, bulk), 1)["shades"]
    assert shades["voiLut"] == {"first": 0, "bits": 8, "values": "AAD/AA=="}
    assert asked == ["bulkdata/00283010/0/00283006"]
