"""`reindex`: the index made anew from the object store, with a progress bar."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from pacs_gateway.app import Archive, open_objects
from pacs_gateway.archive.readers import Readers
from pacs_gateway.archive.reindex import Reindex
from pacs_gateway.cli.progress import counted
from pacs_gateway.errors import ConfigurationError
from storage.rebuilding import Kind

FOLDER = "reindex"


def reindex(archive: Archive, console: Console, *, forget: bool) -> bool:
    """Make the index anew and report; return whether every object of the gateway could be read.

    Raises StorageError when the store or the database is down; running again goes on there.
    """
    settings = archive.settings
    folder = settings.data_dir.resolve() / FOLDER
    processes = os.cpu_count() or 1
    threads = max(1, settings.recovery.readers // processes)
    with (
        _alone(folder.with_suffix(".lock")),
        closing(
            Readers(partial(open_objects, settings), processes=processes, threads=threads)
        ) as readers,
    ):
        work = Reindex(
            archive.engine, archive.store, readers, folder=folder, source=settings.objects_url
        )
        with counted(console) as bar:
            result = work.run(
                threads=settings.recovery.readers,
                forget=forget,
                listed=bar("listing"),
                indexed=bar("indexing"),
            )
    for fault in result.faults:
        console.print(f"{fault.key}: {fault.reason}", markup=False, highlight=False, soft_wrap=True)
    if result.faults:
        console.print(f"{len(result.faults)} objects could not be indexed. They are kept.")
    if result.lost:
        console.print(
            f"{result.lost} of them are images that the index has now, so it stays as it was."
            " Bring them back from a backup and run this again,"
            " or run it with --forget-lost for an index without them.",
            soft_wrap=True,
        )
        return False
    console.print(f"The new index is in use: {result.instances} instances are shown.")
    return all(fault.kind is Kind.OTHER for fault in result.faults)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigurationError("Another reindex is at work here; wait until it ends.") from error
    else:
        yield
    finally:
        os.close(descriptor)
