"""The pure parts of our scripts do what their own tests say, run by Node.js itself."""

from pathlib import Path

import pytest

from tests.javascript import DEADLINE_S, ROOT, require_node
from viewer.node import ProgramError, run

TESTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_script(file: Path) -> None:
    node = require_node()
    command = (str(node.program), "--test", "--test-reporter=tap", str(file))
    try:
        said = run(node, command, folder=ROOT, deadline_s=DEADLINE_S)
    except ProgramError as error:
        pytest.fail(error.output)
    assert "# fail 0" in said
    assert "# tests 0" not in said


def test_tests_are_found() -> None:
    assert TESTS
