"""Protects docs/design/0001: the wheel holds our three packages and nothing else at its top level,
and nothing we depend on installs one of their names."""

import subprocess
import sys
import zipfile
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"pacs_gateway", "storage", "viewer"}


def test_wheel_holds_our_packages_only(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == OURS
    assert "viewer/templates/login.html" in names
    assert any(name.startswith("storage/migrations/versions/") for name in names)


def test_no_dependency_installs_our_names() -> None:
    owners = packages_distributions()
    for name in OURS:
        assert set(owners.get(name, ["pacs-gateway"])) == {"pacs-gateway"}
    assert any(found.name == "pacs-gateway" for found in distributions())
