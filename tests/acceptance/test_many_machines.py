"""Protects a gateway of several machines: any role on any host of one PostgreSQL and one S3, a host
that is lost in the middle of a send, and a next version that is brought to one host at a time.

Every host is a set of processes with ports and a data folder of its own, as on a machine of its own.
"""

import http.client
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from pydicom import dcmread
from pynetdicom import AE, build_context
from sqlalchemy import Connection, create_engine, text

from storage.database import SCHEMA_VERSION
from tests.acceptance.instances import ct_series
from tests.servers import PostgresqlServer, S3Server, wait_until
from tests.servers.gateway import PASSWORD, GatewayPlace

ROOT = Path(__file__).parents[2]
SLICES = 30
LOST_AFTER = 10
"""Images that a host has acknowledged when it is lost."""
NEXT_SCHEMA = f"{SCHEMA_VERSION[0]}999"
NEXT_MIGRATION = """
from alembic import op
from sqlalchemy import Column, Integer, text

revision, down_revision = "{next}", "{last}"


def upgrade() -> None:
    op.add_column("studies", Column("added", Integer, nullable=False, server_default=text("7")))
    op.create_table("added", Column("id", Integer, primary_key=True))
"""
"""What a next version may do under the feet of this one: add."""

# The sender's own pynetdicom leaves its socket to the garbage collector when it is cut off.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(frozen=True, slots=True)
class Hospital:
    """What its hosts share, and where their own data is."""

    folder: Path
    settings: Mapping[str, str]

    def host(self, name: str) -> GatewayPlace:
        """Return a place for one more host."""
        return GatewayPlace(self.folder / name, settings=self.settings)


@pytest.fixture
def hospital(
    tmp_path: Path, postgresql_server: PostgresqlServer, minio_server: S3Server
) -> Hospital:
    """Return a hospital with an empty database and an empty bucket."""
    settings = {
        "PACS_GATEWAY_INDEX__URL": postgresql_server.new_database(),
        "PACS_GATEWAY_OBJECTS__URL": f"s3://{tmp_path.name.replace('_', '-')[:60]}",
        "PACS_GATEWAY_OBJECTS__ENDPOINT": minio_server.endpoint,
        "PACS_GATEWAY_OBJECTS__ACCESS_KEY": minio_server.access_key,
        "PACS_GATEWAY_OBJECTS__SECRET_KEY": minio_server.secret_key,
        "PACS_GATEWAY_OBJECTS__SECURE": "false",
    }
    return Hospital(tmp_path, settings)


def send(files: list[Path], port: int, acknowledged: list[Path]) -> None:
    """Send until something breaks; write down each file that was answered 0000."""
    entity = AE()
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    first = dcmread(files[0])
    context = build_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, contexts=[context])
    if not association.is_established:
        return
    for path in files:
        try:
            status = association.send_c_store(dcmread(path))
        except RuntimeError:
            return
        if status.get("Status") != 0:
            return
        acknowledged.append(path)
    association.release()


def sending(files: list[Path], host: GatewayPlace) -> tuple[Thread, list[Path]]:
    """Begin to send to a host; return the sender and what was acknowledged to it so far."""
    acknowledged: list[Path] = []
    thread = Thread(target=send, args=(files, host.dicom_port, acknowledged), daemon=True)
    thread.start()
    return thread, acknowledged


def found(host: GatewayPlace, study_uid: str) -> list[str]:
    """Return the SOP Instance UIDs of a study that a host lists, with as many as it counts."""
    status, body = host.get(f"/dicom-web/studies/{study_uid}/instances?limit=1000")
    if status == 204:
        return []
    uids = sorted(each["00080018"]["Value"][0] for each in json.loads(body))
    _, body = host.get(f"/dicom-web/studies?StudyInstanceUID={study_uid}")
    assert json.loads(body)[0]["00201208"]["Value"] == [len(uids)]
    return uids


def uids_of(files: list[Path]) -> list[str]:
    return sorted(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in files)


def finds_all(host: GatewayPlace, study_uid: str, files: list[Path]) -> Callable[[], bool]:
    """Return a question: does the host list each of the files once?"""
    return lambda: found(host, study_uid) == uids_of(files)


def log_in(host: GatewayPlace) -> str:
    """Return the cookie of a new session."""
    form = urlencode({"username": "admin", "password": PASSWORD})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(answer(host, "POST", "/login", form, **kind).getheader("Set-Cookie")).split(";")[0]


