"""Protects `pacs-gateway work`: what is stuck is seen with its reason, and a person's decision counts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pacs_gateway.app import open_archive, prepare_database
from pacs_gateway.cli.commands import app
from pacs_gateway.config import Settings
from pacs_gateway.errors import BadRequestError
from storage.outbox import State, Work
from storage.records import utc_now


def call(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, ["--data-dir", str(folder), "work", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.output


def test_stuck_work_is_seen_tried_again_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    settings = Settings(data_dir=tmp_path)
    prepare_database(settings)
    archive = open_archive(settings)
    outbox = archive.outbox
    outbox.put(Work(kind="report", about="1.2.3", due_at=utc_now()), now=utc_now())
    (task,) = outbox.due(utc_now(), limit=9)
    assert task.id not in call(tmp_path, "list", "--stuck")
    outbox.stuck(task, reason="Nobody knows where CT1 is.")
    shown = call(tmp_path, "list", "--stuck")
    assert task.id in shown
    assert "Nobody knows where CT1 is." in shown
    call(tmp_path, "retry", task.id)
    assert [each.id for each in outbox.due(utc_now(), limit=9)] == [task.id]
    call(tmp_path, "give-up", task.id, "--reason", "sent by hand")
    (gone,) = outbox.tasks([State.GIVEN_UP], limit=9)
    assert gone.reason == "sent by hand"
    for decision in (["retry"], ["give-up", "--reason", "x"]):
        with pytest.raises(BadRequestError, match="No unfinished work"):
            call(tmp_path, *decision, task.id)
    archive.close()
