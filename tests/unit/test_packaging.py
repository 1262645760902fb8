"""Protects docs/design/0001: the wheel holds our three packages and nothing else at its top level,
and nothing we depend on installs one of their names."""

import subprocess
import sys
import zipfile
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest

from tests.javascript import require_bundle

ROOT = Path(__file__).parents[2]
OURS = {"pacs_gateway", "storage", "viewer"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)),
        ],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_holds_our_packages_only(names: list[str]) -> None:
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == OURS
    assert "viewer/templates/login.html" in names
    assert any(name.startswith("storage/migrations/versions/") for name in names)


def test_wheel_carries_the_reading_viewer_and_what_builds_it_again(names: list[str]) -> None:
    assert {"viewer/package-lock.json", "viewer/bundle/vite.config.mjs"} <= set(names)
    assert not any("node_modules" in name for name in names)
    require_bundle()
    assert {"viewer/static/vendor/manifest.json", "viewer/static/vendor/LICENSES.txt"} <= set(names)


def test_no_dependency_installs_our_names() -> None:
    owners = packages_distributions()
    for name in OURS:
        assert set(owners.get(name, ["pacs-gateway"])) == {"pacs-gateway"}
    assert any(found.name == "pacs-gateway" for found in distributions())
