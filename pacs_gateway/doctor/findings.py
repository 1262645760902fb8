"""A finding: what one check saw, as a code and values; the catalogues have its words.

Invariant: values are counts, times, paths, AE titles and names of parts. No secret and nothing of
a patient is ever one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Value = str | int | datetime
Values = dict[str, Value]


class State(StrEnum):
    """How bad it is, the worst last."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw."""

    check: str
    state: State
    code: str
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def text_key(self) -> str:
        """Key of the sentence that says it."""
        return f"health.{self.check}.{self.code}"


def ok(check: str, code: str, **values: Value) -> Finding:
    """Return that all is well."""
    return Finding(check, State.OK, code, values)


def warning(check: str, code: str, **values: Value) -> Finding:
    """Return what somebody should see to in the next days."""
    return Finding(check, State.WARNING, code, values)


def wrong(check: str, code: str, **values: Value) -> Finding:
    """Return what somebody must see to now."""
    return Finding(check, State.WRONG, code, values)


def worst(findings: Iterable[Finding]) -> State:
    """Return the gravest state."""
    states = {finding.state for finding in findings}
    return next((each for each in (State.WRONG, State.WARNING) if each in states), State.OK)


def to_json(findings: Sequence[Finding]) -> str:
    """Return findings as they are kept and printed."""
    return json.dumps([as_dict(finding) for finding in findings], ensure_ascii=False)


def as_dict(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON has it."""
    values = {
        name: {"at": value.isoformat()} if isinstance(value, datetime) else value
        for name, value in finding.values.items()
    }
    return {
        "check": finding.check,
        "state": str(finding.state),
        "code": finding.code,
        "values": values,
    }


def from_json(text: str) -> Sequence[Finding]:
    """Return findings that `to_json` wrote, perhaps in another version."""
    return [
        Finding(
            each["check"],
            State(each["state"]),
            each["code"],
            {name: _value(value) for name, value in each["values"].items()},
        )
        for each in json.loads(text)
    ]


def _value(value: Any) -> Value:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["at"])
    return value if isinstance(value, int) else str(value)
