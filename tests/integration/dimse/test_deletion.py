"""Protects: over DIMSE too, what is deleted is neither found nor sent, and what is brought back is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_gateway.audit.acts import Who
from tests.integration.dimse.pacs import Pacs, running, shipped
from tests.integration.dimse.test_query_retrieve import received, run_scu, storescp

pytestmark = pytest.mark.server("dcmtk")

STUDY = "1.2.826.1"
KEYS = ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={STUDY}"]


def image(number: int) -> bytes:
    return shipped(
        "CT_small.dcm",
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.{number}",
        SOPInstanceUID=f"{STUDY}.{number}.1",
    )


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running(tmp_path / "pacs") as pacs:
        pacs.keep(image(1), image(2))
        yield pacs


def delete(pacs: Pacs, series_uid: str | None = None) -> str:
    return pacs.archive.deletion.delete(STUDY, series_uid, None, by=Who(name="admin"), reason="").id


def test_what_is_deleted_is_not_found(pacs: Pacs) -> None:
    wanted = [*KEYS, "NumberOfStudyRelatedInstances"]
    assert "Find Response: 1 (Pending)" in run_scu("findscu", pacs, wanted, "-S")
    deletion = delete(pacs)
    assert "Pending" not in run_scu("findscu", pacs, wanted, "-S")
    pacs.archive.deletion.restore(deletion, by=Who(name="admin"))
    assert "Find Response: 1 (Pending)" in run_scu("findscu", pacs, wanted, "-S")


def test_what_is_deleted_is_not_sent(pacs: Pacs, tmp_path: Path) -> None:
    delete(pacs, f"{STUDY}.1")
    folder = tmp_path / "got"
    folder.mkdir()
    run_scu("getscu", pacs, KEYS, "-S", "+B", "-od", str(folder))
    assert received(folder).keys() == {f"{STUDY}.2.1"}
    with storescp(tmp_path / "in", "STATION", "+xa") as port:
        pacs.know("STATION", port)
        run_scu("movescu", pacs, KEYS, "-S", "-aem", "STATION")
    assert received(tmp_path / "in").keys() == {f"{STUDY}.2.1"}
