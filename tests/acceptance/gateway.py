"""The gateway's web part, running in this process."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from pacs_gateway.access.accounts import ensure_administrator
from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.config import DicomSettings, Settings, SpoolSettings, WebSettings
from pacs_gateway.errors import GatewayError
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.web.app import create_app
from pacs_gateway.web.composition import services_of
from storage.records import Origin, utc_now
from tests.servers import free_port, wait_until

PASSWORD = "Mật khẩu 123"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One running gateway and the archive behind it."""

    url: str
    archive: Archive

    def store(self, files: Iterable[bytes]) -> None:
        """Take Part 10 files in and wait until they are visible."""
        for file in files:
            self._accept(file)
        self._commit()

    def offer(self, files: Iterable[bytes]) -> None:
        """Take in those of the files that a gateway takes."""
        for file in files:
            with suppress(GatewayError):
                self._accept(file)
        self._commit()

    def _accept(self, file: bytes) -> None:
        origin = Origin(source="import", peer="tests", received_at=utc_now())
        with self.archive.ingest.begin_file(origin) as arrival:
            arrival.write(file)
            arrival.accept()

    def _commit(self) -> None:
        committer = self.archive.committer()
        while committer.run_once():
            pass
        committer.close()


@contextmanager
def running_gateway(folder: Path) -> Iterator[Gateway]:
    """Serve an archive in `folder` until the block ends."""
    settings = Settings(
        data_dir=folder,
        admin_password=SecretStr(PASSWORD),
        dicom=DicomSettings(port=11119, ae_title="BVTEST"),
        web=WebSettings(port=free_port()),
        # Test machines may have little room; the reserve is not what is tested here.
        spool=SpoolSettings(reserve_bytes=0, refuse_percent=100, stop_associations_percent=100),
    )
    prepare_database(settings)
    archive = open_archive(settings)
    ensure_administrator(archive.accounts, PASSWORD)
    renderer = Renderer(settings.imaging)
    app = create_app(services_of(archive, renderer))
    server = uvicorn.Server(
        uvicorn.Config(app, port=settings.web.port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    try:
        assert wait_until(lambda: server.started)
        yield Gateway(f"http://127.0.0.1:{settings.web.port}", archive)
    finally:
        server.should_exit = True
        thread.join()
        renderer.close()
        archive.close()
