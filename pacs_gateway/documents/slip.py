"""The slip that a patient takes home instead of films: an A5 page with a QR code."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno

A5_MM = (148.0, 210.0)
"""ISO 216."""
MARGIN_MM, BOTTOM_MM = 12.0, 5.0
QR_MM = 62.0
"""A phone reads it at arm's length, and off a bad printer."""
TEXT_PT, NOTE_PT = 11.0, 8.0
"""Most who carry a slip are old, or carry it for somebody old."""
_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "DejaVu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What stands on a slip, in the words of one language."""

    hospital: str
    title: str
    patient: Sequence[tuple[str, str]]
    """Label and value of what tells the right person that this is theirs."""
    studies: Sequence[str]
    address: str
    """What the QR code opens; it is printed too, for those who type."""
    steps: Sequence[str]
    notes: Sequence[str]


def draw(slip: Slip) -> bytes:
    """Return an A5 page as PDF, its text selectable."""
    page = _new_page(slip.title)
    _heading(page, slip)
    _facts(page, slip)
    _code(page, slip.address)
    for number, step in enumerate(slip.steps, 1):
        _paragraph(page, f"{number}. {step}", size=TEXT_PT)
    page.ln(1.5)
    for note in slip.notes:
        _paragraph(page, note, size=NOTE_PT)
    return bytes(page.output())


def _new_page(title: str) -> Any:
    # Loading it takes as much memory as a small process, and most processes print nothing.
    from fpdf import FPDF  # noqa: PLC0415

    page = FPDF(orientation="portrait", unit="mm", format=A5_MM)
    page.set_margin(MARGIN_MM)
    # Words that are too many go on; the code is near the top, whatever stands above it.
    page.set_auto_page_break(auto=True, margin=BOTTOM_MM)
    page.add_font(_FAMILY, "", _FONTS / "DejaVuSans.ttf")
    page.add_font(_FAMILY, "B", _FONTS / "DejaVuSans-Bold.ttf")
    page.set_title(title)
    page.add_page()
    return page


def _heading(page: Any, slip: Slip) -> None:
    if slip.hospital:
        _paragraph(page, slip.hospital, size=11, style="B", align="C")
    _paragraph(page, slip.title, size=14, style="B", align="C")
    page.ln(2)


def _facts(page: Any, slip: Slip) -> None:
    for label, value in slip.patient:
        if value:
            _paragraph(page, f"{label}: {value}", size=TEXT_PT)
    for study in slip.studies:
        _paragraph(page, f"• {study}", size=TEXT_PT)
    page.ln(1)


def _code(page: Any, address: str) -> None:
    """Draw the QR code as squares: sharp at any size, and no picture to decode."""
    code = segno.make(address, error="m", micro=False)
    rows = [bytes(row) for row in code.matrix_iter(border=2)]
    side = QR_MM / len(rows)
    left, top = (page.w - QR_MM) / 2, page.get_y()
    page.set_fill_color(0)
    for row, modules in enumerate(rows):
        for column, dark in enumerate(modules):
            if dark:
                page.rect(left + column * side, top + row * side, side, side, style="F")
    page.set_y(top + QR_MM)
    _paragraph(page, address, size=7.5, align="C")
    page.ln(1.5)


def _paragraph(page: Any, text: str, *, size: float, style: str = "", align: str = "L") -> None:
    page.set_font(_FAMILY, style, size)
    # The fonts have each letter with its marks, and no way to put marks on letters.
    page.multi_cell(
        0,
        size * 0.48,
        unicodedata.normalize("NFC", text),
        align=align,
        new_x="LMARGIN",
        new_y="NEXT",
    )
