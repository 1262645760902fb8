"""The browser's side of the gateway: templates, static files and the words of both languages."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

LANGUAGES = ("vi", "en")

_HERE = Path(__file__).parent


def templates_dir() -> Path:
    """Return the folder of the Jinja2 templates."""
    return _HERE / "templates"


def static_dir() -> Path:
    """Return the folder of what the browser fetches as it is: style sheets, scripts, icons."""
    return _HERE / "static"


def hanging_protocols() -> Path:
    """Return the file of the hanging protocols that come with the viewer."""
    return _HERE / "hanging.json"


def bundle_built() -> bool:
    """Return whether the third-party code of the reading viewer is there, whole."""
    return (static_dir() / "vendor" / "manifest.json").is_file()


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return every text of one of `LANGUAGES` by its key.

    Raises ValueError for any other language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"There is no catalogue for the language {language!r}.")
    text = (_HERE / "locales" / f"{language}.json").read_text("utf-8")
    return MappingProxyType(json.loads(text))
