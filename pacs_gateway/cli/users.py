"""`user`: who may log in, from the command line."""

from typing import Annotated

import typer

from pacs_gateway.access.passwords import check_password_rule, hash_password
from pacs_gateway.access.roles import Role
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import BadRequestError
from storage.accounts import Accounts, User
from storage.auditlog import Entry
from storage.records import utc_now

commands = typer.Typer(help="People who may log in.", no_args_is_help=True)

Password = Annotated[
    str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for.")
]
Physician = Annotated[
    str,
    typer.Option(help="Name as studies give it for the referring physician: their own studies."),
]
Ward = Annotated[str, typer.Option(help="Ward as studies give it: the studies of the ward.")]


@commands.command("add")
def add_user(
    context: typer.Context,
    username: str,
    password: Password,
    role: Annotated[Role, typer.Option(help="What the account is for.")] = Role.RADIOLOGIST,
    physician: Physician = "",
    ward: Ward = "",
) -> None:
    """Add a person or program that may log in; the password is asked for."""
    check_password_rule(username, password)
    user = User(
        username=username,
        password_hash=hash_password(password),
        role=role,
        created_at=utc_now(),
        physician_name=physician,
        physician_folded=fold(physician),
        ward=ward,
        ward_folded=fold(ward),
    )
    with opened(context) as archive:
        if not archive.accounts.add(user, _changed(username, f"added as {role}")):
            raise BadRequestError(f"There is a user {username} already.")
    typer.echo(f"User {username} added.")


@commands.command("password")
def set_password(context: typer.Context, username: str, password: Password) -> None:
    """Give a person a new password."""
    check_password_rule(username, password)
    with opened(context) as archive:
        _known(archive.accounts, username)
        entry = _changed(username, "password")
        archive.accounts.change(username, entry, password_hash=hash_password(password))
    typer.echo(f"Password of {username} changed.")


@commands.command("role")
def set_role(context: typer.Context, username: str, role: Role) -> None:
    """Give a person another role."""
    with opened(context) as archive:
        _known(archive.accounts, username)
        archive.accounts.change(username, _changed(username, f"role {role}"), role=role)
    typer.echo(f"User {username} is {role} now.")


@commands.command("reset-second-factor")
def reset_second_factor(context: typer.Context, username: str) -> None:
    """Let a person log in without a code, after a phone was lost."""
    with opened(context) as archive:
        _known(archive.accounts, username)
        archive.accounts.change(
            username, _changed(username, "second factor removed"), totp_secret=None
        )
    typer.echo(f"User {username} logs in without a code now.")


@commands.command("remove")
def disable_user(context: typer.Context, username: str) -> None:
    """Let a person log in no more; what was done under the name stays."""
    with opened(context) as archive:
        _known(archive.accounts, username)
        archive.accounts.change(username, _changed(username, "disabled"), disabled=True)
    typer.echo(f"User {username} may log in no more.")


@commands.command("list")
def list_users(context: typer.Context) -> None:
    """List the people who may log in."""
    with opened(context) as archive:
        rows = [
            (
                user.username,
                user.role,
                user.physician_name,
                user.ward,
                "disabled" if user.disabled else "",
            )
            for user in archive.accounts.users()
        ]
    print_rows(("user", "role", "physician", "ward", "state"), rows)


def _changed(username: str, change: str) -> Entry:
    return acts.account_changed(OPERATOR, username=username, change=change)


def _known(accounts: Accounts, username: str) -> User:
    user = accounts.user(username)
    if user is None:
        raise BadRequestError(f"There is no user {username}.")
    return user
