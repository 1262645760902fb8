"""What a reader saves is a DICOM document that other makers' programs accept, says what was drawn,
is found at once, and is on record; what cannot be is refused in one sentence."""

import json
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from storage.auditlog import Wanted
from storage.lookup import Lookup
from tests.integration.web.gateway import (
    Answer,
    Gateway,
    running,
    sample,
    settings_for,
)
from tests.servers.programs import require_program

CT = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
CT_SERIES = "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
IMAGE = {"series": CT_SERIES, "instance": CT, "frame": 1}
ROOT = f"/api/studies/{STUDY}"


def value(name: str, number: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": number, "unit": unit}


def drawn(number: int, kind: str, points: list[list[float]], *values: Any, **more: Any) -> Any:
    return {
        "id": f"2.25.{number}",
        "kind": kind,
        "image": IMAGE,
        "points": points,
        "values": list(values),
        "label": "",
        **more,
    }


STATISTICS = (
    value("area", 314.16, "mm2"),
    value("mean", -12.5, "HU"),
    value("deviation", 3.25, "HU"),
    value("minimum", -50.0, "HU"),
    value("maximum", 1200.0, "HU"),
)
EVERY_KIND = [
    drawn(1, "length", [[10.5, 20.25], [100.1, 20.25]], value("length", 59.3, "mm"), label="U gan"),
    drawn(2, "length", [[0.0, 0.0], [128.0, 128.0]], value("length", 181.02, "px")),
    drawn(3, "angle", [[10.0, 10.0], [50.0, 50.0], [90.0, 10.0]], value("angle", 90.0, "deg")),
    drawn(
        4,
        "cobb",
        [[10.0, 10.0], [60.0, 12.0], [10.0, 90.0], [60.0, 70.0]],
        value("angle", 24.1, "deg"),
        label="Cột sống thắt lưng: vẹo",
    ),
    drawn(5, "ellipse", [[20.0, 50.0], [80.0, 50.0], [50.0, 30.0], [50.0, 70.0]], *STATISTICS),
    drawn(
        6, "rectangle", [[10.0, 10.0], [20.0, 10.0], [20.0, 30.0], [10.0, 30.0]], *STATISTICS[:2]
    ),
    drawn(
        7,
        "freehand",
        [[10.0, 10.0], [20.5, 11.25], [30.0, 30.0], [12.0, 40.0]],
        value("area", 400.0, "px2"),
    ),
    drawn(8, "arrow", [[64.0, 64.0], [80.0, 80.0]], label="Khối mờ thùy trên phổi phải"),
    drawn(9, "probe", [[64.5, 64.5]], value("value", 42.0, "HU")),
    drawn(10, "probe", [[1.5, 1.5]], value("value", 7.0, "1")),
]


@pytest.fixture(name="gateway", scope="module")
def fixture_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("gateway"))) as gateway:
        assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
        yield gateway


def save(gateway: Gateway, what: str, body: Any, username: str = "reader") -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gateway.client(username)(
        f"{ROOT}/{what}", "POST", content, Content_Type="application/json"
    )


def saved(gateway: Gateway, what: str, body: Any) -> str:
    answer = save(gateway, what, body)
    assert answer.status == 201, answer.body
    uid = answer.json()["uid"]
    assert isinstance(uid, str)
    return uid


def fetched(gateway: Gateway, uid: str, folder: Path) -> Path:
    """Return the document as others get it."""
    (stored,) = Lookup(gateway.archive.index._engine).instances(uid)
    path = f"/dicom-web/studies/{STUDY}/series/{stored.series_uid}/instances/{uid}"
    answer = gateway.client("reader")(path, Accept="application/dicom")
    assert answer.status == 200
    file = folder / "document.dcm"
    file.write_bytes(answer.body)
    return file


def report(gateway: Gateway, uid: str) -> Any:
    answer = gateway.client("reader")(f"{ROOT}/measurements")
    assert answer.status == 200, answer.body
    (found,) = (each for each in answer.json()["reports"] if each["uid"] == uid)
    return found


def test_every_kind_comes_back_as_it_was_saved(gateway: Gateway) -> None:
    uid = saved(gateway, "measurements", {"measurements": EVERY_KIND})
    found = report(gateway, uid)
    assert found["measurements"] == EVERY_KIND
    assert found["author"] == "reader"
    assert found["created"].startswith("20")


def test_what_was_saved_before_stays(gateway: Gateway) -> None:
    first = saved(gateway, "measurements", {"measurements": EVERY_KIND[:1]})
    changed = EVERY_KIND[0] | {"label": "Đã đổi"}
    second = saved(gateway, "measurements", {"measurements": [changed]})
    assert report(gateway, first)["measurements"] == EVERY_KIND[:1]
    assert report(gateway, second)["measurements"] == [changed]


def dumped(file: Path) -> str:
    program = require_program("dsrdump", "apt-get install dcmtk")
    done = subprocess.run([program, "+Pl", file], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    # DCMTK says of everything in UTF-8, and of templates, that it does not check them.
    unchecked = ("Specific Character Set: ISO_IR 192", "template constraints not yet supported")
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if not line.endswith(unchecked)] == []
    return done.stdout.decode()


