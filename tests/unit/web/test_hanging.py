"""Hanging protocols are checked when the gateway starts; the page names every script it needs."""

from pathlib import Path

import pytest

import viewer
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.web.hanging import read_protocols
from pacs_gateway.web.reading import modules_of


def test_ours_are_right_and_complete() -> None:
    protocols = read_protocols(None)["protocols"]
    assert len(protocols) > 3
    last = protocols[-1]
    assert (last["modalities"], last["bodyParts"], last["words"]) == ((), (), ())
    assert last["withPrior"]["panes"][1]["study"] == "prior"


def test_a_hospital_s_own_file_is_read(tmp_path: Path) -> None:
    own = tmp_path / "hanging.json"
    own.write_text('{"protocols": [{"name": "All", "layout": "2x2", "panes": [{}]}]}', "utf-8")
    assert read_protocols(own)["protocols"][0]["layout"] == "2x2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "at the start"),
        ('{"protocols": []}', "at protocols"),
        ('{"protocols": [{"name": "A", "panes": [{"studdy": "prior"}]}]}', "studdy"),
        ('{"protocols": [{"name": "A", "layout": "3x3", "panes": [{}]}]}', "layout"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    own = tmp_path / "hanging.json"
    own.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=says):
        read_protocols(own)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_protocols(tmp_path / "none.json")


def test_every_script_of_the_viewer_is_found() -> None:
    found = {path.as_posix() for path in modules_of(Path("js/read/main.js"))}
    assert {"js/read/main.js", "js/read/pane.js", "js/lib/voi.js", "js/pixels/source.js"} <= found
    # What is imported when it is first asked for waits until then, and the bundle for the preview.
    assert not {"js/read/help.js", "js/read/mpr.js", "vendor/cornerstone.js"} & found
    assert all((viewer.static_dir() / path).is_file() for path in found)
