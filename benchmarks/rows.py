"""What is measured, as rows: figures of both servers, and their ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

THREE_DIGITS = 100
FEW = 8
HEADER = f"{'':48}{'gateway':>12}{'Orthanc':>12}{'ratio':>8}{'aim':>7}{'spread':>10}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case, measured as often for the one as for the other, in turn."""

    case: str
    unit: str
    """`ms` and `MB` are better when small, everything else when large."""
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    """Empty where the other one has nothing of the kind."""
    aim: float | None = None
    """Ratio to reach; without the other's figures, the figure itself."""

    @property
    def ratio(self) -> float | None:
        """How many times better we are: 2 is twice as fast, or half as big."""
        if not self.theirs:
            return None
        ours, theirs = median(self.ours), median(self.theirs)
        return theirs / ours if self.unit in ("ms", "s", "MB") else ours / theirs

    @property
    def spread(self) -> float:
        """Distance of the middle half of our figures (of all, if few), as a share of the median."""
        figures = sorted(self.ours)
        if len(figures) > FEW:
            quarter = len(figures) // 4
            figures = figures[quarter:-quarter]
        return (figures[-1] - figures[0]) / median(figures)

    def line(self) -> str:
        """Return the row of the printed table."""
        ours = f"{_short(median(self.ours))} {self.unit}"
        theirs = f"{_short(median(self.theirs))} {self.unit}" if self.theirs else "-"
        ratio = "-" if self.ratio is None else f"{self.ratio:.1f}x"
        aim = "-" if self.aim is None else f"{self.aim:g}{'x' if self.theirs else ''}"
        return f"{self.case:48}{ours:>12}{theirs:>12}{ratio:>8}{aim:>7}{self.spread:>9.0%}"

    def json(self) -> dict[str, Any]:
        """Return the row with every single figure."""
        return {
            "case": self.case,
            "unit": self.unit,
            "gateway": list(self.ours),
            "orthanc": list(self.theirs),
            "ratio": self.ratio,
            "aim": self.aim,
        }


def _short(figure: float) -> str:
    return f"{figure:.3g}" if figure < THREE_DIGITS else f"{figure:.0f}"