def faults(file: Path) -> list[str]:
    program = require_program("dciodvfy", "apt-get install dicom3tools")
    done = subprocess.run([program, file], capture_output=True, timeout=30, check=False)
    return [line for line in done.stderr.decode().splitlines() if line.startswith("Error")]


def test_other_programs_accept_the_report(gateway: Gateway, tmp_path: Path) -> None:
    uid = saved(gateway, "measurements", {"measurements": EVERY_KIND})
    file = fetched(gateway, uid, tmp_path)
    assert "Cột sống thắt lưng: vẹo" in dumped(file)
    assert faults(file) == []
    document = highdicom.sr.srread(file)
    assert isinstance(document, highdicom.sr.ComprehensiveSR)
    content = document.content
    assert isinstance(content, highdicom.sr.MeasurementReport)
    regions = content.get_planar_roi_measurement_groups()
    lines = content.get_image_measurement_groups()
    assert (len(regions), len(lines)) == (6, 4)
    (ellipse,) = content.get_planar_roi_measurement_groups(tracking_uid="2.25.5")
    found = {each.name.meaning: each.value for each in ellipse.get_measurements()}
    assert found["Area"] == 314.16
    assert found["Standard Deviation"] == 3.25
    assert ellipse.roi is not None
    assert document.PatientID == "1CT1"
    assert document.SpecificCharacterSet == "ISO_IR 192"


KEY_IMAGES = {"title": "teaching", "note": "Hình ảnh điển hình", "images": [IMAGE]}


def test_key_images_come_back_and_other_programs_accept_them(
    gateway: Gateway, tmp_path: Path
) -> None:
    uid = saved(gateway, "key-images", KEY_IMAGES)
    found = gateway.client("reader")(f"{ROOT}/key-images").json()["selections"]
    (selection,) = (each for each in found if each["uid"] == uid)
    assert {name: selection[name] for name in KEY_IMAGES} == KEY_IMAGES
    file = fetched(gateway, uid, tmp_path)
    text = dumped(file)
    assert "For Teaching" in text
    assert "Hình ảnh điển hình" in text
    assert faults(file) == []
    document = highdicom.ko.KeyObjectSelectionDocument.from_dataset(dcmread(file))
    assert document.resolve_reference(CT) == (STUDY, CT_SERIES, CT)


def test_documents_are_on_the_study_page_at_once(gateway: Gateway) -> None:
    uid = saved(gateway, "key-images", KEY_IMAGES)
    page = gateway.client("reader")(f"/dicom-web/studies/{STUDY}/instances").json()
    assert uid in {each["00080018"]["Value"][0] for each in page}


def test_saving_is_on_record_with_who_and_what(gateway: Gateway) -> None:
    uid = saved(gateway, "measurements", {"measurements": EVERY_KIND[:1]})
    rows = gateway.archive.audit_log.rows(Wanted(study_uid=STUDY), limit=100)
    (row,) = (each for each in rows if uid in each.detail)
    assert (row.verb, row.actor, row.patient_id) == ("annotation saved", "reader", "1CT1")
    assert json.loads(row.detail)["form"] == "SR"


@pytest.mark.parametrize(
    ("username", "status"),
    [("admin", 201), ("operator", 403), ("doctor", 403), ("visitor", 403), ("device", 403)],
)
def test_readers_save_and_others_do_not(gateway: Gateway, username: str, status: int) -> None:
    assert save(gateway, "key-images", KEY_IMAGES, username).status == status
    body = {"measurements": EVERY_KIND[:1]}
    assert save(gateway, "measurements", body, username).status == status


def test_nobody_saves_without_a_login(gateway: Gateway) -> None:
    for what in ("measurements", "key-images"):
        assert save(gateway, what, b"{}", "").status == 401
        assert gateway.client()(f"{ROOT}/{what}").status == 401


