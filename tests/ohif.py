"""Small packages that look like OHIF's to every rule, and tar files of any kind."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pacs_gateway.ohif import release

HASH = "0123456789abcdef"
APP = f"app.bundle.{HASH}.js"
WASM = f"{HASH}.wasm"
_PUBLIC_PATH = '__webpack_require__.p = "/";\n'


def viewer_files() -> dict[str, bytes]:
    """Return the files of a viewer, by path below `dist`."""
    links = "".join(f'<link rel="icon" href="/assets/icon-{n}.png">' for n in range(30))
    page = (
        '<html><head><script>console.time(),window.PUBLIC_URL="/"</script>'
        f'<link rel="manifest" href="/manifest.json">{links}'
        '<script>function f(n){return import(n)}window.PUBLIC_URL="/"</script>'
        f'<script defer src="/{APP}"></script><link href="/app.bundle.css" rel="stylesheet">'
        "</head><body></body></html>"
    )
    app = 'pluginImports_modes.push("@ohif/mode-microscopy");\n' + _PUBLIC_PATH + "// filler\n" * 99
    fonts = "".join(f"@font-face{{src:url(/{HASH}.woff2)}}" for _ in range(5))
    workers = {f"{n}.bundle.{HASH}.js": _PUBLIC_PATH.encode() for n in range(7)}
    return {
        "index.html": page.encode(),
        APP: app.encode(),
        "app.bundle.css": fonts.encode(),
        "init-service-worker.js": b"importScripts('https://elsewhere.example/')",
        "sw.js": b"importScripts('https://elsewhere.example/')",
        "app-config.js": b"window.config = {}",
        WASM: b"\0asm" + bytes(500),
        "assets/icon-0.png": b"\x89PNG",
        "ort/large.wasm": b"\0asm",
        f"{APP}.map": b"{}",
        **workers,
    }


def package_of(files: Mapping[str, bytes]) -> bytes:
    """Return an npm package with these files of the viewer and a licence."""
    members = {f"package/dist/{path}": content for path, content in files.items()}
    return tar(
        plain(name, content) for name, content in {"package/LICENSE": b"MIT", **members}.items()
    )


def integrity_of(package: bytes) -> str:
    """Return what npm would call the integrity of a package."""
    return "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()


def write_package(folder: Path, package: bytes | None = None) -> Path:
    """Write a package under the name it has in a registry."""
    path = folder / release.FILE_NAME
    path.write_bytes(package_of(viewer_files()) if package is None else package)
    return path


def plain(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Return a regular file for `tar`."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a link, device or other thing for `tar`."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a gzipped tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
