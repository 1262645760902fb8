"""A Structured Report as plain text: one line an item, indented as it is nested."""

from collections.abc import Iterator

from pacs_gateway.web.reportsheet import Entry, Sheet

INDENT = "  "


def plain_text(sheet: Sheet) -> str:
    """Return the sheet as text; lines of a value keep their indentation."""
    lines = [sheet.title, "=" * len(sheet.title)]
    if sheet.flags:
        lines.append(" | ".join(flag.text for flag in sheet.flags))
    lines.append("")
    lines += [f"{fact.label}: {_on_one_line(fact.value)}" for fact in sheet.facts]
    for entry in sheet.entries:
        lines += ["", *_lines(entry, "")] if entry.is_section else _lines(entry, "")
    return "\n".join(lines) + "\n"


def running_text(entry: Entry) -> str:
    """Return the entries of a section as the one running text they are (PS3.3 C.18.8)."""
    return " ".join(_running(child) for child in entry.entries)


def _running(entry: Entry) -> str:
    inner = running_text(entry)
    said = f"{entry.value} {entry.note}".strip()
    return f"{said} ({inner})" if inner else said


def _lines(entry: Entry, indent: str) -> Iterator[str]:
    said = entry.value + (f" ({entry.note})" if entry.note else "")
    head = f"{entry.label}: {said}" if entry.label and said else entry.label or said
    if head:
        first, *rest = head.splitlines()
        yield indent + first
        yield from (f"{indent}{INDENT}{line}" for line in rest)
        indent += INDENT
    if entry.is_running:
        yield f"{indent}{_on_one_line(running_text(entry))}"
        return
    for child in entry.entries:
        yield from _lines(child, indent)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
