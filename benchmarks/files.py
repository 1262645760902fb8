"""Files to send: nothing is sent twice, because both servers know what they have."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.series import Series, new_uid

HEAD_BYTES = 8192
"""What is before the pixels, UIDs included."""


def renewed(series: Series) -> Series:
    """Return the same images under UIDs that nobody has seen."""
    study, one = new_uid(), new_uid()
    uids = [new_uid() for _ in series.files]
    files = []
    for old, new, file in zip(series.sop_instance_uids, uids, series.files, strict=True):
        head = file[:HEAD_BYTES]
        for before, after in ((series.study_uid, study), (series.series_uid, one), (old, new)):
            head = head.replace(before.encode(), after.encode())
        files.append(head + file[HEAD_BYTES:])
    return replace(series, study_uid=study, series_uid=one, sop_instance_uids=uids, files=files)


@contextmanager
def folders(series: Series, *, senders: int, each: int) -> Iterator[Sequence[Path]]:
    """Yield a folder of `each` new instances for every sender; all of it is on the disk by then."""
    with TemporaryDirectory(prefix="benchmark-files-") as root:
        made = [Path(root) / str(number) for number in range(senders)]
        for folder in made:
            _fill(folder, series, each)
        os.sync()
        yield made
        shutil.rmtree(root)
        Path(root).mkdir()


def _fill(folder: Path, series: Series, count: int) -> None:
    folder.mkdir()
    written = 0
    while written < count:
        for file in renewed(series).files[: count - written]:
            (folder / f"{written}.dcm").write_bytes(file)
            written += 1
