"""The objects in a JSON text, one after the other, so that memory holds one of them at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any, Never

from pacs_gateway.errors import BadRequestError

_SPACE = re.compile(r"[ \t\n\r]*")


def objects(text: str) -> Iterator[Any]:
    """Yield the members of an array, or the one value that is none (RFC 8259).

    Raises BadRequestError where the text is no JSON; what came before has been yielded then.
    """
    position = _next(text, 0)
    if text[position : position + 1] != "[":
        found, position = _decoded(text, position)
        yield found
    else:
        position = _next(text, position + 1)
        more = text[position : position + 1] != "]"
        while more:
            found, position = _decoded(text, position)
            yield found
            position = _next(text, position)
            more = text[position : position + 1] == ","
            if more:
                position = _next(text, position + 1)
        if text[position : position + 1] != "]":
            raise _no_json(position)
        position += 1
    if _next(text, position) != len(text):
        raise _no_json(position)


def _next(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _decoded(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise _no_json(error.pos) from error
    except ValueError as error:
        raise BadRequestError(f"The metadata is not JSON: {error}") from error
    except RecursionError as error:
        raise BadRequestError("The metadata is nested deeper than any real data set.") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has one name twice.")
    return found


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is no number.")


def _no_json(position: int) -> BadRequestError:
    return BadRequestError(f"The metadata is not JSON at character {position + 1} (RFC 8259).")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repetition, parse_constant=_no_number)
