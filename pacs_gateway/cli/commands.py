"""The names, arguments and help texts of all commands; each hands over to its module."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pacs_gateway import __version__, exposure
from pacs_gateway.cli import (
    audit,
    backups,
    devices,
    linkkeys,
    migrating,
    ohif,
    senders,
    serving,
    tokens,
    users,
    viewer,
    work,
)
from pacs_gateway.cli import doctor as health
from pacs_gateway.cli.demonstration import demonstrate
from pacs_gateway.cli.exporting import export_studies
from pacs_gateway.cli.importing import import_paths
from pacs_gateway.cli.reindexing import reindex as make_index_anew
from pacs_gateway.cli.rows import opened
from pacs_gateway.cli.verifying import verify as read_again
from pacs_gateway.config import Settings, config_path, load_settings

app = typer.Typer(
    name="pacs-gateway",
    help="A lightweight RIS/PACS imaging gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.commands, name="user")
app.add_typer(devices.commands, name="device")
app.add_typer(tokens.commands, name="token")
app.add_typer(linkkeys.commands, name="link-key")
app.add_typer(audit.commands, name="audit")
app.add_typer(ohif.commands, name="ohif")
app.add_typer(viewer.commands, name="viewer")
app.add_typer(work.commands, name="work")
app.add_typer(senders.commands, name="sender")


class RoleName(StrEnum):
    """A part of the gateway that may run alone."""

    DICOM = "dicom"
    WEB = "web"
    WORK = "work"
    HL7 = "hl7"


@app.callback()
def settings_of(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="TOML file; otherwise pacs-gateway.toml in the data folder.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder; overrides the rest.")] = None,
) -> None:
    """Load the settings once for whichever command follows."""
    if context.invoked_subcommand == "doctor":
        return  # It says what is wrong with them.
    context.obj = load_settings(config, data_dir)
    path = config_path(config, data_dir)
    if path is not None:
        exposure.check_file(path, context.obj)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def serve(
    context: typer.Context,
    role: Annotated[
        list[RoleName] | None, typer.Option(help="Run only this part; may be repeated.")
    ] = None,
) -> None:
    """Run the gateway until it is told to stop (Ctrl-C)."""
    wanted = [name.value for name in role or RoleName]
    serving.serve(_settings(context), wanted=wanted, on_ready=serving.announce)


@app.command()
def demo(
    samples: Annotated[Path, typer.Option(help="Folder with the studies to send.")] = Path(
        "sample_dicom"
    ),
) -> None:
    """Run the whole gateway in a fresh folder and send it the sample studies over the network."""
    demonstrate(samples, Console())


@app.command(name="import")
def import_(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="Files, folders, zips, DICOMDIRs.")
    ],
) -> None:
    """Load DICOM files; doing it again does no harm."""
    if not import_paths(_settings(context), paths, Console()):
        sys.exit(1)


@app.command()
def export(
    context: typer.Context,
    study_uids: Annotated[list[str], typer.Argument(help="Study Instance UIDs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder that is new or empty.")],
) -> None:
    """Write studies into a folder with a DICOMDIR, for another system or a disc."""
    with opened(context) as archive:
        export_studies(archive, study_uids, output, Console())


@app.command()
def reindex(
    context: typer.Context,
    forget_lost: Annotated[
        bool, typer.Option(help="Also if images of the index in use cannot be read any more.")
    ] = False,
) -> None:
    """Make the whole index anew from the object store alone; what broke off goes on."""
    with opened(context) as archive:
        if not make_index_anew(archive, Console(), forget=forget_lost):
            sys.exit(1)


@app.command()
def verify(
    context: typer.Context,
    study: Annotated[str | None, typer.Option(help="Study Instance UID; otherwise all.")] = None,
    sample: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of objects read whole; sizes of all.")
    ] = 100,
) -> None:
    """Read stored objects again and compare them with their recorded digests and sizes."""
    with opened(context) as archive:
        if not read_again(archive, Console(), study_uid=study, percent=sample):
            sys.exit(1)


@app.command()
def backup(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")],
    objects: Annotated[bool, typer.Option(help="Copy the images too.")] = False,
) -> None:
    """Write index, accounts, configuration and keys into a folder; the gateway may run."""
    given = context.parent.params if context.parent else {}
    path = config_path(given.get("config"), given.get("data_dir"))
    with opened(context) as archive:
        backups.save(archive, folder, Console(), config=path, objects=objects)


@app.command()
def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A backup.")],
    rehearse: Annotated[
        bool, typer.Option(help="Only try it, touch nothing in use, and write a report.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="File for the report; otherwise beside the backup.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace data that is in use, for good.")] = False,
) -> None:
    """Put a backup back; the gateway must be stopped."""
    if rehearse:
        if not backups.drill(_settings(context), folder, report):
            sys.exit(1)
        return
    with opened(context) as archive:
        backups.put_back(archive, folder, Console(), force=force)


@app.command()
def migrate_store(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="file:PATH or s3://bucket.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="file:PATH or s3://bucket.")],
) -> None:
    """Copy all objects into another store while the gateway runs; again copies what is missing."""
    if not migrating.migrate_store(_settings(context), source, target, Console()):
        sys.exit(1)


@app.command()
def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say in plain words what is wrong and what to do; the gateway may run or not."""
    given = context.parent.params if context.parent else {}
    if not health.diagnose(given.get("config"), given.get("data_dir"), as_json=as_json):
        sys.exit(1)


@app.command()
def metrics(context: typer.Context) -> None:
    """Print what Prometheus is told of this host, for hosts without a web."""
    health.print_metrics(_settings(context))


@app.command()
def config(context: typer.Context) -> None:
    """Print the effective configuration, secrets hidden."""
    typer.echo(json.dumps(_settings(context).model_dump(mode="json"), indent=2))


def _settings(context: typer.Context) -> Settings:
    settings = context.find_object(Settings)
    assert settings is not None
    return settings
