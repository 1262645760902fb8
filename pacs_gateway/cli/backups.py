"""`backup` and `restore`: the database, configuration and keys, and the objects if wanted."""

from pathlib import Path

import typer
from rich.console import Console

from pacs_gateway.app import Archive, open_objects
from pacs_gateway.archive.backup import back_up
from pacs_gateway.archive.restore import rehearse, restore
from pacs_gateway.cli.progress import counted
from pacs_gateway.cli.rehearsalreport import page
from pacs_gateway.config import Settings
from pacs_gateway.errors import ConfigurationError
from storage.database import open_engine, runs_on, schema_of
from storage.errors import StorageError, UnavailableError
from storage.health import BACKUP, DRILL, Done, Health
from storage.records import utc_now


def save(
    archive: Archive, folder: Path, console: Console, *, config: Path | None, objects: bool
) -> None:
    """Write a backup while the gateway runs, or not."""
    files = [config] if config else []
    files += _keys(archive.settings)
    with counted(console) as bar:
        step = bar("copying") if objects else None
        manifest = back_up(archive.engine, archive.store, folder, files=files, step=step)
    archive.health.note(BACKUP, Done(utc_now(), passed=True))
    console.print(
        f"{folder}: {manifest.rows['studies']} studies, {manifest.objects} objects"
        f" {'with' if objects else 'by name, without'} their bytes."
        " It holds keys and names of patients: keep it locked away.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def put_back(archive: Archive, folder: Path, console: Console, *, force: bool) -> None:
    """Put a backup back where the settings say; the gateway must be stopped."""
    try:
        archive.spool.lock()
    except UnavailableError as error:
        raise ConfigurationError("The gateway runs here; stop it first.") from error
    with counted(console) as bar:
        left = restore(
            folder,
            archive.engine,
            archive.store,
            force=force,
            scratch=archive.settings.data_dir,
            step=bar("copying"),
        )
    for path in left:
        console.print(f"{path} is there already and was left.", markup=False, soft_wrap=True)
    console.print(
        "Restored. What came after the backup is still in the object store:"
        " run pacs-gateway reindex, then pacs-gateway verify, then start the gateway.",
        soft_wrap=True,
    )


def drill(settings: Settings, folder: Path, report: Path | None) -> bool:
    """Try a backup without touching anything in use; return whether it can be relied on."""
    at = utc_now()
    store, _ = open_objects(settings)
    result = rehearse(folder, store, sample=settings.recovery.drill_objects)
    text = page(result, folder.resolve(), at)
    typer.echo(text)
    target = report or folder.resolve().with_name(f"{folder.resolve().name}-drill-{at:%Y%m%d}.txt")
    target.write_text(text, "utf-8")
    _note_drill(settings, Done(at, result.passed))
    return result.passed


def _note_drill(settings: Settings, done: Done) -> None:
    """Note the rehearsal where `doctor` looks; a machine for rehearsals has no database in use."""
    file = settings.index_url.removeprefix("sqlite:///")
    if file != settings.index_url and not Path(file).exists():
        return  # To open it would make it.
    engine = open_engine(settings.index_url, busy_deadline_s=settings.index.busy_deadline_s)
    try:
        if runs_on(schema_of(engine) or ""):
            Health(engine).note(DRILL, done)
    except StorageError:
        typer.echo("The database did not answer, so doctor does not know of this.", err=True)
    finally:
        engine.dispose()


def _keys(settings: Settings) -> list[Path]:
    """Return the files that settings name and that nothing else could replace."""
    named = (
        settings.dicom.tls_certificate,
        settings.dicom.tls_key,
        settings.dicom.tls_ca,
        settings.audit.syslog_ca,
        settings.audit.syslog_certificate,
        settings.audit.syslog_key,
        settings.hospital.logo,
        settings.web.hanging_protocols,
    )
    return [path for path in named if path is not None]
