"""`work`: what the gateway still has to do in the background, and what is stuck."""

from typing import Annotated

import typer

from pacs_gateway.audit import acts
from pacs_gateway.cli.rows import OPERATOR, opened, print_rows
from pacs_gateway.errors import BadRequestError
from storage.errors import NotFoundError
from storage.outbox import UNFINISHED, Outbox, State
from storage.records import utc_now

commands = typer.Typer(help="Background work, and what is stuck.", no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(help="As `pacs-gateway work list` shows it.")]


@commands.command("list")
def list_work(
    context: typer.Context,
    *,
    stuck: Annotated[bool, typer.Option(help="Only what a person must decide about.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 100,
) -> None:
    """List what has yet to happen, and why it has not."""
    with opened(context) as archive:
        states = (State.STUCK,) if stuck else UNFINISHED
        found = Outbox(archive.engine).tasks(states, limit=limit)
    print_rows(
        ("id", "what", "about", "state", "tries", "next", "reason"),
        [
            (
                task.id,
                task.kind,
                task.about,
                task.state,
                str(task.attempt),
                f"{task.due_at:%Y-%m-%d %H:%M:%S}" if task.state is State.WAITING else "",
                task.reason,
            )
            for task in found
        ],
    )


@commands.command("retry")
def retry_work(context: typer.Context, work: Identifier) -> None:
    """Try again now what waits or is stuck."""
    entry = acts.work_decided(OPERATOR, work=work, decision="try again")
    with opened(context) as archive:
        try:
            Outbox(archive.engine).retry(work, entry, now=utc_now())
        except NotFoundError as error:
            raise BadRequestError(str(error)) from error
    typer.echo(f"{work} will be tried again now.")


@commands.command("give-up")
def give_up_work(
    context: typer.Context,
    work: Identifier,
    reason: Annotated[str, typer.Option(help="Why it need not happen; kept on record.")],
) -> None:
    """Never do a piece of work; nothing else ever gives any up."""
    if not reason.strip():
        raise BadRequestError("Say why this work is given up.")
    entry = acts.work_decided(OPERATOR, work=work, decision="given up", reason=reason)
    with opened(context) as archive:
        try:
            Outbox(archive.engine).give_up(work, entry, reason=reason, now=utc_now())
        except NotFoundError as error:
            raise BadRequestError(str(error)) from error
    typer.echo(f"{work} is given up.")
