"""Protects the guide for the EMR's programmers: its example in PHP, run as it stands, signs a link that
opens (the one in Python is run in test_view.py; those in Java and C# need compilers of 200 MB)."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.audit import acts
from storage.links import StoredKey
from storage.records import utc_now
from tests.integration.web.gateway import Gateway, running, sample, settings_for
from tests.servers import require_program

GUIDE = Path(__file__).parents[3] / "docs" / "emr-links.md"
KEY = StoredKey(id="K1", issuer="EMR", secret="the secret-of_the EMR", created_at=utc_now())
STUDY = str(dcmread(str(get_testdata_file("CT_small.dcm"))).StudyInstanceUID)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("examples"))) as gateway:
        assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
        entry = acts.key_changed(acts.SYSTEM, key=KEY.id, issuer=KEY.issuer, change="added")
        assert gateway.archive.links.add_key(KEY, most=2, entry=entry)
        yield gateway


def example(language: str) -> str:
    """Return an example, with what everybody has to fill in filled in."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    filled = found[1].replace('"KEY_ID"', f'"{KEY.id}"').replace('"SECRET"', f'"{KEY.secret}"')
    return filled.replace("accessionNumber", "studyUID").replace("A1234", STUDY)


def printed(call: Sequence[str | Path], folder: Path) -> str:
    done = subprocess.run(
        call, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().removeprefix("https://pacs.example.vn")


@pytest.mark.server("php")
def test_php(hospital: Gateway, tmp_path: Path) -> None:
    program = require_program("php", "apt install php-cli")
    (tmp_path / "link.php").write_text(example("php"), "utf-8")
    assert hospital.client()(printed([program, "link.php"], tmp_path)).status == 303
