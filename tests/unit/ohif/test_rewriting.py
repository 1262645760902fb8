"""Invariant: a viewer is fitted to its path completely or not at all: every replacement is made
exactly as often as in the release that was tested."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pacs_gateway.ohif import release
from pacs_gateway.ohif.errors import PackageError
from pacs_gateway.ohif.rewriting import RULES, Rule, is_wanted, recipe, rewrite
from tests.ohif import APP, viewer_files


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_nothing_points_to_the_root_of_the_host_afterwards(tmp_path: Path) -> None:
    rewrite(written(tmp_path, viewer_files()))
    page = (tmp_path / "index.html").read_text()
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert len(addresses) == 32
    assert all(address.startswith("/ohif/") for address in addresses)
    assert f"/ohif/{APP}?{recipe()}" in addresses
    assert "<script>" not in page
    for script in tmp_path.glob("*.js"):
        assert '.p = "/";' not in script.read_text()
    assert '.p = "/ohif/";' in (tmp_path / APP).read_text()
    assert "microscopy" not in (tmp_path / APP).read_text()
    assert "url(/0" not in (tmp_path / "app.bundle.css").read_text()


def test_scripts_that_load_from_elsewhere_are_emptied(tmp_path: Path) -> None:
    rewrite(written(tmp_path, viewer_files()))
    assert (tmp_path / "sw.js").read_bytes() == b""
    assert (tmp_path / "init-service-worker.js").read_bytes() == b""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern[:24])
def test_a_rule_that_no_longer_fits_is_told(tmp_path: Path, rule: Rule) -> None:
    rules = [
        r if r is not rule else Rule(r.files, r.pattern, r.replacement, r.count + 1) for r in RULES
    ]
    with pytest.raises(PackageError, match=re.escape(f"not {rule.count + 1}")):
        rewrite(written(tmp_path, viewer_files()), rules)


@pytest.mark.parametrize("name", ["index.html", APP, "app.bundle.css", "sw.js"])
def test_a_file_that_is_missing_or_changed_is_told(tmp_path: Path, name: str) -> None:
    files = viewer_files()
    with pytest.raises(PackageError, match=release.VERSION):
        rewrite(written(tmp_path / "missing", {k: v for k, v in files.items() if k != name}))
    with pytest.raises(PackageError, match=release.VERSION):
        rewrite(written(tmp_path / "changed", {**files, name: b""}))


def test_one_more_place_to_change_is_told(tmp_path: Path) -> None:
    files = {**viewer_files(), "new.js": b'__webpack_require__.p = "/";'}
    with pytest.raises(PackageError, match="found 9 times"):
        rewrite(written(tmp_path, files))


def test_a_script_that_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no text"):
        rewrite(written(tmp_path, {**viewer_files(), APP: b"\xff\xfe"}))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("index.html", True),
        ("assets/images/CT-Bone.png", True),
        ("app-config.js", False),
        ("a.bundle.js.map", False),
        ("ort/esm/ort.min.js", False),
        ("dicom-microscopy-viewer/dataLoader.worker.min.js.map", False),
        ("oidc-client.min.js", False),
    ],
)
def test_what_is_left_out(path: str, wanted: bool) -> None:
    assert is_wanted(path) is wanted


def test_another_package_makes_another_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe()
    assert recipe() == before
    monkeypatch.setattr(release, "INTEGRITY", "sha512-other")
    assert recipe() != before
