"""The gateway and Orthanc, each as a process on this machine, with a series stored in it."""

import http.client
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from benchmarks.series import Series
from tests.servers import free_port
from tests.servers.gateway import PASSWORD, GatewayPlace
from tests.servers.processes import running

ORTHANC_PLUGINS = "/usr/share/orthanc/plugins"
DEADLINE_S = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """One DICOMweb server, asked over one connection that stays open."""

    name: str
    root: str
    connection: http.client.HTTPConnection
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of an answer.

        Raises RuntimeError for any status but 200: what failed fast was not fast.
        """
        self.connection.request("GET", self.root + path, headers={**self.headers, **headers})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{self.name} answers {answer.status} to {path}: {body[:200]!r}")
        return body

    def timed(self, path: str, **headers: str) -> float:
        """Return the seconds from a request to the end of its answer."""
        began = time.perf_counter()
        self.get(path, **headers)
        return time.perf_counter() - began

    def reconnect(self) -> None:
        """Open a new connection: the old one may have been idle for longer than a server waits."""
        self.connection.close()
        self.get("/studies?limit=1", Accept="application/dicom+json")

    def store(self, series: Series) -> None:
        """Store a series by STOW-RS and wait until all of it is searchable."""
        for file in series.files:
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
        end = time.monotonic() + DEADLINE_S
        path = f"/studies/{series.study_uid}/instances?limit=10000"
        while time.monotonic() < end:
            found = json.loads(self.get(path, Accept="application/dicom+json"))
            if len(found) == len(series.files):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not show what it stored.")


@contextmanager
def gateway(folder: Path) -> Iterator[Peer]:
    """Run the gateway with its defaults until the block ends."""
    place = GatewayPlace(folder / "gateway")
    credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
    with place.running():
        yield Peer(
            "gateway",
            "/dicom-web",
            http.client.HTTPConnection("127.0.0.1", place.web_port, timeout=DEADLINE_S),
            {"Authorization": f"Basic {credentials}"},
        )


@contextmanager
def orthanc(folder: Path, program: Path) -> Iterator[Peer]:
    """Run Orthanc with its defaults and the DICOMweb plugin until the block ends."""
    port = free_port()
    place = folder / "orthanc"
    place.mkdir()
    configuration = place / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(place),
                "IndexDirectory": str(place),
                "HttpPort": port,
                "DicomPort": free_port(),
                "AuthenticationEnabled": False,
                "Plugins": [ORTHANC_PLUGINS],
                "DicomWeb": {"Enable": True},
            }
        )
    )
    log = place / "orthanc.log"
    with running(
        [program, configuration], log=log, ready=lambda: b"Orthanc has started" in log.read_bytes()
    ):
        yield Peer(
            "Orthanc",
            "/dicom-web",
            http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S),
        )
