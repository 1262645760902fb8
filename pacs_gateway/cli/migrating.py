"""`migrate-store`: the objects copied into another store, and what to do then."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from pacs_gateway.app import open_store
from pacs_gateway.archive.migration import Migration
from pacs_gateway.cli.progress import counted
from pacs_gateway.config import Settings


def migrate_store(settings: Settings, source: str, target: str, console: Console) -> bool:
    """Copy and say how to go on; return whether every object could be copied.

    Raises StorageError; running again goes on there.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=settings.data_dir, prefix="migrate-") as scratch,
        counted(console) as bar,
    ):
        work = Migration(
            open_store(settings, source),
            open_store(settings, target),
            threads=settings.recovery.readers,
            scratch=Path(scratch),
        )
        moved = work.run(bar("copying"))
    for key in moved.faults:
        console.print(f"{key}: damaged in {source}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{moved.objects} objects, {moved.copied} copied now, {len(moved.faults)} damaged.\n"
        "Run it until nothing is copied any more; then stop the gateway, run it once more,"
        f" set PACS_GATEWAY_OBJECTS__URL={target}, run pacs-gateway verify --sample 1,"
        " and start the gateway. The old store is unchanged.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return not moved.faults
