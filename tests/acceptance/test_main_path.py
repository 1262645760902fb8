"""Protects the main path from the modality to the doctor, with real processes and DCMTK as the
modality and the workstation: what was sent is found, comes back byte for byte, and can be seen."""

import http.client
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_gateway.dicom import meta
from tests.acceptance.instances import ct_series
from tests.servers import free_port, require_program
from tests.servers.gateway import PASSWORD, GatewayPlace

DCMTK = "apt install dcmtk"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayPlace]:
    place = GatewayPlace(tmp_path_factory.mktemp("gateway"))
    with place.running():
        yield place


@pytest.fixture(scope="module")
def study(place: GatewayPlace, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Path]]:
    """A study sent by storescu and visible."""
    uid, files = ct_series(tmp_path_factory.mktemp("ct"), 12)
    sent = dcmtk("storescu", "-v", "-aec", "PACSGW", "127.0.0.1", str(place.dicom_port), *files)
    assert sent.count("Received Store Response (Success)") == 12
    assert place.drained()
    return uid, files


def dcmtk(program: str, *arguments: object, folder: Path | None = None) -> str:
    command = [str(require_program(program, DCMTK)), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, cwd=folder
    )
    return done.stdout + done.stderr


def data_set_of(file: bytes) -> bytes:
    found = meta.decode(file)
    assert found is not None
    return file[found.length :]


def test_the_study_is_found_by_findscu_with_its_count(
    place: GatewayPlace, study: tuple[str, list[Path]]
) -> None:
    answer = dcmtk(
        "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study[0]}",
        "-k", "NumberOfStudyRelatedInstances", "127.0.0.1", place.dicom_port,
    )  # fmt: skip
    assert "IS [12]" in answer


def test_the_study_is_found_over_the_web(
    place: GatewayPlace, study: tuple[str, list[Path]]
) -> None:
    status, body = place.get(f"/dicom-web/studies?StudyInstanceUID={study[0]}")
    assert status == 200
    (found,) = json.loads(body)
    assert found["00201208"]["Value"] == [12]


def test_every_instance_comes_back_byte_for_byte_over_the_web(
    place: GatewayPlace, study: tuple[str, list[Path]]
) -> None:
    for path in study[1]:
        sent = path.read_bytes()
        found = meta.decode(sent)
        assert found is not None
        url = f"/dicom-web/studies/{study[0]}/series/{series_of(place, study[0])}"
        status, body = place.get(
            f"{url}/instances/{found.sop_instance_uid}", Accept="application/dicom"
        )
        assert status == 200
        assert data_set_of(body) == data_set_of(sent)


def series_of(place: GatewayPlace, study_uid: str) -> str:
    _, body = place.get(f"/dicom-web/studies/{study_uid}/series")
    return str(json.loads(body)[0]["0020000E"]["Value"][0])


@pytest.mark.parametrize(("media_type", "start"), [("jpeg", b"\xff\xd8"), ("png", b"\x89PNG")])
def test_a_picture_can_be_seen(
    place: GatewayPlace, study: tuple[str, list[Path]], media_type: str, start: bytes
) -> None:
    sop = meta.decode(study[1][0].read_bytes())
    assert sop is not None
    series = series_of(place, study[0])
    url = f"/dicom-web/studies/{study[0]}/series/{series}/instances/{sop.sop_instance_uid}/rendered"
    status, body = place.get(url, Accept=f"image/{media_type}")
    assert status == 200
    assert body.startswith(start)


def test_c_get_and_c_move_return_what_was_sent(
    place: GatewayPlace, study: tuple[str, list[Path]], tmp_path: Path
) -> None:
    got, moved, port = tmp_path / "got", tmp_path / "moved", free_port()
    got.mkdir()
    moved.mkdir()
    assert place.call("device", "add", "MOVESCU", "127.0.0.1", str(port)).returncode == 0
    key = f"StudyInstanceUID={study[0]}"
    level = "QueryRetrieveLevel=STUDY"
    where = ("127.0.0.1", place.dicom_port)
    dcmtk("getscu", "-S", "-od", got, "-k", level, "-k", key, *where)
    # With +B, movescu keeps every bit, and forgets the folder that -od names.
    dcmtk(
        "movescu", "-S", "+B", "-aem", "MOVESCU", "+P", port, "-k", level, "-k", key, *where,
        folder=moved,
    )  # fmt: skip
    sent = [path.read_bytes() for path in study[1]]
    received = {data_set_of(path.read_bytes()) for path in moved.iterdir()}
    assert received == {data_set_of(file) for file in sent}
    # getscu writes what it received anew, so here the values count and not the bytes.
    assert by_uid(map(dcmread, got.iterdir())) == by_uid(map(dcmread, study[1]))


def by_uid(data_sets: Iterable[Dataset]) -> dict[str, Dataset]:
    return {data_set.SOPInstanceUID: data_set for data_set in data_sets}


def test_sending_again_changes_nothing(place: GatewayPlace, study: tuple[str, list[Path]]) -> None:
    dcmtk("storescu", "-aec", "PACSGW", "127.0.0.1", place.dicom_port, *study[1])
    assert place.drained()
    _, body = place.get(f"/dicom-web/studies?StudyInstanceUID={study[0]}")
    assert json.loads(body)[0]["00201208"]["Value"] == [12]
    objects = place.folder / "objects" / "v1" / study[0]
    assert sum(1 for path in objects.rglob("*.dcm")) == 12


def test_importing_files_and_zips_works_beside_the_running_gateway(
    place: GatewayPlace, tmp_path: Path
) -> None:
    uid, files = ct_series(tmp_path / "media", 3)
    subprocess.run(["python3", "-m", "zipfile", "-c", str(tmp_path / "a.zip"), *files], check=True)
    (tmp_path / "media" / "notes.txt").write_text("not DICOM")
    done = place.call("import", str(tmp_path / "media"), str(tmp_path / "a.zip"))
    assert done.returncode == 1
    assert "6 files imported, 1 refused" in done.stdout
    assert "notes.txt" in done.stdout
    assert place.drained()
    _, body = place.get(f"/dicom-web/studies?StudyInstanceUID={uid}")
    assert json.loads(body)[0]["00201208"]["Value"] == [3]


@pytest.mark.parametrize(
    "path", ["/", "/dicom-web/studies", "/api/openapi.json", "/wado", "/metrics-x", "/studies/1.2"]
)
def test_strangers_are_refused_everywhere(place: GatewayPlace, path: str) -> None:

    connection = http.client.HTTPConnection("127.0.0.1", place.web_port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in (401, 404)
    assert PASSWORD.encode() not in answer.read()
    connection.close()


def test_a_second_gateway_on_the_same_port_is_told_in_one_line(place: GatewayPlace) -> None:
    done = place.call("serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "choose another port" in done.stderr


def test_an_unknown_setting_stops_the_start_in_one_line(tmp_path: Path) -> None:
    place = GatewayPlace(tmp_path, settings={"PACS_GATEWAY_DICOM__COLOUR": "red"})
    done = place.call("serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "COLOUR" in done.stderr.upper()
