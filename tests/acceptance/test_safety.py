"""Invariant: the installed command refuses an unsafe start with one line and status 2, before it
has opened a port or made a file, and what it writes is for its own account alone."""

import contextlib
from pathlib import Path

import pytest

from tests.servers.gateway import GatewayPlace


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"PACS_GATEWAY_WEB__HOST": "0.0.0.0"}, "PACS_GATEWAY_WEB__BEHIND_PROXY=true"),
        ({"PACS_GATEWAY_ADMIN_PASSWORD": "changeme123"}, "pacs-gateway user password admin"),
        ({"PACS_GATEWAY_DICOM__TLS_CERTIFICATE": "none.pem"}, "dicom.tls_key"),
        (
            {
                "PACS_GATEWAY_DICOM__TLS_CERTIFICATE": "none.pem",
                "PACS_GATEWAY_DICOM__TLS_KEY": "none.pem",
            },
            "none.pem cannot be used",
        ),
    ],
)
def test_unsafe_settings_do_not_start(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    place = GatewayPlace(tmp_path / "data", settings=settings)
    ended = place.call("serve")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert told in ended.stderr
    assert not place.folder.exists()


def test_what_is_written_is_for_its_own_account(tmp_path: Path) -> None:
    place = GatewayPlace(tmp_path / "data")
    with place.running():
        written = _modes(place.folder)
    assert {path.name for path in written} >= {"spool", "index.sqlite"}
    assert [path for path, mode in written.items() if mode & 0o077] == []


def _modes(folder: Path) -> dict[Path, int]:
    """The permissions of everything a running gateway has written.

    A journal of SQLite may be gone between its listing and the look at it.
    """
    modes: dict[Path, int] = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if not path.name.startswith("serve"):
                modes[path] = path.stat().st_mode
    return modes
