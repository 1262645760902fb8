"""`sender`: who may send orders by HL7, from the command line."""

from typing import Annotated

import typer

from pacs_gateway.access.devices import is_host, plain_digest
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.emr.charsets import CHOICES
from pacs_gateway.errors import BadRequestError
from storage.messages import Messages, Sender, SenderBook

MAX_NAME_CHARACTERS = 64

commands = typer.Typer(help="Systems that send orders by HL7.", no_args_is_help=True)


@commands.command("add")
def add_sender(
    context: typer.Context,
    name: str,
    host: Annotated[str, typer.Argument(help="A name, an address or a network: 10.0.0.0/24.")],
    *,
    certificate: Annotated[
        str, typer.Option(help="SHA-256 of the certificate it must show, hexadecimal.")
    ] = "",
    charset: Annotated[
        str,
        typer.Option(help=f"Its character set, whatever its messages say: {', '.join(CHOICES)}."),
    ] = "",
    issuer: Annotated[
        str, typer.Option(help="Of the hospital numbers that it sends without one.")
    ] = "",
    comment: str = "",
) -> None:
    """Let a system send orders, or change what is known of it."""
    digest = plain_digest(certificate)
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise BadRequestError("A sender's name has 1 to 64 characters.")
    if not is_host(host):
        raise BadRequestError("A sender is at a name, an address or a network.")
    if charset and charset not in CHOICES:
        raise BadRequestError(f"Character sets are {', '.join(CHOICES)}.")
    sender = Sender(
        name=name,
        host=host,
        certificate_sha256=digest,
        charset=charset,
        issuer=issuer,
        comment=comment,
    )
    entry = acts.peer_changed(OPERATOR, ae_title=name, change=f"HL7 sender added at {host}")
    with opened(context) as archive:
        SenderBook(archive.engine).add(sender, entry)
    typer.echo(f"Sender {name} at {host} added.")


@commands.command("remove")
def remove_sender(context: typer.Context, name: str) -> None:
    """Let a system send no more orders."""
    entry = acts.peer_changed(OPERATOR, ae_title=name, change="HL7 sender removed")
    with opened(context) as archive:
        if not SenderBook(archive.engine).remove(name, entry):
            raise BadRequestError(f"There is no sender {name}.")
    typer.echo(f"Sender {name} removed.")


@commands.command("list")
def list_senders(context: typer.Context) -> None:
    """List who may send orders."""
    with opened(context) as archive:
        found = SenderBook(archive.engine).senders()
    print_rows(
        ("name", "host", "character set", "issuer", "comment"),
        [(each.name, each.host, each.charset, each.issuer, each.comment) for each in found],
    )


@commands.command("refused")
def list_refused(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
) -> None:
    """List messages that were refused, and why."""
    with opened(context) as archive:
        found = Messages(archive.engine).refused(limit=limit)
    print_rows(
        ("received", "from", "control id", "message", "answer", "reason"),
        [
            (
                f"{each.received_at.astimezone():%Y-%m-%d %H:%M:%S}",
                f"{each.sender} {each.address}",
                each.control_id,
                each.kind,
                each.code,
                each.reason,
            )
            for each in found
        ],
    )
