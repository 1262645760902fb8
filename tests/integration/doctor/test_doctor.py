"""Invariant: doctor says in one line each what is so, whether the gateway runs or not, and one scrape
tells the counts of all its processes - all that the dashboard and the alert rules ask for."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pynetdicom import AE
from typer.testing import CliRunner

from pacs_gateway.app import prepare_database
from pacs_gateway.cli.commands import app
from pacs_gateway.config import Settings
from tests.servers import wait_until
from tests.servers.gateway import GatewayPlace, RunningGateway

GRAFANA = Path(__file__).parents[3] / "docs" / "grafana"
METRIC = re.compile(r"pacs_gateway_[a-z0-9_]+")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    place = GatewayPlace(
        tmp_path_factory.mktemp("place") / "data", settings={"PACS_GATEWAY_LANGUAGE": "en"}
    )
    with place.running() as running:
        store("CT_small.dcm", place.dicom_port)
        assert place.drained()
        yield running


def store(name: str, port: int) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    data_set = dcmread(str(path))
    entity = AE(ae_title="CT1")
    entity.add_requested_context(data_set.SOPClassUID, data_set.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port)
    assert association.is_established
    status = association.send_c_store(data_set)
    association.release()
    assert status.Status == 0


def scrape(place: GatewayPlace) -> str:
    status, body = place.get("/metrics")
    assert status == 200
    return body.decode()


def value(text: str, sample: str) -> float:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{sample} "))
    return float(line.rpartition(" ")[2])


def test_a_running_gateway_is_found_well(gateway: RunningGateway) -> None:
    place = gateway.place
    called = place.call("doctor", "--json")
    assert called.returncode == 0, called.stdout
    told = json.loads(called.stdout)
    found = {(each["check"], each["code"]): each for each in told["findings"]}
    assert found["processes", "run"]["values"]["names"] == "dicom-0, dicom-1, web, work"
    assert ("objects", "fine") in found
    assert ("database", "fine") in found
    ports = {e["values"]["port"] for e in told["findings"] if e["code"] == "listens"}
    assert ports == {str(place.dicom_port), str(place.web_port)}
    lines = place.call("doctor").stdout.splitlines()
    assert len(lines) == len(told["findings"]) + 1
    # Nothing of the probe stays behind.
    assert not [path for path in (place.folder / "objects").rglob("*") if "probe" in path.name][1:]


def test_one_scrape_has_the_counts_of_all_processes(gateway: RunningGateway) -> None:
    store("MR_small.dcm", gateway.place.dicom_port)
    assert gateway.place.drained()
    text = scrape(gateway.place)
    assert value(text, 'pacs_gateway_store_seconds_count{outcome="stored"}') == 2
    assert value(text, "pacs_gateway_store_bytes_count") == 2
    served = 'pacs_gateway_dimse_operations_total{service="C-STORE",status="0000"}'
    assert value(text, served) == 2
    assert value(text, "pacs_gateway_commit_lag_seconds_count") == 2
    assert value(text, 'pacs_gateway_objects_seconds_count{operation="put",outcome="ok"}') >= 2
    assert 'route="/metrics"' in scrape(gateway.place)


def test_the_dashboard_and_the_rules_ask_for_what_is_there(gateway: RunningGateway) -> None:
    place = gateway.place
    assert wait_until(lambda: "pacs_gateway_check_state" in scrape(place), deadline_s=60)
    status, body = place.get("/dicom-web/studies")
    assert status == 200
    uid = json.loads(body)[0]["0020000D"]["Value"][0]
    assert place.get(f"/dicom-web/studies/{uid}/rendered")[0] == 200
    dashboard = json.loads((GRAFANA / "pacs-gateway.json").read_text("utf-8"))
    asked = " ".join(t["expr"] for panel in dashboard["panels"] for t in panel["targets"])
    rules = yaml.safe_load((GRAFANA / "alerts.yml").read_text("utf-8"))
    asked += " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    names = set(METRIC.findall(asked))
    assert len(names) > 20
    told = set(METRIC.findall(scrape(place)))
    assert names - told == set()


def test_a_host_without_a_web_prints_the_same(gateway: RunningGateway) -> None:
    printed = gateway.place.call("metrics")
    assert printed.returncode == 0
    assert "pacs_gateway_store_seconds_count" in printed.stdout


def test_what_a_process_counted_is_not_lost_with_it(gateway: RunningGateway) -> None:
    sample = "pacs_gateway_commit_lag_seconds_count"
    before = value(scrape(gateway.place), sample)
    # The role `work` is started first (cli/serving.py).
    gateway.kill(gateway.processes()[1])
    store("CT_small.dcm", gateway.place.dicom_port)
    assert gateway.place.drained()
    assert value(scrape(gateway.place), sample) >= before


def doctor(monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: str) -> tuple[int, str]:
    """Call the command in this process; return its exit status and what it printed."""
    monkeypatch.setenv("PACS_GATEWAY_LANGUAGE", "en")
    for name, value in settings.items():
        monkeypatch.setenv(f"PACS_GATEWAY_{name}", value)
    result = CliRunner().invoke(app, ["--data-dir", str(folder), "doctor"], catch_exceptions=False)
    return result.exit_code, result.output


def test_a_folder_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = doctor(monkeypatch, tmp_path / "data")
    assert status == 1
    assert "does not exist" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("WEB__HOST", "0.0.0.0"), ("WEBB__HOST", "x"), ("LANGUAGE", "fr")]
)
def test_settings_that_cannot_be_used_are_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    status, said = doctor(monkeypatch, tmp_path, **{name: value})
    assert status == 1
    assert name.replace("__", ".").lower() in said or name in said


def test_servers_that_are_away_are_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a-secret-key-of-tests"
    status, said = doctor(
        monkeypatch,
        tmp_path,
        OBJECTS__URL="s3://images",
        OBJECTS__ENDPOINT="127.0.0.1:9",
        OBJECTS__ACCESS_KEY="tests",
        OBJECTS__SECRET_KEY=secret,
        OBJECTS__SECURE="false",
        INDEX__URL=f"postgresql+psycopg://u:{secret}@127.0.0.1:9/images",
    )
    assert status == 1
    assert "wrong    Image store: " in said
    assert "wrong    Database: " in said
    assert secret not in said


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_database(Settings(data_dir=tmp_path))
    free = shutil.disk_usage(tmp_path).free
    status, said = doctor(monkeypatch, tmp_path, SPOOL__RESERVE_BYTES=str(2 * free))
    assert status == 1
    assert "No room is left for images" in said
