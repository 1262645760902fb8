"""The command `pacs-gateway`.

Exit status 0 when all went well, 1 when the work failed, 2 when the call was wrong; what goes
wrong is said in one line.
"""

import os
import sys

import typer

from pacs_gateway.cli.commands import app
from pacs_gateway.errors import ConfigurationError, GatewayError
from storage.errors import StorageError


def main() -> None:
    """Run the command line."""
    # Whatever is written is about patients: for this account alone, unless its folder says more.
    os.umask(0o077)
    try:
        app()
    except (GatewayError, StorageError, OSError) as error:
        typer.echo(f"pacs-gateway: {error}", err=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)


if __name__ == "__main__":
    main()
