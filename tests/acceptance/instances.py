"""Valid instances to send, made from a small one that pydicom ships."""

from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid


def ct_series(folder: Path, count: int) -> tuple[str, list[Path]]:
    """Write a CT series and return its Study Instance UID and files."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert path is not None
    data_set = dcmread(path)
    # DCMTK leaves trailing padding out when it sends; what is compared byte for byte has none.
    del data_set.DataSetTrailingPadding
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = generate_uid(), generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    return data_set.StudyInstanceUID, list(_slices(data_set, folder, count))


def _slices(data_set: object, folder: Path, count: int) -> Iterator[Path]:
    for number in range(1, count + 1):
        uid = generate_uid()
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid  # type: ignore[attr-defined]
        data_set.InstanceNumber = number  # type: ignore[attr-defined]
        path = folder / f"{number:04}.dcm"
        data_set.save_as(path)  # type: ignore[attr-defined]
        yield path
