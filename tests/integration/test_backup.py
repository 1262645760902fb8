"""Protects: a backup made while images come in is one moment of the database, and put back it is that
moment again; a trial touches nothing and finds what is wrong; live data is never overwritten unasked."""

import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from pacs_gateway.app import Archive
from pacs_gateway.archive.backup import DATABASE, Manifest, back_up, read_manifest
from pacs_gateway.archive.restore import rehearse, restore
from pacs_gateway.cli.rehearsalreport import page
from pacs_gateway.errors import ConfigurationError
from storage.accounts import User
from storage.copying import counts
from storage.errors import CorruptError
from storage.testing.instance import NOON, make_entry
from tests.rebuilding import dump, image, ingest, opened
from tests.servers import PostgresqlServer

IMAGES = [image(study, number) for study in range(4) for number in range(5)]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> tuple[str | None, str | None]:
    """Return where the archive is, and where it is put back."""
    if request.param == "sqlite":
        return None, None
    server = request.getfixturevalue("postgresql_server")
    assert isinstance(server, PostgresqlServer)
    return server.new_database(), server.new_database()


def fill(archive: Archive) -> None:
    ingest(archive, IMAGES)
    user = User(username="bs.lan", password_hash="-", role="radiologist", created_at=NOON)
    archive.accounts.add(user, make_entry())


def save(archive: Archive, folder: Path, *, objects: bool = False, files: object = ()) -> Manifest:
    step = (lambda *_: None) if objects else None
    paths = list(files)  # type: ignore[call-overload]
    return back_up(archive.engine, archive.store, folder, files=paths, step=step)


def put_back(archive: Archive, folder: Path, *, force: bool = False) -> list[Path]:
    return restore(
        folder,
        archive.engine,
        archive.store,
        force=force,
        scratch=archive.settings.data_dir,
        step=lambda *_: None,
    )


def test_put_back_on_another_machine_all_is_there(
    tmp_path: Path, urls: tuple[str | None, str | None]
) -> None:
    key = tmp_path / "tls-key.pem"
    key.write_text("secret")
    with opened(tmp_path / "old", index_url=urls[0]) as old:
        fill(old)
        save(old, tmp_path / "backup", objects=True, files=[key])
        before, objects = dump(old.engine), list(old.store.list())
        times = [old.store.head(each).received_at for each in objects]
        trail = old.audit_log.head()
    key.unlink()
    with opened(tmp_path / "new", index_url=urls[1]) as new:
        assert put_back(new, tmp_path / "backup") == []
        assert dump(new.engine) == before
        assert list(new.store.list()) == objects
        assert [new.store.head(each).received_at for each in objects] == times
        assert new.audit_log.head() == trail
        assert new.audit_log.check() is None
        assert new.accounts.user("bs.lan") is not None
        # Numbers of rows go on behind those that were put back.
        ingest(new, [image(9, 1)])
    assert key.read_text() == "secret"
    assert key.stat().st_mode & 0o077 == 0


def test_a_backup_of_a_running_gateway_is_one_moment(
    tmp_path: Path, urls: tuple[str | None, str | None]
) -> None:
    with opened(tmp_path / "data", index_url=urls[0]) as archive:
        fill(archive)
        stop = Event()

        def keep_coming() -> None:
            number = 100
            while not stop.is_set():
                ingest(archive, [image(number % 7, number)])
                number += 1

        modality = Thread(target=keep_coming)
        modality.start()
        try:
            for number in range(3):
                save(archive, tmp_path / f"backup{number}")
        finally:
            stop.set()
            modality.join()
        for number in range(3):
            result = rehearse(tmp_path / f"backup{number}", archive.store, sample=50)
            assert result.passed, page(result, tmp_path, NOON)
            assert result.sampled >= len(IMAGES)
        assert counts(archive.engine)["instances"] > len(IMAGES)


def test_a_trial_finds_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as archive:
        fill(archive)
        folder = tmp_path / "backup"
        save(archive, folder)
        before = dump(archive.engine), sorted(folder.rglob("*")), (folder / DATABASE).read_bytes()
        result = rehearse(folder, archive.store, sample=1000)
        assert result.passed
        assert result.sampled == len(IMAGES)
        text = page(result, folder, NOON)
        assert "ĐẠT" in text
        assert "PASSED" in text
        assert "KHÔNG" not in text
        after = dump(archive.engine), sorted(folder.rglob("*")), (folder / DATABASE).read_bytes()
        assert after == before

        lost = next(iter(archive.store.list("v1/")))
        archive.store.delete(lost)
        result = rehearse(folder, archive.store, sample=1000)
        assert [key for key, _ in result.spoiled_objects] == [lost]
        assert "KHÔNG ĐẠT" in page(result, folder, NOON)

        content = bytearray((folder / DATABASE).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / DATABASE).write_bytes(content)
        assert rehearse(folder, archive.store, sample=0).damaged_files == [DATABASE]
        with pytest.raises(CorruptError, match="damaged"):
            put_back(archive, folder, force=True)
        assert dump(archive.engine) == before[0]


def test_data_in_use_is_not_overwritten_unasked(tmp_path: Path) -> None:
    kept = tmp_path / "pacs-gateway.toml"
    kept.write_text("old")
    with opened(tmp_path / "data") as archive:
        fill(archive)
        save(archive, tmp_path / "backup", files=[kept])
        ingest(archive, [image(8, 8)])
        kept.write_text("new")
        before = dump(archive.engine)
        with pytest.raises(ConfigurationError, match="--force"):
            put_back(archive, tmp_path / "backup")
        assert dump(archive.engine) == before
        assert kept.read_text() == "new"
        put_back(archive, tmp_path / "backup", force=True)
        assert len(dump(archive.engine)["instances"]) == len(IMAGES)
        assert kept.read_text() == "old"


def test_a_backup_that_did_not_end_is_none(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as archive:
        save(archive, tmp_path / "backup")
        (tmp_path / "backup" / "manifest.json").unlink()
        with pytest.raises(ConfigurationError, match="is no backup"):
            read_manifest(tmp_path / "backup")
        with pytest.raises(ConfigurationError, match="not empty"):
            save(archive, tmp_path / "backup")


def test_the_commands_do_it_from_end_to_end(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    with opened(data) as archive:
        fill(archive)
        before = dump(archive.engine)
    config = data / "pacs-gateway.toml"
    config.write_text('language = "en"\n')
    assert _gateway(data, "backup", str(folder), "--objects").returncode == 0
    assert _gateway(data, "restore", str(folder)).returncode == 2
    shutil.rmtree(data)
    drill = _gateway(data, "restore", "--rehearse", str(folder))
    assert (drill.returncode, "PASSED" in drill.stdout) == (0, True)
    assert not (data / "index.sqlite").exists()
    assert _gateway(data, "restore", str(folder)).returncode == 0
    assert config.read_text() == 'language = "en"\n'
    assert _gateway(data, "verify").returncode == 0
    assert _gateway(data, "reindex").returncode == 0
    with opened(data) as archive:
        assert dump(archive.engine) == before
        archive.store.delete(next(iter(archive.store.list("v1/"))))
    faulty = _gateway(data, "verify")
    assert faulty.returncode == 1
    assert faulty.stdout.count("missing: ") == 1


def _gateway(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pacs_gateway", "--data-dir", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
