"""Invariant: the objects of a JSON text come one by one, the same as from the whole of it, and a
text that is no JSON ends in BadRequestError only, where it stops being one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.dicom.jsontext import objects
from pacs_gateway.errors import BadRequestError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(values=st.lists(VALUES, max_size=4), indent=st.none() | st.integers(0, 2))
def test_the_same_as_from_the_whole(values: list[Any], indent: int | None) -> None:
    assert list(objects(f" \n{json.dumps(values, indent=indent)}\t")) == values


@given(text=st.text(st.sampled_from('[]{},:" 01ae\\'), max_size=12))
def test_what_is_json_is_read_and_the_rest_refused(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(BadRequestError):
            list(objects(text))
    else:
        assert list(objects(text)) == (expected if isinstance(expected, list) else [expected])


NO_JSON = ("", "[", "[1", "[1,", "[1,]", "[1 2]", "[1]]", "{} {}", "[NaN]", '{"a":1,"a":2}')
TOO_MUCH = ("[" * 100_000, f"[{'1' * 5000}]")


@pytest.mark.parametrize("text", [*NO_JSON, *TOO_MUCH], ids=lambda text: text[:10])
def test_no_json(text: str) -> None:
    with pytest.raises(BadRequestError, match="metadata"):
        list(objects(text))


def test_what_came_before_the_fault_is_given() -> None:
    found = objects('[{"a": 1}, {"b": 2}, oh')
    assert [next(found), next(found)] == [{"a": 1}, {"b": 2}]
    with pytest.raises(BadRequestError, match="character 22"):
        next(found)
