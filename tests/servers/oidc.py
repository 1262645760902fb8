"""A real OpenID provider: the example server of the certified library of Zitadel."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import free_port, running
from tests.servers.programs import require_go_program

USERNAME, PASSWORD = "test-user@localhost", "verysecure"
CLIENT_ID, CLIENT_SECRET = "web", "secret"


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A running provider that knows one person and one client."""

    issuer: str


@contextmanager
def oidc_provider(folder: Path, *redirect_uris: str) -> Iterator[OidcProvider]:
    """Run a provider that sends people back to these addresses."""
    port = free_port()
    issuer = f"http://localhost:{port}/"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{issuer}healthz", timeout=2):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    environment = {
        **os.environ,
        "PORT": str(port),
        "REDIRECT_URI": ",".join(redirect_uris),
    }
    with running(
        [require_go_program("zitadel-oidc")],
        log=folder / "oidc.log",
        ready=ready,
        environment=environment,
    ):
        yield OidcProvider(issuer)
