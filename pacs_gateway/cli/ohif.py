"""`ohif`: the OHIF viewer, installed on request and served under /ohif/."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pacs_gateway.config import Settings
from pacs_gateway.ohif import installation, release

MIB = 1024 * 1024

commands = typer.Typer(help="The OHIF viewer, an add-on under /ohif/.", no_args_is_help=True)


@commands.command()
def install(
    context: typer.Context,
    package: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            dir_okay=False,
            help=f"The file {release.FILE_NAME}, where the npm registry cannot be reached.",
        ),
    ] = None,
) -> None:
    """Fetch, check and install OHIF; doing it again does no harm."""
    settings = _settings(context)
    with _progress() as bar:
        task = bar.add_task("OHIF", total=None)
        done = installation.install(
            settings,
            package,
            step=lambda what, completed, total: bar.update(
                task, description=what, completed=completed, total=total
            ),
        )
    if not done:
        typer.echo(f"OHIF {release.VERSION} was installed already.")
        return
    typer.echo(f"OHIF {release.VERSION} is installed; a running gateway serves it at once: /ohif/")


@commands.command()
def remove(context: typer.Context) -> None:
    """Remove OHIF."""
    found = installation.remove(_settings(context))
    typer.echo("OHIF is removed." if found else "OHIF was not installed.")


@commands.command()
def status(context: typer.Context) -> None:
    """Tell whether OHIF is installed, and where."""
    found = installation.status(_settings(context))
    if found.folder is None:
        typer.echo(f"OHIF is not installed; install it with: {release.INSTALL}")
    else:
        size = found.size / MIB
        typer.echo(f"OHIF {release.VERSION} is installed, {size:.0f} MiB in {found.folder.parent}.")
    for name in found.others:
        typer.echo(f"{name} is of another version of the gateway; `ohif install` replaces it.")


def _settings(context: typer.Context) -> Settings:
    settings = context.find_object(Settings)
    assert settings is not None
    return settings


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
