"""Hanging protocols: which series the reading viewer shows where when a study is opened.

They come from one JSON file, ours or the hospital's own (docs/hanging-protocols.md), which is
checked when the gateway starts, so that a slip of the pen is met by whoever made it.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

import viewer
from pacs_gateway.errors import ConfigurationError

Layout = Literal["1x1", "1x2", "2x1", "2x2"]
"""Rows x columns."""


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False
    )


class Place(_Part):
    """What one pane prefers to show; an empty one takes the next series."""

    study: Literal["current", "prior"] = "current"
    modalities: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Any of them in the series description, without regard to case."""
    views: tuple[str, ...] = ()
    """View Positions (0018,5101)."""
    laterality: Literal["", "L", "R"] = ""
    window: str = ""
    """Name of a window preset, as on the viewer's list."""
    again: bool = False
    """If nothing else suits, a series that another pane shows already may stand here as well."""


class Arrangement(_Part):
    """A layout and what its panes show, row by row."""

    layout: Layout = "1x1"
    panes: tuple[Place, ...] = Field(min_length=1, max_length=4)


class Protocol(Arrangement):
    """An arrangement for studies of some modalities and body parts; the first that suits counts."""

    name: str
    modalities: tuple[str, ...] = ()
    """Empty: every modality."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined (0018,0015); empty, as are words: every body part."""
    words: tuple[str, ...] = ()
    """Any of them in the description of the study or a series, for images without a body part."""
    with_prior: Arrangement | None = None
    """When there is a prior of the same modality."""


class Protocols(_Part):
    """The file."""

    protocols: tuple[Protocol, ...] = Field(min_length=1)


def read_protocols(path: Path | None) -> dict[str, Any]:
    """Return the protocols as the viewer reads them; without a path, ours.

    Raises ConfigurationError if the file cannot be read or says something that is not understood.
    """
    source = path or viewer.hanging_protocols()
    try:
        found = Protocols.model_validate_json(source.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"The hanging protocols {source} cannot be read: {error.strerror}."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"The hanging protocols {source} are wrong at {place or 'the start'}: {first['msg']}."
        ) from error
    return found.model_dump(by_alias=True)
