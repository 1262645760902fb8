"""Invariant: whatever a check may find, both languages say it and say what to do about it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pacs_gateway.doctor
import viewer
from pacs_gateway.doctor import care, network, parts, places, servers
from pacs_gateway.doctor.examination import CONFIGURATION
from pacs_gateway.doctor.findings import (
    Finding,
    State,
    from_json,
    ok,
    to_json,
    warning,
    worst,
    wrong,
)
from pacs_gateway.web.healthwords import say
from pacs_gateway.web.language import texts_of

SOURCES = sorted(Path(pacs_gateway.doctor.__path__[0]).glob("*.py"))
MADE = re.compile(r'\b(ok|warning|wrong)\(\s*([A-Z]+),\s*"([a-z_]+)"')
NAMES = {
    name: value
    for module in (care, network, parts, places, servers)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
} | {"CONFIGURATION": CONFIGURATION}
DECIDED_ELSEWHERE = {
    ("backup", "never"), ("backup", "old"), ("backup", "failed"), ("backup", "fine"),
    ("drill", "never"), ("drill", "old"), ("drill", "failed"), ("drill", "fine"),
    ("clock", "database"), ("clock", "objects"), ("host", "silent"),
}  # fmt: skip


def made() -> set[tuple[str, str, str]]:
    return {
        (state, NAMES[check], code)
        for path in SOURCES
        for state, check, code in MADE.findall(path.read_text("utf-8"))
    }


@pytest.mark.parametrize("language", viewer.LANGUAGES)
def test_every_finding_has_words(language: str) -> None:
    catalogue = viewer.catalogue(language)
    found = made()
    assert len(found) > 40
    for state, check, code in found:
        assert f"health.name.{check}" in catalogue
        assert f"health.{check}.{code}" in catalogue, (check, code)
        if state != "ok":
            assert f"health.{check}.{code}.do" in catalogue, (check, code)
    for check, code in DECIDED_ELSEWHERE:
        assert f"health.{check}.{code}" in catalogue


@pytest.mark.parametrize("language", viewer.LANGUAGES)
def test_what_may_happen_to_every_check_is_said(language: str) -> None:
    texts = texts_of(language)
    said = say(texts, wrong("objects", "silent"))
    assert said.title == texts("health.name.objects")
    assert said.text == texts("health.silent")
    assert said.remedy


def test_a_finding_of_a_newer_version_is_told_by_its_name() -> None:
    said = say(texts_of("en"), warning("hologram", "blurred", angle=3))
    assert "blurred" in said.text
    assert said.remedy == ""


def test_findings_are_kept_as_they_are() -> None:
    found = [
        ok("version", "is", number="1.2"),
        warning("backup", "old", days=9, at=datetime(2026, 11, 1, 2, 3, tzinfo=UTC)),
        Finding("scrub", State.WRONG, "faults", {"number": 2}),
    ]
    assert from_json(to_json(found)) == found
    assert worst(found) is State.WRONG
    assert worst(found[:2]) is State.WARNING
    assert worst([]) is State.OK
