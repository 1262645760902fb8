"""What a viewer must know to draw an image itself: pixels, shades, place and time of each frame.

Invariant: values come from the functions that draw the server's own pictures (`header`), so what a
viewer paints by them equals those pictures.
"""

import base64
import struct
from collections.abc import Sequence
from typing import Any

from pacs_gateway.dicom import meta
from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import attributes, header
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.image import WINDOW_FUNCTIONS, Image, Kind, Lut, Shades, Window
from pacs_gateway.imaging.placing import (
    aspect_of,
    patient_orientation,
    plane_of,
    regions,
    spacing_of,
)

Facts = dict[str, Any]
"""A part of a JSON document."""

MAX_FRAMES = 10_000
"""Frames of one instance that are described one by one; an enhanced CT has some thousands."""
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_ROWS = 0x0010
_CINE_KEYWORDS = ("FrameTime", "FrameTimeVector", "RecommendedDisplayFrameRate", "CineRate")
_DRAWN_BITS = (8, 16)
"""Bits Allocated of pixels that a browser's typed arrays hold as they are."""


def image_facts(data_set: Elements, transfer_syntax_uid: str, frames: int) -> Facts:
    """Return what is the same in all frames of an image, and under `perFrame` what is not."""
    first = frame_facts(data_set, 1)
    facts = {
        "rows": attributes.integer(data_set, "Rows") or 0,
        "columns": attributes.integer(data_set, "Columns") or 0,
        "frames": frames,
        "stored": _stored(data_set, transfer_syntax_uid),
        "lossyRatio": attributes.decimal(data_set, "LossyImageCompressionRatio"),
        **first,
        "regions": regions(data_set),
        "aspect": aspect_of(data_set),
        "patientOrientation": patient_orientation(data_set),
        "frameTimes": _frame_times(data_set, frames),
        "units": _units(data_set),
        "overlays": any(data_set.holds(group << 16 | _OVERLAY_ROWS) for group in _OVERLAY_GROUPS),
    }
    if frames > 1 and _differs_by_frame(data_set):
        facts["perFrame"] = [
            _what_differs(frame_facts(data_set, number), first)
            for number in range(1, min(frames, MAX_FRAMES) + 1)
        ]
    return facts


def frame_facts(data_set: Elements, number: int) -> Facts:
    """Return what may differ from frame to frame; 1 is the first."""
    shades = header.shades_of(data_set, number)
    voi = header.group(data_set, number, "FrameVOILUTSequence", "WindowCenter", "VOILUTSequence")
    measures = header.group(data_set, number, "PixelMeasuresSequence", "PixelSpacing")
    return {
        "shades": _shades(shades),
        "windows": windows(voi),
        "plane": plane_of(data_set, number),
        "spacing": spacing_of(measures),
        "sliceThickness": attributes.decimal(measures, "SliceThickness"),
    }


def windows(data_set: Elements) -> Sequence[Facts]:
    """Return every usable window of a data set or item with its explanation (PS3.3 C.11.2.1.2)."""
    centers = attributes.decimals(data_set, "WindowCenter")
    widths = attributes.decimals(data_set, "WindowWidth")
    names = attributes.values(data_set, "WindowCenterWidthExplanation")
    function = attributes.text(data_set, "VOILUTFunction")
    function = function if function in WINDOW_FUNCTIONS else WINDOW_FUNCTIONS[0]
    found = []
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        window = Window(center, width, function)
        if window.valid:
            name = str(names[number]) if number < len(names) else ""
            found.append({**window._asdict(), "name": name})
    return found


def _stored(data_set: Elements, transfer_syntax_uid: str) -> Facts | None:
    """Return how stored values are to be read, None where only the server draws them."""
    try:
        image = header.image_of(data_set, transfer_syntax_uid)
    except UnrenderableError:
        return None
    if not _is_plain_grey(image) or attributes.text(data_set, "PixelPresentation") in (
        "COLOR",
        "MIXED",
    ):
        return None
    # Codecs with loss may overshoot the bits of a value, above which others may hold other things.
    overshoots = meta.is_lossy(transfer_syntax_uid) and not image.signed
    bits = image.bits_allocated if overshoots else image.bits_stored
    return {"bits": bits, "signed": image.signed}


def _is_plain_grey(image: Image) -> bool:
    return (
        image.kind is Kind.INTEGER
        and image.samples == 1
        and image.photometric.startswith("MONOCHROME")
        and image.bits_allocated in _DRAWN_BITS
        and image.high_bit == image.bits_stored - 1
    )


def _shades(shades: Shades) -> Facts:
    return {
        "slope": shades.slope,
        "intercept": shades.intercept,
        "modalityLut": lut_facts(shades.modality_lut),
        "window": None if shades.window is None else shades.window._asdict(),
        "voiLut": lut_facts(shades.voi_lut),
        "inverted": shades.inverted,
        "padding": shades.padding,
    }


def lut_facts(lut: Lut | None) -> Facts | None:
    """Return a table with its values in base64."""
    if lut is None:
        return None
    values = struct.pack(f"<{len(lut.values)}H", *lut.values)
    return {"first": lut.first, "bits": lut.bits, "values": base64.b64encode(values).decode()}


def _frame_times(data_set: Elements, frames: int) -> Sequence[float] | None:
    """Return milliseconds for each frame of a cine; None for frames that no time orders."""
    if frames == 1 or not any(map(data_set.holds, _CINE_KEYWORDS)):
        return None
    return [
        header.frame_duration_ms(data_set, number)
        for number in range(1, min(frames, MAX_FRAMES) + 1)
    ]


def _units(data_set: Elements) -> str:
    """Return the unit of modality values (PS3.3 C.11.1.1.2), empty if they have none."""
    kind = attributes.text(data_set, "RescaleType")
    if not kind and attributes.text(data_set, "Modality") == "CT":
        return "HU"
    if kind in ("", "US"):
        return attributes.text(data_set, "Units")
    return kind


def _differs_by_frame(data_set: Elements) -> bool:
    return data_set.holds("PerFrameFunctionalGroupsSequence") or data_set.holds(
        "GridFrameOffsetVector"
    )


def _what_differs(facts: Facts, first: Facts) -> Facts:
    return {name: value for name, value in facts.items() if value != first[name]}
