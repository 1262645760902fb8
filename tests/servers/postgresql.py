"""A real PostgreSQL of its own: new data folder, free port, no password on loopback."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers.processes import free_port, running
from tests.servers.programs import require_program

_HINT = "apt-get install postgresql"
_SUPERUSER = "postgres"
# What a test database loses in a power cut nobody misses.
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """Where the server listens."""

    port: int

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{_SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its SQLAlchemy URL."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            # UUID digits only: nothing to quote.
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def answers(self) -> bool:
        """Return whether it takes connections already."""
        try:
            psycopg.connect(self._conninfo, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={_SUPERUSER} dbname=postgres"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder and a port, where PostgreSQL may be started again and again."""

    folder: Path
    program: Path
    user: str | None
    server: PostgresqlServer

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run PostgreSQL until the block ends."""
        options: list[str | Path] = [
            *("-D", self.folder / "data", "-p", str(self.server.port), "-k", self.folder)
        ]
        with running(
            [self.program, *options, "-c", "listen_addresses=127.0.0.1", *_FAST],
            log=self.folder / "log",
            ready=self.server.answers,
            user=self.user,
            stop_signal=signal.SIGINT,  # The fast shutdown: it does not wait for clients.
        ) as process:
            yield process


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a new, empty cluster, which is not running, for the time of the block."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb = require_program("initdb", _HINT, folders=debian)
    program = require_program("postgres", _HINT, folders=debian)
    user = _unprivileged_user()
    # Not pytest's folder: its parents are closed to other users.
    with tempfile.TemporaryDirectory(prefix="pacs-gateway-postgresql-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        _make_cluster(initdb, folder / "data", user)
        yield Cluster(folder, program, user, PostgresqlServer(free_port()))


@contextmanager
def postgresql() -> Iterator[PostgresqlServer]:
    """Run a new, empty PostgreSQL until the block ends."""
    with cluster() as here, here.running():
        yield here.server


def _make_cluster(initdb: Path, data: Path, user: str | None) -> None:
    options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run(
        [initdb, *options, "-U", _SUPERUSER, "-D", data],
        check=True,
        cwd=data.parent,
        stdout=subprocess.DEVNULL,
        user=user,
    )


def _unprivileged_user() -> str | None:
    """Return whom PostgreSQL must run as, since it refuses root; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
