"""`audit`: tells whether the trail is as it was written."""

import sys

import typer

from pacs_gateway.archive.anchors import Anchors
from pacs_gateway.cli.rows import opened

commands = typer.Typer(help="The audit trail.", no_args_is_help=True)


@commands.command("verify")
def verify(context: typer.Context) -> None:
    """Compute every digest of the chain anew, and compare it with the notes outside the database."""
    with opened(context) as archive:
        anchors = Anchors(archive.audit_log, archive.store, scratch=archive.settings.spool_dir)
        wrong = archive.audit_log.check() or anchors.check()
        rows = archive.audit_log.head().seq
    if wrong:
        typer.echo(
            f"The audit trail was tampered with. {wrong}"
            " Keep the database as it is and compare it with a backup.",
            err=True,
        )
        sys.exit(1)
    typer.echo(f"{rows} rows, all as they were written.")
