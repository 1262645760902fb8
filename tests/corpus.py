"""A folder of real and hostile DICOM files with `expected.csv`, facts by other makers' tools.

It is found by PACS_GATEWAY_TEST_CORPUS, or beside the checkout. Without it its tests are skipped;
with CI=true they fail, so that continuous integration never passes by not looking.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

CORPUS = Path(
    os.environ.get("PACS_GATEWAY_TEST_CORPUS")
    or Path(__file__).parents[1].parent / "shared" / "dicom"
)

Row = Mapping[str, str]


def expected_rows() -> Sequence[Row]:
    """Return the table's rows; several for a file of which several frames are known."""
    table = CORPUS / "expected.csv"
    if not table.is_file():
        reason = "no corpus: set PACS_GATEWAY_TEST_CORPUS to a folder with expected.csv"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def corpus_files() -> Mapping[str, Path]:
    """Return every file of the table by its path in it."""
    return {row["path"]: CORPUS / row["path"] for row in expected_rows()}
