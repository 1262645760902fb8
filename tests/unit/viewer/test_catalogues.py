"""Both languages say everything: no text is missing, none is hard-coded, none is left unused."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import viewer

ROOT = viewer.templates_dir().parent.parent
TEMPLATES = sorted(viewer.templates_dir().glob("**/*.html"))
SCRIPTS = sorted((viewer.static_dir() / "js").glob("**/*.js"))
PYTHON = sorted((ROOT / "pacs_gateway" / "web").glob("**/*.py"))

KEY = re.compile(r"""["']([a-z_]+(?:\.[A-Za-z0-9_]+)+)["']""")
BUILT_KEYS = re.compile(
    r"(modality|orders\.(state|what|how|kind|priority)|inbox\.why|peers\.worklist|kind|trouble|viewer\.act|viewer\.preset|viewer\.help|sex|message|share\.state|share\.question|slip\.step|peers\.service|role|permission|audit\.verb|error\.\d+|studies\.by|studies\.period|studies\.status|studies\.field|theme|health|alarm|study\.lacks|read\.act|read\.tool|read\.preset|read\.mpr)\..*|.*\.(one|other)"
)
"""Keys that are put together from a stem and a value."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def used_keys() -> Iterator[tuple[Path, str]]:
    stems = {key.split(".")[0] for key in viewer.catalogue("vi")}
    for path in (*TEMPLATES, *SCRIPTS, *PYTHON):
        for key in KEY.findall(path.read_text("utf-8")):
            is_file = re.search(r"\.(html|js|css|svg|py|toml|dcm)$", key)
            if key.split(".")[0] in stems and not is_file:
                yield path, key


def test_both_languages_have_the_same_keys() -> None:
    assert list(viewer.catalogue("vi")) == list(viewer.catalogue("en"))


@pytest.mark.parametrize("key", viewer.catalogue("vi"))
def test_a_text_is_there_and_has_the_same_placeholders(key: str) -> None:
    vietnamese, english = viewer.catalogue("vi")[key], viewer.catalogue("en")[key]
    assert vietnamese.strip()
    assert english.strip()
    assert placeholders(vietnamese) == placeholders(english)


def test_every_key_used_exists() -> None:
    known = viewer.catalogue("vi")
    found = list(used_keys())
    assert len(found) > 100
    missing = [
        (path.name, key) for path, key in found if key not in known and f"{key}.one" not in known
    ]
    assert missing == []


def test_every_text_is_used() -> None:
    used = {key for _, key in used_keys()}
    unused = [
        key for key in viewer.catalogue("vi") if key not in used and not BUILT_KEYS.fullmatch(key)
    ]
    assert unused == []


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="fr"):
        viewer.catalogue("fr")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_text_of_their_own(path: Path) -> None:
    text = path.read_text("utf-8")
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
    for attribute in re.findall(r'\b(?:alt|title|placeholder|aria-label)="([^"]*)"', text):
        assert not re.search(r"[^\W\d_]", attribute), attribute
    visible = re.sub(r"<[^>]*>", " ", text)
    assert not re.search(r"[^\W\d_]{2,}", visible), visible.split()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_need_no_inline_scripts_or_styles(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert "|safe" not in text.replace(" ", "")
    for attributes in re.findall(r"<script([^>]*)>", text):
        assert "src=" in attributes or 'type="application/json"' in attributes


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS], ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    # The name of SVG is written like an address, and nothing is there.
    assert not re.search(
        r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]",
        re.sub(r"(^|\s)//.*", "", path.read_text("utf-8")),
    )
