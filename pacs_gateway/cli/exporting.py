"""`export`: studies into a folder with a DICOMDIR, for another system or a disc."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pacs_gateway.app import Archive
from pacs_gateway.archive.export import export
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR
from storage.records import StoredInstance


def export_studies(archive: Archive, study_uids: list[str], folder: Path, console: Console) -> None:
    """Write studies into a new folder; the audit trail has them first.

    Raises UnknownError or GoneError for a study that is not there, BadRequestError, OSError.
    """
    found = {uid: archive.retrieval.instances(uid) for uid in dict.fromkeys(study_uids)}
    for study_uid, instances in found.items():
        archive.audit_log.append(
            acts.study_downloaded(
                OPERATOR,
                study_uid=study_uid,
                patient_id=archive.index.patient_id(study_uid),
                instances=len(instances),
                form="folder",
            )
        )
    wanted: list[StoredInstance] = [each for instances in found.values() for each in instances]
    with _progress(console) as bar:
        task = bar.add_task("exporting", total=len(wanted))
        done = export(archive.retrieval, wanted, folder, progress=lambda: bar.advance(task))
    console.print(f"{done.instances} files and a DICOMDIR in {folder}.", highlight=False)
    if done.unlisted:
        console.print(f"{done.unlisted} of them have no place in a DICOMDIR; see OTHER.")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
