"""A gateway with all of sample_dicom in it, and what pydicom reads in those files."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from tests.integration.web.gateway import Gateway, running, settings_for

SAMPLES = Path(__file__).parents[3] / "sample_dicom"


@pytest.fixture(name="samples", scope="package")
def fixture_samples() -> Mapping[str, FileDataset]:
    """Return the sample files by SOP Instance UID, as pydicom reads them."""
    read = [dcmread(path) for path in sorted(SAMPLES.rglob("*.dcm"))]
    return {str(data_set.SOPInstanceUID): data_set for data_set in read}


@pytest.fixture(name="archive", scope="package")
def fixture_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway that keeps the samples, for tests that change nothing in it."""
    files = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm"))]
    with running(settings_for(tmp_path_factory.mktemp("archive"))) as gateway:
        answer = gateway.client("device").store(*files)
        assert answer.status == 200, answer.body
        yield gateway
