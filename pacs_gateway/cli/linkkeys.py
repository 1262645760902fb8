"""`link-key`: keys that other systems sign links with, from the command line."""

import typer
from ulid import ULID

from pacs_gateway.access.links import LIVE_KEYS
from pacs_gateway.access.secrets import new_secret
from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.errors import BadRequestError
from storage.links import StoredKey
from storage.records import utc_now

commands = typer.Typer(help="Keys that the EMR signs its links with.", no_args_is_help=True)


@commands.command("add")
def add_key(context: typer.Context, issuer: str) -> None:
    """Make a key for a system, as EMR; its secret is printed once."""
    key = StoredKey(id=str(ULID()), issuer=issuer, secret=new_secret(), created_at=utc_now())
    entry = acts.key_changed(OPERATOR, key=key.id, issuer=issuer, change="added")
    with opened(context) as archive:
        if not archive.links.add_key(key, most=LIVE_KEYS, entry=entry):
            raise BadRequestError(
                f"{issuer} has {LIVE_KEYS} keys already; remove the older one first."
            )
    typer.echo(f"key id: {key.id}\nsecret: {key.secret}")


@commands.command("remove")
def retire_key(context: typer.Context, key_id: str) -> None:
    """Refuse links that were signed with a key from now on."""
    with opened(context) as archive:
        found = archive.links.key(key_id)
        if found is None:
            raise BadRequestError(f"There is no key {key_id}.")
        entry = acts.key_changed(OPERATOR, key=key_id, issuer=found.issuer, change="retired")
        archive.links.retire_key(key_id, utc_now(), entry)
    typer.echo(f"Links signed with {key_id} are refused now.")


@commands.command("list")
def list_keys(context: typer.Context) -> None:
    """List keys; secrets are not shown again."""
    with opened(context) as archive:
        rows = [
            (
                key.id,
                key.issuer,
                f"{key.created_at:%Y-%m-%d}",
                f"{key.retired_at:%Y-%m-%d}" if key.retired_at else "",
            )
            for key in archive.links.all_keys()
        ]
    print_rows(("key id", "system", "made", "removed"), rows)
