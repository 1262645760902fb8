"""`import`: files, folders, zips and DICOMDIR media into the archive, with a progress bar."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.archive.media import ImportReport, Source, import_files, sources
from pacs_gateway.config import Settings
from storage.errors import UnavailableError

SHOWN_REFUSALS = 20


def import_paths(settings: Settings, paths: list[Path], console: Console) -> bool:
    """Import and report; return whether every file was taken.

    Raises GatewayError when nothing more can be taken, OSError for a path that is not there.
    """
    prepare_database(settings)
    archive = open_archive(settings)
    # Counting first costs one walk and gives the bar an end.
    total = sum(1 for _ in sources(paths))
    with _progress(console) as bar:
        task = bar.add_task("importing", total=total)

        def advance(source: Source) -> None:
            del source
            bar.advance(task)

        report = import_files(archive.ingest, sources(paths), progress=advance)
    _store_now(archive)
    _print(report, console)
    archive.close()
    return not report.refused


def _store_now(archive: Archive) -> None:
    """Store what was imported, unless a running gateway on this host does it already."""
    try:
        archive.spool.lock()
    except UnavailableError:
        return
    committer = archive.committer()
    while committer.run_once():
        pass
    committer.close()


def _print(report: ImportReport, console: Console) -> None:
    console.print(f"{report.accepted} files imported, {len(report.refused)} refused.")
    for name, reason in report.refused[:SHOWN_REFUSALS]:
        console.print(f"  {name}: {reason}", markup=False, highlight=False)
    if len(report.refused) > SHOWN_REFUSALS:
        console.print(f"  and {len(report.refused) - SHOWN_REFUSALS} more")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
