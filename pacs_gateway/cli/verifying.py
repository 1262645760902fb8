"""`verify`: stored objects read again, one line for each that is not as it was."""

from rich.console import Console

from pacs_gateway.app import Archive
from pacs_gateway.archive.verification import Verification
from pacs_gateway.cli.progress import counted
from storage.holdings import Holdings


def verify(archive: Archive, console: Console, *, study_uid: str | None, percent: float) -> bool:
    """Report every fault; return whether there is none.

    Raises StorageError if the store or the database is down.
    """
    work = Verification(
        Holdings(archive.engine), archive.store, threads=archive.settings.recovery.readers
    )
    faults = 0
    with counted(console) as bar:
        for fault in work.run(study_uid=study_uid, percent=percent, step=bar("reading")):
            faults += 1
            console.print(
                f"{fault.key}: {fault.wrong}", markup=False, highlight=False, soft_wrap=True
            )
    console.print(f"{faults} faults." if faults else "Every object is as it was stored.")
    return not faults
