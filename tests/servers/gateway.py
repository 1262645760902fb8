"""The gateway itself, as the processes that a hospital runs."""

import http.client
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.processes import free_port, running, wait_until

PASSWORD = "a long test password"
ROOMY = {
    # Test machines may have little room; the reserve is tested elsewhere.
    "PACS_GATEWAY_SPOOL__RESERVE_BYTES": "0",
    "PACS_GATEWAY_SPOOL__REFUSE_PERCENT": "100",
    "PACS_GATEWAY_SPOOL__STOP_ASSOCIATIONS_PERCENT": "100",
}


@dataclass(frozen=True, slots=True)
class GatewayPlace:
    """A data folder and two ports, where a gateway may be started again and again."""

    folder: Path
    dicom_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if "PACS_GATEWAY" not in name}
        return {
            **kept,
            **ROOMY,
            "PACS_GATEWAY_DATA_DIR": str(self.folder),
            "PACS_GATEWAY_DICOM__PORT": str(self.dicom_port),
            "PACS_GATEWAY_WEB__PORT": str(self.web_port),
            "PACS_GATEWAY_ADMIN_PASSWORD": PASSWORD,
            **self.settings,
        }

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of `pacs-gateway`."""
        return [sys.executable, "-m", "pacs_gateway", *arguments]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def running(self, *roles: str) -> Iterator["RunningGateway"]:
        """Serve until the block ends, all roles unless some are named."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"serve{'-'.join(('', *roles))}.log"
        started = log.stat().st_size if log.exists() else 0
        options = [part for role in roles for part in ("--role", role)]
        with running(
            self.command("serve", *options),
            log=log,
            ready=lambda: b"Ready." in log.read_bytes()[started:],
            environment=self.environment(),
        ) as process:
            yield RunningGateway(self, process)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body of an authenticated GET request."""
        credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=30)
        try:
            connection.request(
                "GET", path, headers={"Authorization": f"Basic {credentials}", **headers}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def spool_is_empty(self) -> bool:
        """Return whether all that was acknowledged is stored and indexed."""
        return not os.listdir(self.folder / "spool" / "ready")

    def drained(self) -> bool:
        """Wait until the spool is empty; return whether that came true."""
        return wait_until(self.spool_is_empty, deadline_s=60)


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """The processes of a gateway."""

    place: GatewayPlace
    supervisor: subprocess.Popen[bytes]

    def processes(self) -> Sequence[int]:
        """Return the supervisor and its children, by process ID."""
        children = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children")
        return [self.supervisor.pid, *map(int, children.read_text("ascii").split())]

    def kill(self, process: int) -> None:
        """End a process as a power cut would, with no chance to tidy up."""
        os.kill(process, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill every process of the gateway."""
        for process in self.processes():
            self.kill(process)
        self.supervisor.wait()
