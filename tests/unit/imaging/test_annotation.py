"""Invariant: names and settings are written into the picture only when asked for, and never change
what lies elsewhere in it."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PATIENT, PNG, TECHNIQUE, RenderOptions
from tests.instances import made

SIDE = 256


def shown(*kinds: str, **attributes: Any) -> NDArray[np.uint8]:
    header = made(
        SpecificCharacterSet="ISO_IR 192",
        Rows=SIDE,
        Columns=SIDE,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        WindowCenter=128,
        WindowWidth=256,
        **{"PatientName": "NGUYỄN^VĂN ÁNH", "PatientID": "P1", "KVP": "120", **attributes},
    )
    file = worker.render_frame(
        header,
        bytes([90]) * SIDE * SIDE,
        number=1,
        options=RenderOptions(media_type=PNG, annotations=kinds),
        max_samples=SIDE * SIDE,
    )
    return np.asarray(Image.open(BytesIO(file)))


def test_nothing_unless_asked_for() -> None:
    assert (shown() == 90).all()


@pytest.mark.parametrize(("kind", "top"), [(PATIENT, True), (TECHNIQUE, False)])
def test_each_kind_has_its_corner(kind: str, top: bool) -> None:
    changed = shown(kind) != 90
    assert changed.any()
    half = SIDE // 2
    own, other = (changed[:half], changed[half:]) if top else (changed[half:], changed[:half])
    assert own.any()
    assert not other.any()


def test_other_names_give_other_pictures() -> None:
    assert (shown(PATIENT) != shown(PATIENT, PatientName="TRẦN^THỊ BÌNH")).any()


def test_hostile_texts_do_no_harm() -> None:
    assert shown(PATIENT, TECHNIQUE, PatientName="x" * 64, PatientID="\x1b[2J").size
    assert (shown(PATIENT, PatientName="", PatientID="") == 90).all()
