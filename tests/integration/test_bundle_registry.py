"""Without the npm registry the reading viewer is not built, and one line says why and what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.javascript import VIEWER, require_node


def test_a_registry_that_cannot_be_reached(tmp_path: Path) -> None:
    require_node()
    package = tmp_path / "site-packages" / "viewer"
    ignored = shutil.ignore_patterns("node_modules", "vendor", "__pycache__")
    shutil.copytree(VIEWER, package, ignore=ignored)
    done = subprocess.run(
        [sys.executable, "-m", "pacs_gateway", "viewer", "build"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(package.parent),
            "npm_config_registry": "http://127.0.0.1:9",
            "npm_config_cache": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the npm registry cannot be reached (ECONNREFUSED)" in line
    assert "`pacs-gateway viewer build`" in line
    assert not (package / "static" / "vendor" / "manifest.json").exists()
