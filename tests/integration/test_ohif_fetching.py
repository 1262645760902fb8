"""Invariant: whatever a registry sends or does not send, fetching ends within its limits, with one
line that says what to do, and only the pinned package is installed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pacs_gateway.config import OhifSettings, Settings
from pacs_gateway.errors import ConfigurationError, GatewayError
from pacs_gateway.ohif import fetching, installation, release
from pacs_gateway.ohif.errors import DownloadError, PackageError
from tests.ohif import integrity_of, package_of, viewer_files
from tests.servers import free_port
from tests.servers.gateway import GatewayPlace

Answer = Callable[[BaseHTTPRequestHandler], None]
PACKAGE = package_of(viewer_files())


@contextmanager
def registry(answer: Answer) -> Iterator[str]:
    """Run an npm registry that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/npm/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sending(body: bytes, *, length: int | None = None, status: int = 200) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        assert request.path == f"/npm/@ohif/app/-/app-{release.VERSION}.tgz"
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            # The client has seen enough.
            return

    return answer


def trickling(request: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, as an overloaded or hostile server does."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        return


def silent(request: BaseHTTPRequestHandler) -> None:
    del request
    time.sleep(1)


def settings_for(folder: Path, address: str, **limits: float) -> Settings:
    return Settings(
        data_dir=folder, ohif=OhifSettings.model_validate({"registry": address, **limits})
    )


def install(settings: Settings) -> bool:
    return installation.install(settings, None, step=lambda *_: None)


def test_a_package_is_fetched_with_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "INTEGRITY", integrity_of(PACKAGE))
    told: list[tuple[str, int, int | None]] = []
    with registry(sending(PACKAGE)) as address:
        settings = settings_for(tmp_path, address)
        assert installation.install(settings, None, step=lambda *step: told.append(step))
    assert installation.installed(settings)
    assert ("downloading", len(PACKAGE), len(PACKAGE)) in told


@pytest.mark.parametrize(
    ("answer", "error", "limits"),
    [
        (sending(b"", status=404), DownloadError, {}),
        (sending(b"", status=500), DownloadError, {}),
        (sending(b"<html>log in</html>"), PackageError, {}),
        (sending(PACKAGE[:-1]), PackageError, {}),
        (sending(PACKAGE[:99], length=len(PACKAGE)), PackageError, {}),
        (sending(bytes(3_000_000)), PackageError, {"max_download_bytes": 2**20}),
        (silent, DownloadError, {"silence_deadline_s": 0.2}),
        (trickling, DownloadError, {"download_deadline_s": 0.3}),
    ],
    ids=["404", "500", "html", "other", "short", "large", "silent", "slow"],
)
def test_what_goes_wrong_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    error: type[GatewayError],
    limits: dict[str, float],
) -> None:
    monkeypatch.setattr(release, "INTEGRITY", integrity_of(PACKAGE))
    began = time.monotonic()
    with registry(answer) as address:
        settings = settings_for(tmp_path, address, **limits)
        with pytest.raises(error) as told:
            install(settings)
    assert time.monotonic() - began < 8
    assert "\n" not in str(told.value)
    assert not installation.installed(settings)
    assert [path.name for path in settings.ohif_dir.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://host/", "nonsense", "http://", "http://["]
)
def test_a_registry_is_a_web_address(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match="npm registry"):
        install(settings_for(tmp_path, address))


def test_the_registry_is_npms_own_unless_we_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://mirror.example/")
    assert fetching.registry(Settings().ohif) == "http://mirror.example/"
    monkeypatch.setenv("PACS_GATEWAY_OHIF__REGISTRY", "http://ours.example/")
    assert fetching.registry(Settings().ohif) == "http://ours.example/"
    monkeypatch.delenv("npm_config_registry")
    monkeypatch.delenv("PACS_GATEWAY_OHIF__REGISTRY")
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\n[ "$*" = "config get registry" ] && echo http://npm.example/\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert fetching.registry(Settings().ohif) == "http://npm.example/"
    npm.write_text("#!/bin/sh\nexit 1\n")
    assert fetching.registry(Settings().ohif) == release.PUBLIC_REGISTRY
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert fetching.registry(Settings().ohif) == release.PUBLIC_REGISTRY


def test_the_command_says_what_it_did_or_what_to_do(tmp_path: Path) -> None:
    nowhere = {"PACS_GATEWAY_OHIF__REGISTRY": f"http://127.0.0.1:{free_port()}/"}
    place = GatewayPlace(tmp_path, settings=nowhere)
    assert "not installed" in place.call("ohif", "status").stdout
    failed = place.call("ohif", "install")
    assert failed.returncode == 1
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith("pacs-gateway: 127.0.0.1 does not give out OHIF")
    assert "ohif install --from" in last
    assert "Traceback" not in failed.stderr
    other = tmp_path / "other.tgz"
    other.write_bytes(PACKAGE)
    refused = place.call("ohif", "install", "--from", str(other))
    assert refused.returncode == 1
    assert "as it was published" in refused.stderr
    assert "not installed" in place.call("ohif", "remove").stdout
