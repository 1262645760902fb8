"""`token`: bearer tokens of programs, from the command line."""

from datetime import timedelta
from typing import Annotated

import typer
from ulid import ULID

from pacs_gateway.access.roles import Permission
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.errors import BadRequestError
from storage.accounts import Token
from storage.records import utc_now

commands = typer.Typer(help="Bearer tokens for programs.", no_args_is_help=True)


@commands.command("add")
def add_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    username: Annotated[str, typer.Option(help="In whose name it acts.")] = "admin",
    days: Annotated[int, typer.Option(min=1, help="Days until it expires.")] = 365,
    may: Annotated[
        list[Permission] | None,
        typer.Option(help="Only this of what the role may do; may be repeated."),
    ] = None,
) -> None:
    """Make a token and print it once; only its digest is kept."""
    value = new_secret()
    token = Token(
        token_sha256=secret_sha256(value),
        name=name,
        username=username,
        created_at=utc_now(),
        expires_at=utc_now() + timedelta(days=days),
        id=str(ULID()),
        permissions=" ".join(may or ()),
    )
    with opened(context) as archive:
        if archive.accounts.user(username) is None:
            raise BadRequestError(f"There is no user {username}.")
        entry = acts.token_changed(OPERATOR, token=name, username=username, change="added")
        archive.accounts.add_token(token, entry)
    typer.echo(value)


@commands.command("remove")
def revoke_token(context: typer.Context, name: str) -> None:
    """Make every token of this name invalid at once."""
    with opened(context) as archive:
        found = [token for token in archive.accounts.tokens() if token.name == name]
        if not found:
            raise BadRequestError(f"There is no token {name}.")
        for token in found:
            entry = acts.token_changed(
                OPERATOR, token=name, username=token.username, change="revoked"
            )
            archive.accounts.revoke_token(token.id, entry)
    typer.echo(f"{len(found)} tokens revoked.")


@commands.command("list")
def list_tokens(context: typer.Context) -> None:
    """List tokens; their values are kept nowhere."""
    with opened(context) as archive:
        rows = [
            (
                token.name,
                token.username,
                token.permissions or "all of the role",
                f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "",
                f"{token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never",
            )
            for token in archive.accounts.tokens()
        ]
    print_rows(("token", "user", "may", "valid until", "last used"), rows)
