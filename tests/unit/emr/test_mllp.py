"""Messages come out once, whole and in order, in whatever pieces their bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.emr.mllp import FramingError, Unframer, framed

MESSAGES = st.lists(st.binary(max_size=200).filter(lambda each: b"\x1c\r" not in each + b"\r"))


@given(MESSAGES, st.lists(st.integers(1, 60), min_size=1))
def test_any_cut_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"\r\n".join(map(framed, messages))
    found: list[bytes] = []
    unframer, at, number = Unframer(1000), 0, 0
    while at < len(stream):
        size = cuts[number % len(cuts)]
        found += unframer.feed(stream[at : at + size])
        at, number = at + size, number + 1
    assert found == messages
    assert not unframer.is_amid


def test_a_message_cut_off_is_none() -> None:
    unframer = Unframer(1000)
    assert list(unframer.feed(framed(b"MSH|")[:-1])) == []
    assert unframer.is_amid


@pytest.mark.parametrize("piece", [b"MSH|", b"\rGET / HTTP/1.1", framed(b"x") + b"y"])
def test_what_is_no_mllp_is_refused(piece: bytes) -> None:
    with pytest.raises(FramingError, match="0B"):
        list(Unframer(1000).feed(piece))


def test_the_limit_is_of_a_message_and_holds_before_its_end_has_come() -> None:
    assert list(Unframer(10).feed(framed(b"x" * 10) + framed(b"y" * 10))) == [b"x" * 10, b"y" * 10]
    with pytest.raises(FramingError, match="10 bytes"):
        list(Unframer(10).feed(framed(b"x" * 11)))
    unframer = Unframer(10)
    for piece in (b"\x0b", *[b"x"] * 11):
        assert list(unframer.feed(piece)) == []
    with pytest.raises(FramingError, match="10 bytes"):
        list(unframer.feed(b"x"))
