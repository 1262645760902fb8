"""The gateway and Orthanc, each as a process on this machine, with a series stored in it."""

import http.client
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path

from benchmarks.processes import wait_until_quiet
from benchmarks.series import Series
from tests.servers import free_port
from tests.servers.gateway import PASSWORD, GatewayPlace
from tests.servers.processes import running

ORTHANC_PLUGINS = "/usr/share/orthanc/plugins"
DEADLINE_S = 60
RECEIVER = "BENCH"
"""AE title of the client, to which both may send what it asks for."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One DICOMweb server, asked over one connection that stays open."""

    name: str
    connection: http.client.HTTPConnection
    pid: int
    dicom_port: int
    ae_title: str
    start_s: float
    """From its command to its word that it is ready."""
    headers: Mapping[str, str] = field(default_factory=dict)
    root: str = "/dicom-web"

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of an answer.

        Raises RuntimeError for any status but 200: what failed fast was not fast.
        """
        status, body = self._answer(path, headers)
        if status != HTTPStatus.OK:
            raise RuntimeError(f"{self.name} answers {status} to {path}: {body[:200]!r}")
        return body

    def answers(self, path: str, **headers: str) -> bool:
        """Return whether the server can do what is asked."""
        return self._answer(path, headers)[0] == HTTPStatus.OK

    def _answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.connection.request("GET", self.root + path, headers={**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def timed(self, path: str, **headers: str) -> float:
        """Return the seconds from a request to the end of its answer."""
        began = time.perf_counter()
        self.get(path, **headers)
        return time.perf_counter() - began

    def reconnect(self) -> None:
        """Open a new connection: the old one may have been idle for longer than a server waits."""
        self.connection.close()
        # An archive that is empty yet answers 204.
        self._answer("/studies?limit=1", {"Accept": "application/dicom+json"})

    def another(self) -> "Peer":
        """Return the same server, asked over a connection of its own."""
        old = self.connection
        new = http.client.HTTPConnection(old.host, old.port, timeout=DEADLINE_S)
        return replace(self, connection=new)

    def settle(self) -> None:
        """Wait until the server has done what it put off while it was busy."""
        wait_until_quiet(self.pid)

    def stow(self, file: bytes) -> None:
        """Store one file by STOW-RS; raises RuntimeError if it is not stored."""
        head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
        self.connection.request(
            "POST",
            f"{self.root}/studies",
            head + file + b"\r\n--b--\r\n",
            {
                **self.headers,
                "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
                "Accept": "application/dicom+json",
            },
        )
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{self.name} does not store: {answer.status}.")

    def store(self, series: Series) -> None:
        """Store a series by STOW-RS and wait until all of it is searchable."""
        self.reconnect()
        for file in series.files:
            self.stow(file)
        end = time.monotonic() + DEADLINE_S
        path = f"/studies/{series.study_uid}/instances?limit=10000"
        while time.monotonic() < end:
            found = json.loads(self.get(path, Accept="application/dicom+json"))
            if len(found) == len(series.files):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not show what it stored.")


@contextmanager
def gateway(folder: Path, *, receiver_port: int) -> Iterator[Peer]:
    """Run the gateway with its defaults until the block ends."""
    place = GatewayPlace(folder / "gateway")
    credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
    place.folder.mkdir()
    place.call("device", "add", RECEIVER, "127.0.0.1", str(receiver_port)).check_returncode()
    began = time.perf_counter()
    with place.running() as running_gateway:
        yield Peer(
            "gateway",
            http.client.HTTPConnection("127.0.0.1", place.web_port, timeout=DEADLINE_S),
            pid=running_gateway.supervisor.pid,
            dicom_port=place.dicom_port,
            ae_title="PACSGW",
            start_s=time.perf_counter() - began,
            headers={"Authorization": f"Basic {credentials}"},
        )


@contextmanager
def orthanc(folder: Path, program: Path, *, receiver_port: int) -> Iterator[Peer]:
    """Run Orthanc with its defaults and the DICOMweb plugin until the block ends."""
    port, dicom_port = free_port(), free_port()
    place = folder / "orthanc"
    place.mkdir()
    configuration = place / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(place),
                "IndexDirectory": str(place),
                "HttpPort": port,
                "DicomPort": dicom_port,
                "DicomAet": "ORTHANC",
                "DicomModalities": {RECEIVER: [RECEIVER, "127.0.0.1", receiver_port]},
                "AuthenticationEnabled": False,
                "Plugins": [ORTHANC_PLUGINS],
                "DicomWeb": {"Enable": True},
            }
        )
    )
    log = place / "orthanc.log"
    began = time.perf_counter()
    with running(
        [program, configuration], log=log, ready=lambda: b"Orthanc has started" in log.read_bytes()
    ) as process:
        yield Peer(
            "Orthanc",
            http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S),
            pid=process.pid,
            dicom_port=dicom_port,
            ae_title="ORTHANC",
            start_s=time.perf_counter() - began,
        )
