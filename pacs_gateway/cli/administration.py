"""`user`, `device`, `token`: who may come in, from the command line."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pacs_gateway.access.roles import Role
from pacs_gateway.app import open_archive, prepare_database
from pacs_gateway.config import Settings
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.accounts import hash_password
from storage.records import utc_now
from storage.registry import Peer, Registry, Token, User

users = typer.Typer(help="People who may log in.", no_args_is_help=True)
devices = typer.Typer(help="DICOM peers and C-MOVE destinations.", no_args_is_help=True)
tokens = typer.Typer(help="Bearer tokens for programs.", no_args_is_help=True)

Password = Annotated[
    str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for.")
]


@users.command("add")
def add_user(
    context: typer.Context,
    username: str,
    password: Password,
    role: Annotated[
        Role, typer.Option(help="reader: views; device: views and stores; admin: everything.")
    ] = Role.RADIOLOGIST,
) -> None:
    """Add a person or program that may log in; the password is asked for."""
    with _registry(context) as registry:
        if registry.user(username) is not None:
            raise BadRequestError(f"There is a user {username} already.")
        registry.add_user(username, hash_password(password), role)
    typer.echo(f"User {username} added.")


@users.command("password")
def set_password(context: typer.Context, username: str, password: Password) -> None:
    """Give a person a new password."""
    with _registry(context) as registry:
        _known_user(registry, username)
        registry.set_password(username, hash_password(password))
    typer.echo(f"Password of {username} changed.")


@users.command("remove")
def disable_user(context: typer.Context, username: str) -> None:
    """Let a person log in no more; what was done under the name stays."""
    with _registry(context) as registry:
        _known_user(registry, username)
        registry.disable_user(username)
    typer.echo(f"User {username} may log in no more.")


@users.command("list")
def list_users(context: typer.Context) -> None:
    """List the people who may log in."""
    with _registry(context) as registry:
        rows = [
            (user.username, user.role, "disabled" if user.disabled else "")
            for user in registry.users()
        ]
    _print(("user", "role", "state"), rows)


@devices.command("add")
def add_device(
    context: typer.Context,
    ae_title: str,
    host: str,
    port: int,
    comment: Annotated[str, typer.Option(help="Where it stands, who looks after it.")] = "",
) -> None:
    """Make a DICOM peer known: it may use every service and receive by C-MOVE."""
    with _registry(context) as registry:
        registry.add_peer(Peer(ae_title=ae_title, host=host, port=port, comment=comment))
    typer.echo(f"Device {ae_title} at {host}:{port} added.")


@devices.command("remove")
def remove_device(context: typer.Context, ae_title: str) -> None:
    """Forget a DICOM peer."""
    with _registry(context) as registry:
        if registry.peer(ae_title) is None:
            raise BadRequestError(f"There is no device {ae_title}.")
        registry.remove_peer(ae_title)
    typer.echo(f"Device {ae_title} removed.")


@devices.command("list")
def list_devices(context: typer.Context) -> None:
    """List known peers, and those that were refused because nobody knows them."""
    with _registry(context) as registry:
        rows = [
            (peer.ae_title, peer.host, str(peer.port), peer.comment) for peer in registry.peers()
        ]
        rows += [
            (held.ae_title, held.address, "", f"refused {held.attempts} times; add it to let it in")
            for held in registry.held_peers()
        ]
    _print(("AE title", "host", "port", "comment"), rows)


@tokens.command("add")
def add_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    username: Annotated[str, typer.Option(help="In whose name it acts.")] = "admin",
    days: Annotated[int, typer.Option(min=1, help="How long it is valid.")] = 365,
) -> None:
    """Make a bearer token and print it once."""
    value = secrets.token_urlsafe(32)
    with _registry(context) as registry:
        _known_user(registry, username)
        registry.add_token(
            Token(
                token_sha256=sha256(value.encode()).hexdigest(),
                name=name,
                username=username,
                created_at=utc_now(),
                expires_at=utc_now() + timedelta(days=days),
            )
        )
    typer.echo(value)


@tokens.command("remove")
def revoke_token(context: typer.Context, name: str) -> None:
    """Make every token of this name invalid at once."""
    with _registry(context) as registry:
        found = [token for token in registry.tokens() if token.name == name]
        if not found:
            raise BadRequestError(f"There is no token {name}.")
        for token in found:
            registry.revoke_token(token.token_sha256)
    typer.echo(f"{len(found)} tokens revoked.")


@tokens.command("list")
def list_tokens(context: typer.Context) -> None:
    """List tokens; their values are kept nowhere."""
    with _registry(context) as registry:
        rows = [
            (token.name, token.username, f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "")
            for token in registry.tokens()
        ]
    _print(("token", "user", "valid until"), rows)


@contextmanager
def _registry(context: typer.Context) -> Iterator[Registry]:
    settings = context.find_object(Settings)
    assert settings is not None
    prepare_database(settings)
    archive = open_archive(settings)
    try:
        yield archive.registry
    finally:
        archive.close()


def _known_user(registry: Registry, username: str) -> User:
    user = registry.user(username)
    if user is None:
        raise BadRequestError(f"There is no user {username}.")
    return user


def _print(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
