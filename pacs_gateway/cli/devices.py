"""`device`: DICOM peers, from the command line."""

from typing import Annotated

import typer

from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.errors import BadRequestError
from storage.peers import Peer

commands = typer.Typer(help="DICOM peers and C-MOVE destinations.", no_args_is_help=True)


@commands.command("add")
def add_device(
    context: typer.Context,
    ae_title: str,
    host: str,
    port: int,
    comment: Annotated[str, typer.Option(help="Where it stands, who looks after it.")] = "",
) -> None:
    """Make a DICOM peer known: it may use every service and receive by C-MOVE."""
    peer = Peer(ae_title=ae_title, host=host, port=port, comment=comment)
    entry = acts.peer_changed(OPERATOR, ae_title=ae_title, change=f"added at {host}:{port}")
    with opened(context) as archive:
        archive.peers.add(peer, entry)
    typer.echo(f"Device {ae_title} at {host}:{port} added.")


@commands.command("remove")
def remove_device(context: typer.Context, ae_title: str) -> None:
    """Forget a DICOM peer."""
    with opened(context) as archive:
        if archive.peers.peer(ae_title) is None:
            raise BadRequestError(f"There is no device {ae_title}.")
        entry = acts.peer_changed(OPERATOR, ae_title=ae_title, change="removed")
        archive.peers.remove(ae_title, entry)
    typer.echo(f"Device {ae_title} removed.")


@commands.command("list")
def list_devices(context: typer.Context) -> None:
    """List known peers, and those that were refused because nobody knows them."""
    with opened(context) as archive:
        rows = [
            (peer.ae_title, peer.host, str(peer.port), peer.comment)
            for peer in archive.peers.peers()
        ]
        rows += [
            (held.ae_title, held.address, "", f"refused {held.attempts} times; add it to let it in")
            for held in archive.peers.held()
        ]
    print_rows(("AE title", "host", "port", "comment"), rows)
