"""The light viewer is whole: nothing that it loads is found late, nothing that it can do is out of reach."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import viewer
from pacs_gateway.web.language import texts_of
from pacs_gateway.web.templating import Templates

JS = viewer.static_dir() / "js"
START = JS / "light" / "page.js"
MOST_BYTES = 40_000
"""Of what is loaded at once, each file compressed by itself."""

STATIC_IMPORT = re.compile(r"""^import (?:[^"]*? from )?"(\.[^"]+)";""", re.MULTILINE)
ANY_IMPORT = re.compile(
    r"""(?:from|import\() ?"(\.[^"]+\.js)"|^import "(\.[^"]+)";""", re.MULTILINE
)


def page() -> str:
    templates = Templates("vi")
    template = templates._environment.from_string(
        '{% import "viewer.html" as light %}{{ light.modules(asset) }}{{ light.toolbar(t, asset) }}'
    )
    return template.render(t=texts_of("vi"), asset=lambda path: f"/static/0/{path}")


def loaded_at_once(start: Path) -> Iterator[Path]:
    seen, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        waiting += [
            (path.parent / name).resolve()
            for name in STATIC_IMPORT.findall(path.read_text("utf-8"))
        ]


def test_every_module_that_is_needed_at_once_is_fetched_at_once() -> None:
    data = re.search(r'id="modules">(.*?)</script>', page(), re.DOTALL)
    assert data is not None
    listed = {JS / each.removeprefix("/static/0/js/") for each in json.loads(data[1])}
    assert listed == set(loaded_at_once(START))


def test_what_is_loaded_at_once_is_light() -> None:
    sizes = [len(gzip.compress(path.read_bytes())) for path in loaded_at_once(START)]
    assert sum(sizes) < MOST_BYTES


@pytest.mark.parametrize("path", sorted((JS / "light").glob("*.js")), ids=lambda path: path.name)
def test_every_import_leads_to_a_file(path: Path) -> None:
    for pair in ANY_IMPORT.findall(path.read_text("utf-8")):
        assert (path.parent / (pair[0] or pair[1])).is_file(), pair


def entries(name: str, text: str) -> dict[str, str]:
    block = re.search(
        rf"{name} = (?:Object\.freeze\()?\{{(.*?)^\}}", text, re.DOTALL | re.MULTILINE
    )
    assert block is not None
    pairs = re.findall(r"""^  "?([^":\s]+|\s)"?: ("?:?\w*|\(.*)""", block[1], re.MULTILINE)
    return {key: value.strip('"') for key, value in pairs}


def test_everything_the_viewer_can_do_has_a_key_and_a_text_and_buttons_do_something() -> None:
    acts = set(entries("ACTS", (JS / "light" / "acts.js").read_text("utf-8")))
    keys = entries("KEYS", (JS / "light" / "keys.js").read_text("utf-8"))
    html = page()
    buttons = set(re.findall(r'data-act="(\w+)"', html))
    tools = set(re.findall(r'data-tool="(\w+)"', html))
    assert len(buttons) > 20
    assert buttons <= acts
    assert {value for value in keys.values() if not value.startswith(":")} <= acts
    assert {value[1:] for value in keys.values() if value.startswith(":")} == tools
    # Undo and redo have the keys that every program has.
    assert acts - set(keys.values()) == {"undo", "redo"}
    for name in acts | tools:
        assert f"viewer.act.{name}" in viewer.catalogue("vi"), name


def test_every_button_has_its_drawing() -> None:
    drawings = set(
        re.findall(r'<symbol id="(\w+)"', (viewer.static_dir() / "tools.svg").read_text("utf-8"))
    )
    used = set(re.findall(r'tools\.svg#(\w+)"', page()))
    assert used == drawings
