"""Invariant: an image with a presentation state looks as DCMTK's renderer shows it.

That renderer always draws the whole image, so displayed areas are tested elsewhere.
"""

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PNG, RenderOptions
from tests.instances import take_apart
from tests.servers.programs import require_program

DCMTK = "apt-get install dcmtk"
CT = Path(str(get_testdata_file("CT_small.dcm")))


def item(**attributes: Any) -> Sequence:
    data_set = Dataset()
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    return Sequence([data_set])


# Without a window DCMTK spreads the whole range of a 16-bit number: all of a CT is one grey. We then
# show the automatic window, as for an image without a state (docs/design/0007-decoders.md).
WINDOW = item(WindowCenter=1000, WindowWidth=1500)
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "window": {"SoftcopyVOILUTSequence": item(WindowCenter=1100, WindowWidth=300)},
    "inverse": {"PresentationLUTShape": "INVERSE"},
    "turned": {"ImageRotation": 90, "ImageHorizontalFlip": "N"},
    "turned and flipped": {"ImageRotation": 270, "ImageHorizontalFlip": "Y"},
    "flipped": {"ImageRotation": 0, "ImageHorizontalFlip": "Y"},
}


@pytest.mark.server("dcmtk")
@pytest.mark.parametrize("case", CASES)
def test_it_looks_as_with_dcmtk(tmp_path: Path, case: str) -> None:
    make = require_program("dcmpsmk", DCMTK)
    render = require_program("dcmp2pgm", DCMTK)
    made, wanted = tmp_path / "state.dcm", tmp_path / "wanted.pgm"
    subprocess.run([make, CT, made], check=True, timeout=60)
    state = dcmread(made)
    state.SoftcopyVOILUTSequence = WINDOW
    for keyword, value in CASES[case].items():
        setattr(state, keyword, value)
    state.save_as(made)
    subprocess.run([render, "-p", made, CT, wanted], check=True, timeout=60)
    image = take_apart(CT.read_bytes())
    ours = worker.render_frame(
        image.header,
        image.frame(1),
        number=1,
        options=RenderOptions(media_type=PNG),
        max_samples=10**6,
        presentation_state=made.read_bytes(),
    )
    expected = np.asarray(Image.open(wanted)).astype(int)
    found = np.asarray(Image.open(BytesIO(ours))).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1
