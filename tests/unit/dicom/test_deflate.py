"""Protects: no deflate stream makes memory or output grow beyond the limits, and a stream is
either read to its end or refused."""

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.dicom import deflate
from pacs_gateway.errors import NotADataSetError

MIB = 1024 * 1024
TEXT = bytes(range(256)) * 5000


def deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def inflate(data: bytes, *, max_bytes: int = 100 * MIB, max_ratio: int | None = None) -> bytes:
    return deflate.inflate([data], max_bytes=max_bytes, max_ratio=max_ratio)


@given(data=st.binary(max_size=5000), size=st.integers(min_value=1, max_value=999))
def test_gives_back_what_was_deflated_however_it_is_cut(data: bytes, size: int) -> None:
    packed = deflated(data)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert deflate.inflate(pieces, max_bytes=5000, max_ratio=10) == data


@pytest.mark.parametrize(
    "rest", [b"\0", bytes(1000), b"N\xd0XE\x1a\x02\x04\x00"], ids=["pad", "zeros", "gzip trailer"]
)
@pytest.mark.parametrize("apart", [False, True])
def test_tolerates_padding_and_a_gzip_trailer(rest: bytes, *, apart: bool) -> None:
    packed = deflated(TEXT)
    pieces = [packed, rest] if apart else [packed + rest]
    assert deflate.inflate(pieces, max_bytes=len(TEXT), max_ratio=None) == TEXT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (deflated(TEXT)[:-10], "ends before"),
        (b"", "ends before"),
        (b"\xff" * 100, "not a valid"),
        (deflated(TEXT) + b"another stream", "Other bytes"),
    ],
    ids=["cut", "empty", "garbage", "more"],
)
def test_refuses_what_is_not_one_whole_stream(data: bytes, reason: str) -> None:
    with pytest.raises(NotADataSetError, match=reason):
        inflate(data)


def test_refuses_a_byte_too_many() -> None:
    assert inflate(deflated(TEXT), max_bytes=len(TEXT)) == TEXT
    with pytest.raises(NotADataSetError, match="beyond"):
        inflate(deflated(TEXT), max_bytes=len(TEXT) - 1)


def test_ratio_counts_only_after_sixteen_mebibytes() -> None:
    harmless, bomb = deflated(bytes(16 * MIB)), deflated(bytes(20 * MIB))
    assert len(inflate(harmless, max_ratio=10)) == 16 * MIB
    with pytest.raises(NotADataSetError, match="more than 10 times"):
        inflate(bomb, max_ratio=10)
    assert len(inflate(bomb, max_ratio=2000)) == 20 * MIB


def test_a_bomb_is_refused_before_it_has_grown() -> None:
    packed = deflated(bytes(80 * MIB))
    grown = 0

    def consume(pieces: Iterator[bytes]) -> None:
        nonlocal grown
        for piece in pieces:
            assert len(piece) <= MIB
            grown += len(piece)

    with pytest.raises(NotADataSetError):
        consume(deflate.inflated([packed], max_bytes=100 * MIB, max_ratio=250))
    assert grown <= 17 * MIB
