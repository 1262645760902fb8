"""`viewer`: the third-party part of the reading viewer, built where it is missing."""

import sys
from typing import Annotated

import typer

from pacs_gateway.config import Settings
from viewer import bundling

commands = typer.Typer(help="The reading viewer's third-party part.", no_args_is_help=True)


@commands.callback()
def viewer() -> None:
    """Keep `build` a command of its own: typer would take the only one for the whole."""


@commands.command()
def build(
    context: typer.Context,
    again: Annotated[bool, typer.Option("--again", help="Build even if nothing changed.")] = False,
) -> None:
    """Build it from the npm packages that the gateway names; doing it again does no harm."""
    settings = context.find_object(Settings)
    assert settings is not None
    if bundling.is_current() and not again:
        typer.echo("The reading viewer is built already.")
        return
    limits = bundling.Limits(
        install_deadline_s=settings.viewer.install_deadline_s,
        build_deadline_s=settings.viewer.build_deadline_s,
    )
    try:
        bundling.build(typer.echo, limits)
    except bundling.BundleError as error:
        typer.echo(f"pacs-gateway: {error}", err=True)
        sys.exit(1)
