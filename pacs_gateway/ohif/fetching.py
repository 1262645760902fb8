"""Fetches the package from an npm registry, within bounds, and proves that it is the right one."""

import base64
import hashlib
import hmac
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from ssl import SSLError
from time import monotonic
from typing import IO
from urllib.parse import urlsplit

from pacs_gateway.config import OhifSettings
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.ohif import release
from pacs_gateway.ohif.errors import DownloadError, PackageError

Progress = Callable[[int, int | None], None]
"""Is told the bytes that are here and those that there will be, if known."""

_READ_AT_ONCE = 256 * 1024
_SCHEMES = ("http", "https")


def registry(settings: OhifSettings) -> str:
    """Return the address of the npm registry that this installation uses.

    npm knows a hospital's mirror if somebody has told it; without npm there is nobody to ask.
    """
    if settings.registry:
        return settings.registry
    npm = shutil.which("npm")
    if npm is None:
        return release.PUBLIC_REGISTRY
    try:
        done = subprocess.run(  # noqa: S603 - npm as found on the person's own PATH.
            [npm, "config", "get", "registry"],
            capture_output=True,
            text=True,
            timeout=settings.silence_deadline_s,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return release.PUBLIC_REGISTRY
    return done.stdout.strip() or release.PUBLIC_REGISTRY


def fetch(address: str, target: Path, *, settings: OhifSettings, progress: Progress) -> None:
    """Download the package from the registry at `address` into `target`.

    Raises DownloadError, which says what to do instead, or ConfigurationError.
    """
    host = _host(address)
    url = f"{address.rstrip('/')}/{release.PATH}"
    try:
        with (
            urllib.request.urlopen(url, timeout=settings.silence_deadline_s) as answer,  # noqa: S310 - the scheme is checked above.
            target.open("xb") as file,
        ):
            _copy(answer, file, settings, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(_advice(host, f"status {error.code}")) from error
    except urllib.error.URLError as error:
        raise DownloadError(_advice(host, error.reason)) from error
    except (HTTPException, SSLError, TimeoutError, ConnectionError) as error:
        raise DownloadError(_advice(host, error)) from error


def check(package: Path) -> None:
    """Raise PackageError unless the file is the pinned package, byte for byte."""
    algorithm, _, expected = release.INTEGRITY.partition("-")
    with package.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).digest()
    if not hmac.compare_digest(base64.b64encode(found), expected.encode()):
        raise PackageError(
            f"{package.name} is not {release.FILE_NAME} of OHIF as it was published, or it is"
            " damaged; fetch it again. Nothing is changed."
        )


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.scheme in _SCHEMES else None
    except ValueError:
        host = None
    if not host:
        raise ConfigurationError(f"The npm registry {address!r} is not an http(s) address.")
    return host


def _copy(
    answer: HTTPResponse, file: IO[bytes], settings: OhifSettings, progress: Progress
) -> None:
    announced = answer.headers.get("Content-Length", "")
    total = int(announced) if announced.isdecimal() else None
    end = monotonic() + settings.download_deadline_s
    size = 0
    # read1 gives what is there, so that a trickle cannot hold up the look at the clock.
    while piece := answer.read1(_READ_AT_ONCE):
        size += len(piece)
        if size > settings.max_download_bytes:
            raise PackageError(
                f"The registry sends more than {settings.max_download_bytes} bytes; this is not OHIF."
            )
        if monotonic() > end:
            raise DownloadError(_advice("The registry", "it is too slow"))
        file.write(piece)
        progress(size, total)


def _advice(who: str, why: object) -> str:
    return (
        f"{who} does not give out OHIF ({why}). On a computer that reaches the Internet, fetch"
        f" {release.ADDRESS}, bring the file here, and run"
        f" `{release.INSTALL} --from {release.FILE_NAME}`."
    )
