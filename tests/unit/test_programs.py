"""Protects: a test never passes because its program is missing; where CI runs it does not even skip."""

from pathlib import Path

import pytest

from tests.servers import require_program

HINT = "apt-get install nothing-like-it"


def test_a_program_is_found_in_the_folders_before_the_path(tmp_path: Path) -> None:
    own = tmp_path / "sh"
    own.write_text("#!/bin/false")
    own.chmod(0o755)
    assert require_program("sh", HINT, folders=[tmp_path]) == own
    assert require_program("sh", HINT).is_file()


def test_a_missing_program_skips_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=HINT):
        require_program("nothing-like-it", HINT)


def test_a_missing_program_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=HINT):
        require_program("nothing-like-it", HINT)
