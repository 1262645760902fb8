"""Invariant: the same bytes give the same parts however they are cut, in bounded memory, and
nothing but BadRequestError is ever raised."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.multipart import (
    MultipartReader,
    MultipartWriter,
    PartBegan,
    PartData,
    PartEnded,
    SinglePartReader,
)

Part = tuple[dict[str, str], bytes]
BOUNDARY = "b"


def read(chunks: list[bytes], *, boundary: str = BOUNDARY, limit: int = 1000) -> list[Part]:
    reader = MultipartReader(boundary, max_header_bytes=limit)
    parts: list[Part] = []
    open_part = False
    for chunk in chunks:
        for event in reader.feed(chunk):
            if isinstance(event, PartBegan):
                assert not open_part
                open_part = True
                parts.append((dict(event.headers), b""))
            elif isinstance(event, PartData):
                assert open_part
                parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
            else:
                assert isinstance(event, PartEnded)
                open_part = False
    assert list(reader.close()) == []
    assert not open_part
    return parts


def body(*contents: bytes, head: bytes = b"Content-Type: application/dicom") -> bytes:
    parts = b"".join(b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for content in contents)
    return parts + b"--b--\r\n"


HEADERS = {"content-type": "application/dicom"}
TRICKY = [
    b"",
    b"plain",
    b"\r\n",
    b"\r\n--",
    b"\r\n--c\r\n",
    b"\r\n--b0 is no delimiter\r\n--b-either",
    b"\r\n\r\n--b=\r\n--b \x00",
    b"ends with a line end\r\n",
    b"\r\r\n-\r\n--b\t;",
]


def test_every_way_to_cut_once_gives_the_same_parts() -> None:
    whole = b"preamble, ignored\r\n" + body(*TRICKY) + b"epilogue\r\n--b\r\nignored"
    expected = [(HEADERS, content) for content in TRICKY]
    assert read([whole]) == expected
    for cut in range(len(whole)):
        assert read([whole[:cut], whole[cut:]]) == expected


def test_byte_by_byte_is_the_same_as_whole() -> None:
    whole = body(*TRICKY)
    assert read([whole[at : at + 1] for at in range(len(whole))]) == read([whole])


@given(
    contents=st.lists(
        st.lists(
            st.sampled_from([b"\r", b"\n", b"-", b"--", b"b", b" ", b"\r\n--b", b"x", b"\x00"]),
            max_size=12,
        ).map(b"".join),
        max_size=3,
    ),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_content_and_any_cuts(contents: list[bytes], cuts: list[int]) -> None:
    whole = body(*contents)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = [whole[a:b] for a, b in itertools.pairwise(places)]
    assert outcome(chunks) == outcome([whole])


@given(garbage=st.binary(max_size=300), cut=st.integers(0, 300))
def test_garbage_is_refused_the_same_way_however_cut(garbage: bytes, cut: int) -> None:
    whole = b"--b\r\n" + garbage
    assert outcome([whole[:cut], whole[cut:]]) == outcome([whole])


def outcome(chunks: list[bytes]) -> list[Part] | str:
    try:
        return read(chunks)
    except BadRequestError as error:
        return str(error)


@pytest.mark.parametrize(
    "boundary", ["x", "0'()+_,-./:=? 9", "a" * 70, "dicomweb boundary"], ids=repr
)
def test_legal_boundaries(boundary: str) -> None:
    text = f"--{boundary}\r\n\r\nabc\r\n--{boundary}--".encode()
    assert read([text], boundary=boundary) == [({}, b"abc")]


@pytest.mark.parametrize("boundary", ["", "a" * 71, "a ", "ä", 'a"', "a\r\nb"], ids=repr)
def test_illegal_boundaries(boundary: str) -> None:
    with pytest.raises(BadRequestError, match="boundary"):
        MultipartReader(boundary, max_header_bytes=1000)


def test_padding_after_a_delimiter_is_skipped() -> None:
    assert read([b"--b \t\r\n\r\nabc\r\n--b-- \r\n"]) == [({}, b"abc")]


def test_folded_headers_are_joined() -> None:
    text = body(b"x", head=b'Content-Type: multipart/related;\r\n type="a"\r\nB:2')
    assert read([text])[0][0] == {"content-type": 'multipart/related; type="a"', "b": "2"}


@pytest.mark.parametrize("pieces", [1, 2000])
def test_headers_are_bounded(pieces: int) -> None:
    endless = b"--b\r\nX: " + b"a" * 1_000_000
    step = len(endless) // pieces
    reader = MultipartReader(BOUNDARY, max_header_bytes=1000)

    def feed_all() -> None:
        for at in range(0, len(endless), step):
            list(reader.feed(endless[at : at + step]))

    with pytest.raises(BadRequestError, match="longer than 1000"):
        feed_all()
    assert len(reader._buffer) <= 1100 + step


def test_content_is_not_kept() -> None:
    reader = MultipartReader(BOUNDARY, max_header_bytes=1000)
    list(reader.feed(b"--b\r\n\r\n"))
    for _ in range(100):
        data = b"".join(
            event.data for event in reader.feed(b"\r\n--" * 1000) if isinstance(event, PartData)
        )
        assert len(data) > 3900
        assert len(reader._buffer) < 10


@pytest.mark.parametrize(
    "text", [b"", b"--b", b"--b\r\n", b"--b\r\n\r\nabc", b"--b\r\n\r\nabc\r\n--b\r\n"], ids=repr
)
def test_a_body_cut_short_is_no_body(text: bytes) -> None:
    with pytest.raises(BadRequestError, match="closing delimiter"):
        read([text])


@pytest.mark.parametrize("head", [b"no colon", b": no name", b"bad name : x"], ids=repr)
def test_lines_that_are_no_headers(head: bytes) -> None:
    with pytest.raises(BadRequestError, match="no header"):
        read([body(b"x", head=head)])


def test_what_we_write_can_be_read() -> None:
    writer = MultipartWriter("application/dicom")
    kind, _, boundary = writer.content_type.rpartition("boundary=")
    assert kind == 'multipart/related; type="application/dicom"; '
    text = b"".join(
        [writer.part_head("a/b"), b"one", writer.part_head("c/d"), b"two", writer.end()]
    )
    assert read([text], boundary=boundary) == [
        ({"content-type": "a/b"}, b"one"),
        ({"content-type": "c/d"}, b"two"),
    ]


@pytest.mark.parametrize("chunks", [[], [b"one"], [b"o", b"", b"ne"]])
def test_a_body_without_an_envelope_is_one_part(chunks: list[bytes]) -> None:
    reader = SinglePartReader("application/dicom")
    events = [event for chunk in chunks for event in reader.feed(chunk)] + list(reader.close())
    assert events[0] == PartBegan({"content-type": "application/dicom"})
    assert events[-1] == PartEnded()
    data = [event.data for event in events[1:-1] if isinstance(event, PartData)]
    assert b"".join(data) == b"".join(chunks)
    assert len(data) == len(events) - 2
