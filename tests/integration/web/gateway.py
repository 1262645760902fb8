"""A whole gateway's web side in this process: real index, store, spool, committer and sockets."""

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydicom.data import get_testdata_file

from pacs_gateway.access.passwords import hash_password
from pacs_gateway.access.roles import Role
from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.audit import acts
from pacs_gateway.config import Settings, SpoolSettings, WebSettings
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.web.app import create_app
from pacs_gateway.web.composition import services_of
from pacs_gateway.web.server import server_config
from pacs_gateway.web.services import Services
from storage.accounts import User
from storage.records import utc_now

PASSWORD = "a password of tests"
PASSWORD_HASH = hash_password(PASSWORD)
PATIENCE_S = 20
DICOM_TYPE = 'multipart/related; type="application/dicom"; boundary=part'


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """Return the body, which must be JSON."""
        return json.loads(self.body)

    def parts(self) -> list[tuple[str, bytes]]:
        """Return content type and bytes of each part; the answer must be multipart."""
        return [(fields["Content-Type"], content) for fields, content in self.whole_parts()]

    def whole_parts(self) -> list[tuple[dict[str, str], bytes]]:
        """Return header fields and bytes of each part; the answer must be multipart."""
        kind = self.headers["Content-Type"]
        assert kind.startswith("multipart/related; ")
        mark = b"--" + kind.rpartition("boundary=")[2].encode()
        pieces = (b"\r\n" + self.body).split(b"\r\n" + mark)
        assert pieces[0] == b""
        assert pieces[-1] == b"--\r\n"
        found = []
        for piece in pieces[1:-1]:
            head, _, content = piece.partition(b"\r\n\r\n")
            lines = head.decode().removeprefix("\r\n").split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines)
            assert int(fields.get("Content-Length", len(content))) == len(content)
            found.append((fields, content))
        return found


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests, with credentials if it has any."""

    port: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        path: str,
        method: str = "GET",
        body: bytes | Iterator[bytes] | None = None,
        **headers: str,
    ) -> Answer:
        """Send one request; a header named `Content_Type` is sent as `Content-Type`."""
        given = {**self.headers, **headers}
        named = {name.replace("_", "-"): value for name, value in given.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, named)
            with connection.getresponse() as response:
                return Answer(response.status, response.headers, response.read())

    def store(self, *files: bytes, study: str = "") -> Answer:
        """Send files by STOW-RS."""
        path = "/dicom-web/studies" + (f"/{study}" if study else "")
        return self(path, "POST", multipart(*files), Content_Type=DICOM_TYPE)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    archive: Archive
    services: Services
    app: FastAPI
    port: int

    def client(self, username: str = "", password: str = PASSWORD, **headers: str) -> Client:
        """Return a client, with HTTP Basic if there is a user name."""
        if username:
            credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {credentials}"
        return Client(self.port, headers)


def settings_for(folder: Path, **web: Any) -> Settings:
    """Return settings that keep everything in `folder`."""
    return Settings(
        data_dir=folder,
        # A busy machine may take long to file an image; a test that stored one goes on with it.
        web=WebSettings(port=0, **{"visible_wait_s": PATIENCE_S, **web}),
        # A developer's disk may be fuller than a hospital's should be.
        spool=SpoolSettings(
            stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=1000
        ),
    )


ROLE_OF = {
    "admin": Role.ADMINISTRATOR,
    "reader": Role.RADIOLOGIST,
    "device": Role.DEVICE,
    "doctor": Role.REFERRING,
    "visitor": Role.GUEST,
    "operator": Role.TECHNOLOGIST,
    "records": Role.ARCHIVIST,
}
"""The accounts of the test gateway."""


@contextmanager
def running(settings: Settings, *, commits: bool = True) -> Iterator[Gateway]:
    """Run a gateway; without `commits` nothing that is accepted becomes visible."""
    prepare_database(settings)
    archive = open_archive(settings)
    for username, role in ROLE_OF.items():
        user = User(username=username, password_hash=PASSWORD_HASH, role=role, created_at=utc_now())
        archive.accounts.add(user, acts.account_changed(acts.SYSTEM, username=username, change=""))
    renderer = Renderer(settings.imaging)
    services = services_of(archive, renderer)
    app = create_app(services)
    stop = threading.Event()
    committer = archive.committer()
    committing = threading.Thread(target=committer.run, args=(stop,))
    if commits:
        committing.start()
    try:
        with listening(app, settings) as port:
            yield Gateway(archive, services, app, port)
    finally:
        stop.set()
        if commits:
            committing.join()
        committer.close()
        renderer.close()
        archive.index._engine.dispose()


@contextmanager
def listening(app: FastAPI, settings: Settings) -> Iterator[int]:
    """Serve the application on the port of its settings, or a free one."""
    listener = socket.create_server(("127.0.0.1", settings.web.port))
    server = uvicorn.Server(server_config(app, settings.web))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def sample(name: str) -> bytes:
    """Return a file that pydicom ships."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom no longer ships {name}"
    return Path(path).read_bytes()


def multipart(*contents: bytes, content_type: str = "application/dicom") -> bytes:
    """Return a multipart body with the boundary of `DICOM_TYPE`."""
    head = f"--part\r\nContent-Type: {content_type}\r\n\r\n".encode()
    return b"".join(head + content + b"\r\n" for content in contents) + b"--part--\r\n"
