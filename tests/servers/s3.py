"""Two real S3 servers of different make: MinIO, and versitygw over a plain folder."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from tests.servers.processes import free_port, running
from tests.servers.programs import require_go_program

_ACCESS_KEY = "test-access-key"
_SECRET_KEY = "test-secret-key"
_EXTERNAL = "PACS_GATEWAY_TEST_S3_"


@dataclass(frozen=True, slots=True)
class S3Server:
    """How to reach one S3 server; `pid` is None when it is not ours."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int | None = None

    def answers(self) -> bool:
        """Return whether it serves requests already."""
        pool = urllib3.PoolManager(timeout=2.0, retries=False)
        client = Minio(
            self.endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            http_client=pool,
        )
        try:
            client.list_buckets()
        except (urllib3.exceptions.HTTPError, MinioException):
            return False
        finally:
            pool.clear()
        return True


def external_s3() -> S3Server | None:
    """Return the server that the environment names, if any."""
    endpoint = os.environ.get(f"{_EXTERNAL}ENDPOINT")
    if endpoint is None:
        return None
    keys = (os.environ[f"{_EXTERNAL}ACCESS_KEY"], os.environ[f"{_EXTERNAL}SECRET_KEY"])
    return S3Server(endpoint, *keys)


@contextmanager
def minio(folder: Path, *, port: int | None = None) -> Iterator[S3Server]:
    """Run MinIO with its data and log in `folder` until the block ends."""
    program = require_go_program("minio")
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    endpoint = f"127.0.0.1:{port or free_port()}"
    settings = {
        "MINIO_ROOT_USER": _ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": _SECRET_KEY,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    command: list[str | Path] = [program, "server", "--address", endpoint, data]
    with _s3(endpoint, command, settings) as server:
        yield server


@contextmanager
def versitygw(folder: Path, *, port: int | None = None) -> Iterator[S3Server]:
    """Run versitygw with its data and log in `folder` until the block ends."""
    program = require_go_program("versitygw")
    data = folder / "data"
    sidecar = folder / "metadata"  # Temporary file systems often lack extended attributes.
    for part in (data, sidecar):
        part.mkdir(parents=True, exist_ok=True)
    endpoint = f"127.0.0.1:{port or free_port()}"
    settings = {"ROOT_ACCESS_KEY": _ACCESS_KEY, "ROOT_SECRET_KEY": _SECRET_KEY}
    command: list[str | Path] = [program, "--port", endpoint, "posix", "--sidecar", sidecar, data]
    with _s3(endpoint, command, settings) as server:
        yield server


@contextmanager
def _s3(
    endpoint: str, command: Sequence[str | Path], settings: Mapping[str, str]
) -> Iterator[S3Server]:
    server = S3Server(endpoint, _ACCESS_KEY, _SECRET_KEY)
    log = Path(command[-1]).with_name("log")
    environment = {**os.environ, **settings}
    with running(command, log=log, ready=server.answers, environment=environment) as process:
        yield S3Server(endpoint, _ACCESS_KEY, _SECRET_KEY, process.pid)