def answer(
    host: GatewayPlace, method: str, path: str, body: str | None = None, **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", host.web_port, timeout=30)
    connection.request(method, path, body, {"Accept": "text/html", **headers})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.fixture
def next_version(tmp_path: Path) -> Mapping[str, str]:
    """Return the environment that runs a next version, with a newer schema, instead of this one."""
    folder = tmp_path / "next"
    for package in ("pacs_gateway", "storage", "viewer"):
        unneeded = shutil.ignore_patterns("node_modules", "vendor", "__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=unneeded)
    database = folder / "storage" / "database.py"
    now, then = f'SCHEMA_VERSION = "{SCHEMA_VERSION}"', f'SCHEMA_VERSION = "{NEXT_SCHEMA}"'
    assert now in database.read_text("utf-8")
    database.write_text(database.read_text("utf-8").replace(now, then), "utf-8")
    migration = NEXT_MIGRATION.format(next=NEXT_SCHEMA, last=SCHEMA_VERSION)
    versions = folder / "storage" / "migrations" / "versions"
    (versions / f"{NEXT_SCHEMA}_next.py").write_text(migration, "utf-8")
    # Safe path: `-m` must not find this version in the current folder first.
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_hosts_share_studies_and_sessions_and_one_that_is_lost_loses_nothing(
    hospital: Hospital, tmp_path: Path, stack: ExitStack
) -> None:
    one, other, reading = (hospital.host(name) for name in ("one", "other", "reading"))
    study_uid, files = ct_series(tmp_path / "ct", SLICES)
    running = stack.enter_context(one.running())
    stack.enter_context(other.running("dicom", "work"))
    stack.enter_context(reading.running("web"))
    cookie = log_in(one)
    assert answer(reading, "GET", "/", Cookie=cookie).status == 200
    assert answer(reading, "GET", "/", Cookie=f"{cookie}x").status != 200

    doomed, theirs = sending(files[: SLICES // 2], one)
    honest, ours = sending(files[SLICES // 2 :], other)
    assert wait_until(lambda: len(theirs) >= LOST_AFTER)
    running.kill_all()
    honest.join(60)
    doomed.join(60)
    assert ours == files[SLICES // 2 :]
    assert other.drained()
    assert set(uids_of(ours)) <= set(found(reading, study_uid))
    assert answer(reading, "GET", "/", Cookie=cookie).status == 200

    stack.enter_context(one.running())
    assert one.drained()
    listed = found(reading, study_uid)
    assert len(set(listed)) == len(listed)
    assert set(uids_of(theirs + ours)) <= set(listed)
    for uid in listed:
        path = f"/dicom-web/studies/{study_uid}/instances?SOPInstanceUID={uid}"
        series_uid = json.loads(reading.get(path)[1])[0]["0020000E"]["Value"][0]
        path = f"/dicom-web/studies/{study_uid}/series/{series_uid}/instances/{uid}"
        assert reading.get(path, Accept="application/dicom")[0] == 200


def test_the_next_version_comes_to_one_host_at_a_time(
    hospital: Hospital, tmp_path: Path, next_version: Mapping[str, str], stack: ExitStack
) -> None:
    one, other = hospital.host("one"), hospital.host("other")
    upgraded = replace(one, settings={**one.settings, **next_version})
    study_uid, files = ct_series(tmp_path / "ct", SLICES)
    before, during, after = files[:10], files[10:20], files[20:30]
    with one.running():
        send(before, one.dicom_port, [])
        assert one.drained()

    with other.running(), upgraded.running():
        assert schema(hospital) == NEXT_SCHEMA
        for host, part in ((other, during[:5]), (upgraded, during[5:])):
            send(part, host.dicom_port, [])
            assert host.drained()
        for host in (other, upgraded):
            assert wait_until(finds_all(host, study_uid, before + during))
        doctor = json.loads(other.call("doctor", "--json").stdout)["findings"]
        assert ("database", "ahead") in {(each["check"], each["code"]) for each in doctor}

    with other.running():  # Restarted, for whatever reason, before its turn has come.
        send(after, other.dicom_port, [])
        assert other.drained()
        assert wait_until(finds_all(other, study_uid, before + during + after))


def test_a_version_that_cannot_work_with_the_schema_says_so_and_stops(hospital: Hospital) -> None:
    host = hospital.host("one")
    with host.running("web"):
        pass
    later = f"{int(SCHEMA_VERSION[0]) + 1}000"
    write_schema(hospital, later)
    refused = host.call("serve")
    assert refused.returncode != 0
    (line,) = refused.stderr.strip().splitlines()
    assert f"schema {later} of a later version" in line
    assert "Install the later version" in line
    assert schema(hospital) == later


@contextmanager
def connected(hospital: Hospital) -> Iterator[Connection]:
    engine = create_engine(hospital.settings["PACS_GATEWAY_INDEX__URL"])
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def schema(hospital: Hospital) -> str:
    with connected(hospital) as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def write_schema(hospital: Hospital, version: str) -> None:
    with connected(hospital) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
