"""`device`: DICOM peers, from the command line."""

from typing import Annotated

import typer

from pacs_gateway.access.devices import check_device, plain_digest
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.errors import BadRequestError
from storage.peers import Peer, PeerService

commands = typer.Typer(help="DICOM peers and C-MOVE destinations.", no_args_is_help=True)


@commands.command("add")
def add_device(
    context: typer.Context,
    ae_title: str,
    host: str,
    port: int,
    *,
    comment: Annotated[str, typer.Option(help="Where it stands, who looks after it.")] = "",
    service: Annotated[
        list[PeerService] | None, typer.Option(help="Only this; may be repeated. All if left out.")
    ] = None,
    sop_class: Annotated[
        list[str] | None, typer.Option(help="UID it may store; may be repeated. All if left out.")
    ] = None,
    certificate: Annotated[
        str, typer.Option(help="SHA-256 of the certificate it must show, hexadecimal.")
    ] = "",
    tls: Annotated[bool, typer.Option(help="It wants TLS when we send to it.")] = False,
    associations: Annotated[
        int | None, typer.Option(min=1, help="How many it may have open at once.")
    ] = None,
    worklist: Annotated[
        str, typer.Option(help="What it reads in worklists: utf8, or ascii without marks.")
    ] = "",
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Instances a minute; faster ones are made to wait.")
    ] = None,
) -> None:
    """Make a DICOM peer known: it may use the services named and receive by C-MOVE."""
    peer = Peer(
        ae_title=ae_title,
        host=host,
        port=port,
        comment=comment,
        services=" ".join(service or ()),
        sop_classes=" ".join(sop_class or ()),
        certificate_sha256=plain_digest(certificate),
        tls=tls,
        max_associations=associations,
        max_instances_per_minute=per_minute,
        worklist_charset=worklist,
    )
    check_device(peer)
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
            (
                peer.ae_title,
                peer.host,
                str(peer.port),
                peer.services or "all",
                peer.comment,
            )
            for peer in archive.peers.peers()
        ]
        rows += [
            (
                held.ae_title,
                held.address,
                "",
                "",
                f"refused {held.attempts} times; add it to let it in",
            )
            for held in archive.peers.held()
        ]
    print_rows(("AE title", "host", "port", "services", "comment"), rows)
