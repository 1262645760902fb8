"""Write the sample studies and their MANIFEST.csv: `python sample_dicom/make_samples.py [OUT]`.

Two runs give the same bytes: no clock, no unseeded chance, UIDs derived from names.
"""

import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from sample_dicom.modules import Sample
from sample_dicom.studies import ct, dx, mr, pdf, report, us
from sample_dicom.transfer import part10

MANIFEST = "MANIFEST.csv"
COLUMNS = ("path", "study", "modality", "transfer_syntax", "bytes", "sha256", "exercises")


def make(folder: Path) -> None:
    """Write every sample below `folder`, and the manifest beside them."""
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        manifest = csv.writer(file, lineterminator="\n")
        manifest.writerow(COLUMNS)
        for path, sample in _placed():
            content = part10(sample.data_set, sample.syntax)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            manifest.writerow(_row(path, sample, content))


def _placed() -> Iterator[tuple[str, Sample]]:
    """Yield each sample with its path: the study's folder and a running number within it."""
    numbers: Counter[str] = Counter()
    modules = (ct, report, dx, mr, us, pdf)
    for sample in chain.from_iterable(module.samples() for module in modules):
        folder = sample.series.study.folder
        numbers[folder] += 1
        yield f"{folder}/{numbers[folder]:03}.dcm", sample


def _row(path: str, sample: Sample, content: bytes) -> tuple[str, ...]:
    series = sample.series
    return (
        path,
        series.study.description,
        series.modality,
        sample.syntax.name,
        str(len(content)),
        hashlib.sha256(content).hexdigest(),
        sample.exercises,
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
