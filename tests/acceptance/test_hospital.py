"""Protects docker-compose.yml: the parts it names work together with the settings it gives them.

No container engine is needed: the same programs run as plain processes - MinIO, PostgreSQL, Caddy
with the shipped Caddyfile, and the gateway's roles apart - and the file itself is checked.
"""

import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.acceptance.instances import ct_series
from tests.servers import PostgresqlServer, S3Server, free_port, require_program, running
from tests.servers.gateway import PASSWORD, GatewayPlace

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
HEADER_DEADLINE_S = 10
"""`read_header` in the Caddyfile."""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
    minio_server: S3Server,
) -> Iterator[GatewayPlace]:
    """The gateway on PostgreSQL and MinIO, receiving and storing apart from the web."""
    settings = {
        "PACS_GATEWAY_INDEX__URL": postgresql_server.new_database(),
        "PACS_GATEWAY_OBJECTS__URL": "s3://images",
        "PACS_GATEWAY_OBJECTS__ENDPOINT": minio_server.endpoint,
        "PACS_GATEWAY_OBJECTS__ACCESS_KEY": minio_server.access_key,
        "PACS_GATEWAY_OBJECTS__SECRET_KEY": minio_server.secret_key,
        "PACS_GATEWAY_OBJECTS__SECURE": "false",
        "PACS_GATEWAY_WEB__BEHIND_PROXY": "true",
    }
    place = GatewayPlace(tmp_path_factory.mktemp("hospital"), settings=settings)
    with place.running("dicom", "work"), place.running("web"):
        yield place


@pytest.fixture(scope="module")
def proxy_port(place: GatewayPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Caddy with the shipped Caddyfile in front of the web role."""
    caddy = require_program("caddy", "apt install caddy")
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "SITE_ADDRESS": f"https://localhost:{port}",
        "HTTP_PORT": str(free_port()),
        "GATEWAY_WEB": f"127.0.0.1:{place.web_port}",
    }
    with running(
        [caddy, "run", "--adapter", "caddyfile", "--config", ROOT / "deploy" / "Caddyfile"],
        log=folder / "caddy.log",
        ready=lambda: handshake(port),
        environment=environment,
    ):
        yield port


def unverified() -> ssl.SSLContext:
    """Trust the certificate of Caddy's own authority, which is new with each test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def handshake(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), timeout=2) as plain:
            unverified().wrap_socket(plain, server_hostname="localhost").close()
    except OSError:
        return False
    return True


def get(port: int, path: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
    connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=unverified())
    connection.request("GET", path, headers={"Authorization": f"Basic {credentials}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def test_an_image_goes_from_the_modality_to_the_browser(
    place: GatewayPlace, proxy_port: int, tmp_path: Path
) -> None:
    study_uid, files = ct_series(tmp_path, 5)
    storescu = require_program("storescu", "apt install dcmtk")
    where = ["127.0.0.1", str(place.dicom_port)]
    subprocess.run([storescu, "-aec", "PACSGW", *where, *files], check=True, timeout=60)
    assert place.drained()
    status, body, _ = get(proxy_port, f"/dicom-web/studies?StudyInstanceUID={study_uid}")
    assert status == 200
    (found,) = json.loads(body)
    assert found["00201208"]["Value"] == [5]
    # Behind the proxy, links in answers must lead back through it.
    assert found["00081190"]["Value"][0].startswith(f"https://localhost:{proxy_port}/dicom-web/")
    status, body, _ = get(proxy_port, f"/dicom-web/studies/{study_uid}/thumbnail")
    assert (status, body[:2]) == (200, b"\xff\xd8")
    assert not list(place.folder.rglob("objects"))


def test_the_proxy_drops_a_client_that_does_not_finish_its_head(proxy_port: int) -> None:
    with socket.create_connection(("localhost", proxy_port), timeout=5) as plain:
        slow = unverified().wrap_socket(plain, server_hostname="localhost")
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        slow.settimeout(HEADER_DEADLINE_S + 5)
        began = time.monotonic()
        while slow.recv(4096):
            pass
        assert time.monotonic() - began < HEADER_DEADLINE_S + 4
        slow.close()


def test_the_session_cookie_is_secure_behind_the_proxy(proxy_port: int) -> None:
    connection = http.client.HTTPSConnection(
        "localhost", proxy_port, timeout=30, context=unverified()
    )
    login = json.dumps({"username": "admin", "password": PASSWORD})
    connection.request("POST", "/api/session", login, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    cookie = answer.getheader("Set-Cookie") or ""
    connection.close()
    assert answer.status == 200
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


def example_environment() -> dict[str, str]:
    lines = (ROOT / "deploy" / "env.example").read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return {name: value or "filled-in" for name, value in pairs}


def compose(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = require_program("docker-compose", "apt install docker-compose")
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [program, "--file", COMPOSE, "config"],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_compose_file_is_valid_once_the_example_is_filled_in() -> None:
    done = compose(example_environment())
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {"dicom", "web", "minio", "postgres", "caddy"}
    for name, service in services.items():
        assert name == "caddy" or "healthcheck" in service
        if "build" not in service:
            assert ":" in service["image"]
            assert not service["image"].endswith(":latest")


@pytest.mark.parametrize(
    "secret", ["ADMIN_PASSWORD", "POSTGRES_PASSWORD", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"]
)
def test_compose_refuses_to_start_without_a_secret(secret: str) -> None:
    environment = example_environment()
    del environment[secret]
    done = compose(environment)
    assert done.returncode != 0
    assert secret in done.stderr
