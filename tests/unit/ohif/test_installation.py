"""Invariant: a viewer that is found is complete; whatever fails on the way leaves what was there
before, and nothing but the pinned package is ever installed."""

import fcntl
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs_gateway.config import OhifSettings, Settings
from pacs_gateway.ohif import fetching, installation, release, rewriting
from pacs_gateway.ohif.errors import BusyError, DownloadError, PackageError
from tests.ohif import APP, WASM, integrity_of, package_of, viewer_files, write_package


@pytest.fixture(name="settings")
def fixture_settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(name="package")
def fixture_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pinned(monkeypatch, write_package(tmp_path))


def pinned(monkeypatch: pytest.MonkeyPatch, package: Path) -> Path:
    monkeypatch.setattr(release, "INTEGRITY", integrity_of(package.read_bytes()))
    return package


def quiet(what: str, done: int, total: int | None) -> None:
    del what, done, total


def names(settings: Settings) -> set[str]:
    return {path.name for path in settings.ohif_dir.iterdir() if path.is_dir()}


def test_an_installation_has_what_is_served_and_nothing_else(
    settings: Settings, package: Path
) -> None:
    assert not installation.installed(settings)
    assert installation.install(settings, package, step=quiet)
    assert installation.installed(settings)
    folder = installation.served_folder(settings)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    wanted = {path for path in viewer_files() if rewriting.is_wanted(path)}
    assert {name.removesuffix(".gz") for name in found} == wanted
    assert (folder.parent / "LICENSE").read_bytes() == b"MIT"
    for name in (APP, WASM, "index.html"):
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == (folder / name).read_bytes()
    assert "assets/icon-0.png.gz" not in found


def test_installing_again_changes_nothing(settings: Settings, package: Path) -> None:
    installation.install(settings, package, step=quiet)
    page = installation.served_folder(settings) / "index.html"
    before = page.stat()
    assert not installation.install(settings, package, step=quiet)
    assert page.stat() == before


def test_only_the_pinned_package_is_installed(settings: Settings, package: Path) -> None:
    package.write_bytes(package.read_bytes() + b"\0")
    with pytest.raises(PackageError, match="as it was published"):
        installation.install(settings, package, step=quiet)
    assert not installation.installed(settings)
    assert names(settings) == set()


@pytest.mark.parametrize("stage", ["unpacking", "compressing"])
def test_what_fails_on_the_way_leaves_nothing(
    settings: Settings, package: Path, stage: str
) -> None:
    def fail(what: str, done: int, total: int | None) -> None:
        del done, total
        # At every step until the end there must be nothing to serve.
        assert not installation.installed(settings)
        if what == stage:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        installation.install(settings, package, step=fail)
    assert not installation.installed(settings)
    assert names(settings) == set()


def test_a_package_that_has_drifted_leaves_the_old_viewer(
    settings: Settings, package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation.install(settings, package, step=quiet)
    before = installation.served_folder(settings)
    files = {**viewer_files(), "index.html": b"<html></html>"}
    other = pinned(monkeypatch, write_package(tmp_path, package_of(files)))
    with pytest.raises(PackageError, match="not the OHIF"):
        installation.install(settings, other, step=quiet)
    assert (before / "index.html").is_file()
    assert not installation.installed(settings)


def test_a_new_version_replaces_the_old_one(
    settings: Settings, package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation.install(settings, package, step=quiet)
    (old,) = names(settings)
    files = {**viewer_files(), "assets/more.png": b"1"}
    other = pinned(monkeypatch, write_package(tmp_path, package_of(files)))
    assert installation.status(settings).others == (old,)
    assert installation.status(settings).folder is None
    installation.install(settings, other, step=quiet)
    assert old not in names(settings)
    assert installation.status(settings).others == ()


def test_what_a_killed_installation_left_is_swept_and_never_found(
    settings: Settings, package: Path
) -> None:
    left = settings.ohif_dir / "unfinished-ohif-abc" / "dist"
    left.mkdir(parents=True)
    assert installation.status(settings).others == ()
    installation.install(settings, package, step=quiet)
    assert not left.exists()


def test_what_a_killed_removal_left_is_swept(settings: Settings, package: Path) -> None:
    installation.install(settings, package, step=quiet)
    (name,) = names(settings)
    (settings.ohif_dir / f"unfinished-ohif-{name}" / "dist").mkdir(parents=True)
    assert installation.remove(settings)
    assert names(settings) == set()


def test_a_viewer_that_somebody_took_apart_is_made_anew(settings: Settings, package: Path) -> None:
    installation.install(settings, package, step=quiet)
    viewer = installation.served_folder(settings)
    viewer.rename(viewer.with_name("moved"))
    assert not installation.installed(settings)
    assert installation.install(settings, package, step=quiet)
    assert installation.installed(settings)


def test_two_at_once_are_refused(settings: Settings, package: Path) -> None:
    settings.ohif_dir.mkdir(parents=True)
    with (settings.ohif_dir / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for act in (
            lambda: installation.install(settings, package, step=quiet),
            lambda: installation.remove(settings),
        ):
            refused(act)
    assert installation.install(settings, package, step=quiet)


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(BusyError):
        act()


def test_removing(settings: Settings, package: Path) -> None:
    assert not installation.remove(settings)
    installation.install(settings, package, step=quiet)
    assert installation.status(settings).size > 0
    assert installation.remove(settings)
    assert not installation.installed(settings)
    assert names(settings) == set()
    assert installation.status(settings).size == 0


def test_a_folder_that_holds_other_things_keeps_them(tmp_path: Path, package: Path) -> None:
    settings = Settings(data_dir=tmp_path, ohif=OhifSettings(folder=tmp_path / "else" / "where"))
    others = {"patients", "3.13.2", "3.13.2-e911d6cd.old", "unfinished-letters"}
    for name in others:
        (settings.ohif_dir / name).mkdir(parents=True)
    installation.install(settings, package, step=quiet)
    assert installation.served_folder(settings).is_relative_to(tmp_path / "else" / "where")
    assert installation.status(settings).others == ()
    assert installation.remove(settings)
    assert names(settings) == others


@pytest.mark.parametrize("kept", ["LICENSE", "README.md"])
def test_a_package_without_a_viewer_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: str
) -> None:
    package = pinned(monkeypatch, write_package(tmp_path, package_of({f"../{kept}x": b""})))
    with pytest.raises(PackageError):
        installation.install(settings, package, step=quiet)


def test_a_registry_that_is_not_there_is_told_in_one_line_with_what_to_do(
    tmp_path: Path, settings: Settings
) -> None:
    address = "http://127.0.0.1:1/"
    with pytest.raises(DownloadError, match=r"ohif install --from") as told:
        fetching.fetch(address, tmp_path / "file", settings=settings.ohif, progress=lambda *_: None)
    assert "\n" not in str(told.value)
