"""What the commands about accounts and devices share: the open archive, and a table on screen."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.table import Table

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.audit.acts import Who
from pacs_gateway.config import Settings

OPERATOR = Who(name="command line", role="operator", address="localhost")
"""Whoever may run commands on the server."""


@contextmanager
def opened(context: typer.Context) -> Iterator[Archive]:
    """Yield the archive that the settings describe."""
    settings = context.find_object(Settings)
    assert settings is not None
    prepare_database(settings)
    archive = open_archive(settings)
    try:
        yield archive
    finally:
        archive.close()


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