LENGTH = EVERY_KIND[0]
ELSEWHERE = IMAGE | {"instance": "1.2.3"}
REFUSED = {
    "an image that is not there": LENGTH | {"image": ELSEWHERE},
    "another series": LENGTH | {"image": IMAGE | {"series": "1.2.3"}},
    "frame": LENGTH | {"image": IMAGE | {"frame": 2}},
    "frame 0": LENGTH | {"image": IMAGE | {"frame": 0}},
    "outside": LENGTH | {"points": [[0, 0], [129, 5]]},
    "negative": LENGTH | {"points": [[0, 0], [-0.1, 5]]},
    "infinite": LENGTH | {"points": [[0, 0], [1e999, 5]]},
    "one point": LENGTH | {"points": [[0, 0]]},
    "three points": LENGTH | {"points": [[0, 0], [1, 1], [2, 2]]},
    "an outline of two points": drawn(1, "freehand", [[0.0, 0.0], [1.0, 1.0]]),
    "points of three numbers": LENGTH | {"points": [[0, 0, 0], [1, 1, 1]]},
    "no UID": LENGTH | {"id": "tumour"},
    "an unknown kind": LENGTH | {"kind": "spline"},
    "no value": LENGTH | {"values": []},
    "a foreign value": LENGTH | {"values": [value("angle", 1, "deg")]},
    "a foreign unit": LENGTH | {"values": [value("length", 1, "deg")]},
    "an unknown unit": LENGTH | {"values": [value("length", 1, "furlong")]},
    "a value twice": LENGTH | {"values": [value("length", 1, "mm")] * 2},
    "control characters": LENGTH | {"label": "a\x00b"},
    "a long label": LENGTH | {"label": "a" * 201},
    "an unknown field": LENGTH | {"colour": "red"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_measurement_is_refused(gateway: Gateway, name: str) -> None:
    answer = save(gateway, "measurements", {"measurements": [EVERY_KIND[1], REFUSED[name]]})
    assert answer.status == 400
    assert len(answer.json()["error"].splitlines()) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[]", b"{}", b'{"measurements": []}', b'{"measurements": NaN}'],
)
def test_what_is_no_body_is_refused(gateway: Gateway, body: bytes) -> None:
    assert save(gateway, "measurements", body).status == 400


def test_ids_and_images_are_named_once(gateway: Gateway) -> None:
    twice = {"measurements": [LENGTH, LENGTH]}
    assert "twice" in save(gateway, "measurements", twice).json()["error"]
    images = {"images": [IMAGE, IMAGE]}
    assert "twice" in save(gateway, "key-images", images).json()["error"]


def test_a_save_is_bounded(gateway: Gateway) -> None:
    many = [LENGTH | {"id": f"2.25.{number}"} for number in range(501)]
    answer = save(gateway, "measurements", {"measurements": many})
    assert answer.status == 400
    assert "500" in answer.json()["error"]
    large = json.dumps({"measurements": [LENGTH | {"label": "a" * 1024 * 1024}]}).encode()
    assert save(gateway, "measurements", large).status == 413


def test_a_study_that_is_not_there(gateway: Gateway) -> None:
    reader = gateway.client("reader")
    for what in ("measurements", "key-images", "presentation-states"):
        assert reader(f"/api/studies/1.2.3.4/{what}").status == 404
    body = json.dumps({"measurements": [LENGTH]}).encode()
    answer = reader("/api/studies/1.2.3.4/measurements", "POST", body)
    assert answer.status == 404


def ultrasound(frames: int) -> bytes:
    """Return frames of ultrasound in a SOP Class that is long retired, as old devices send them."""
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    head = data_set.file_meta
    data_set.SOPClassUID = head.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.3")
    data_set.SOPInstanceUID = head.MediaStorageSOPInstanceUID = UID("1.2.840.1.7")
    data_set.SeriesInstanceUID = "1.2.840.1.8"
    data_set.NumberOfFrames = frames
    data_set.PixelData = data_set.PixelData * frames
    del data_set.PatientBirthDate
    written = BytesIO()
    data_set.save_as(written)
    return written.getvalue()


def test_frames_of_a_retired_class(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.client("device").store(ultrasound(3)).status == 200
    image = {"series": "1.2.840.1.8", "instance": "1.2.840.1.7", "frame": 2}
    mine = [LENGTH | {"image": image}, EVERY_KIND[4] | {"image": image | {"frame": 3}}]
    uid = saved(gateway, "measurements", {"measurements": mine})
    assert report(gateway, uid)["measurements"] == mine
    dumped(fetched(gateway, uid, tmp_path))
    both = {"title": "key", "note": "", "images": [image | {"frame": 1}, image]}
    uid = saved(gateway, "key-images", both)
    found = gateway.client("reader")(f"{ROOT}/key-images").json()["selections"]
    assert next(each for each in found if each["uid"] == uid)["images"] == both["images"]


def test_states_of_the_study(gateway: Gateway) -> None:
    state = grey_state()
    written = BytesIO()
    state.save_as(written, enforce_file_format=True)
    assert gateway.client("device").store(written.getvalue()).status == 200
    answer = gateway.client("reader")(f"{ROOT}/presentation-states")
    (found,) = answer.json()["states"]
    assert found["window"] == {"center": 40.0, "width": 400.0, "function": "LINEAR"}
    assert found["images"] == [{"series": CT_SERIES, "instance": CT, "frames": None}]
    assert (found["rotation"], found["flipped"], found["inverted"]) == (90, True, True)
    assert found["label"] == "MAT"


def grey_state() -> Dataset:
    image = dcmread(BytesIO(sample("CT_small.dcm")))
    state = highdicom.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[image],
        series_instance_uid="1.2.840.1.9",
        series_number=5,
        sop_instance_uid="1.2.840.1.10",
        instance_number=1,
        manufacturer="Tests",
        manufacturer_model_name="Tests",
        software_versions="1",
        device_serial_number="1",
        content_label="MAT",
        voi_lut_transformations=[
            highdicom.pr.SoftcopyVOILUTTransformation(window_center=40, window_width=400)
        ],
    )
    state.ImageRotation = 90
    state.ImageHorizontalFlip = "Y"
    state.PresentationLUTShape = "INVERSE"
    return state
