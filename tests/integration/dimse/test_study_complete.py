"""Protects the moment at which a study is complete: it comes when nothing more came, survives a
restart, is taken back by a late image, and tells what is missing by its numbers."""

from datetime import timedelta
from pathlib import Path

from pacs_gateway.archive.completeness import StudyQuiet
from pacs_gateway.outbox.tries import Patience, Tries
from storage.orders import MATCH_STUDY
from storage.outbox import UNFINISHED, Task
from storage.records import utc_now
from tests.integration.dimse.pacs import Pacs, running, shipped

STUDY = "1.2.77"


def keep(pacs: Pacs, *numbers: int) -> None:
    files = [
        shipped(
            "CT_small.dcm",
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.{number}",
            InstanceNumber=number,
        )
        for number in numbers
    ]
    pacs.keep(*files)


def waiting(pacs: Pacs) -> Task:
    tasks = pacs.archive.outbox.tasks(UNFINISHED, limit=9)
    # Its order is looked for at once, which is not what this is about.
    (task,) = (each for each in tasks if each.kind != MATCH_STUDY)
    return task


def look(pacs: Pacs, *, quiet_s: float = 0) -> None:
    """Look now, whenever it is due."""
    archive, task = pacs.archive, waiting(pacs)
    quiet = StudyQuiet(
        archive.index, archive.completions, quiet_s=quiet_s, followers=["tell the EMR"]
    )
    tries = Tries(archive.outbox, {task.kind: quiet}, Patience(1, 1, 72))
    tries.carry_out(task.id, task.attempt)


def test_a_study_is_complete_when_nothing_more_came(tmp_path: Path) -> None:
    with running(tmp_path) as pacs:
        before = utc_now()
        keep(pacs, 1, 2, 5)
        quiet_s = pacs.archive.settings.web.receiving_s
        assert before + timedelta(seconds=quiet_s) <= waiting(pacs).due_at
        assert pacs.archive.completions.of(STUDY) is None
    with running(tmp_path) as pacs:
        look(pacs)
        found = pacs.archive.completions.of(STUDY)
        assert found is not None
        assert found.number_of_instances == 3
        assert found.gaps == {f"{STUDY}.1": [(3, 4)]}
        follower = waiting(pacs)
        assert (follower.kind, follower.about) == ("tell the EMR", STUDY)


def test_a_late_image_moves_the_time_and_opens_the_study_again(tmp_path: Path) -> None:
    with running(tmp_path) as pacs:
        keep(pacs, 1)
        first = waiting(pacs)
        keep(pacs, 2)
        again = waiting(pacs)
        assert (again.id, again.attempt) == (first.id, first.attempt + 1)
        assert again.due_at > first.due_at
        look(pacs)
        assert pacs.archive.completions.of(STUDY) is not None
        pacs.archive.outbox.done(waiting(pacs), now=utc_now())
        keep(pacs, 3)
        assert pacs.archive.completions.of(STUDY) is None
        look(pacs)
        found = pacs.archive.completions.of(STUDY)
        assert found is not None
        assert (found.number_of_instances, found.gaps) == (3, {})


def test_what_comes_while_it_is_looked_at_is_awaited(tmp_path: Path) -> None:
    with running(tmp_path) as pacs:
        keep(pacs, 1)
        look(pacs, quiet_s=100)
        assert waiting(pacs).reason == "Images still come."
        assert pacs.archive.completions.of(STUDY) is None
