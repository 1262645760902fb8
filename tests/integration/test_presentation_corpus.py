"""Invariant: published presentation states show their images as their makers drew them."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PNG, RenderOptions
from tests.corpus import corpus_files
from tests.instances import take_apart


def shown(image: str, state: str) -> NDArray[np.uint8]:
    files = corpus_files()
    instance = take_apart(files[f"weasis/{image}"].read_bytes())
    file = worker.render_frame(
        instance.header,
        instance.frame(1),
        number=1,
        options=RenderOptions(media_type=PNG),
        max_samples=10**6,
        presentation_state=files[f"weasis/{state}"].read_bytes(),
    )
    return np.asarray(Image.open(BytesIO(file)))


def expected(name: str) -> NDArray[np.uint8]:
    folder = corpus_files()["weasis/overlay.dcm"].parent
    return np.asarray(Image.open(folder / name).convert("RGB"))


def test_three_tables_one_after_the_other() -> None:
    """A modality, a VOI and a presentation LUT, each scrambled, give a straight ramp."""
    found = shown("imageForPrLUTs.dcm", "prLUTs.dcm")
    assert (found == expected("expected_imgForPrLUT.png")[..., 0]).all()


def test_six_overlays() -> None:
    """Two lie in the pixels, two in the image, two in the state; the drawing has them in green."""
    wanted = expected("expected_overlay.png").astype(int)
    green = (wanted[..., 1] - wanted[..., 0]) > 100
    found = shown("overlay.dcm", "prOverlay.dcm")
    assert green.sum() > 3000
    assert (found[green] == 255).all()
    assert found[~green].mean() == pytest.approx(wanted[~green].mean(), abs=1)
