"""The words on a tracing, in the reader's language."""

from collections.abc import Sequence

from pacs_gateway.documents.strips import GAIN, SPEED
from pacs_gateway.documents.subject import Subject
from pacs_gateway.documents.tracing import Captions, Portion
from pacs_gateway.documents.waveform import Channel, Group
from pacs_gateway.web.language import Texts
from pacs_gateway.web.reportsheet import subject_facts

LINE_CHARACTERS = 120
"""What fits into one line of the paper's width."""
MAX_LINES = 6
_BETWEEN = " · "


def captions_of(
    subject: Subject,
    groups: Sequence[Group],
    drawn: Sequence[Portion],
    texts: Texts,
    *,
    ecg: bool,
) -> Captions:
    """Return patient and study for the head, and what stands above each group."""
    name, *others = (f"{fact.label}: {fact.value}" for fact in subject_facts(subject, texts))
    return Captions(
        head=[name[:LINE_CHARACTERS], *_lines(others)],
        groups=[
            _group(group, portion, texts, ecg=ecg)
            for group, portion in zip(groups, drawn, strict=True)
        ],
    )


def _lines(pieces: Sequence[str]) -> Sequence[str]:
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]}{_BETWEEN}{piece}" if lines[-1] else piece
        if len(longer) <= LINE_CHARACTERS:
            lines[-1] = longer
        else:
            lines.append(piece[:LINE_CHARACTERS])
    return [line for line in lines if line][:MAX_LINES]


def _group(group: Group, portion: Portion, texts: Texts, *, ecg: bool) -> str:
    speed = texts("document.waveform.speed", speed=f"{SPEED:g}")
    gain = texts("document.waveform.gain", gain=f"{GAIN:g}") if ecg else ""
    shown = portion.seconds(group) if portion.systems else 0.0
    cut = ""
    if shown < group.seconds:
        cut = texts("document.waveform.cut", shown=f"{shown:g}", total=f"{group.seconds:.6g}")
    pieces = (
        group.label[:LINE_CHARACTERS],
        speed,
        gain,
        texts("document.waveform.rate", rate=f"{group.rate:g}"),
        _filters(group.channels, texts),
        cut,
    )
    return _BETWEEN.join(filter(None, pieces))


def _filters(channels: Sequence[Channel], texts: Texts) -> str:
    """Return the filter settings if all channels have the same ones."""
    settings = {(each.low_filter, each.high_filter, each.notch_filter) for each in channels}
    if len(settings) > 1:
        return ""
    low, high, notch = settings.pop()
    said = []
    if low is not None or high is not None:
        ends = {"low": _number(low), "high": _number(high)}
        said.append(texts("document.waveform.filter", **ends))
    if notch:
        said.append(texts("document.waveform.notch", notch=_number(notch)))
    return ", ".join(said)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"
