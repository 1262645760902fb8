"""Which characters the bytes of a text are (PS3.5 6.1, PS3.3 C.12.1.1.2).

Invariant: choosing and decoding never raise and never warn, whatever was declared and whatever
the bytes are. A Specific Character Set is believed unless the bytes prove it wrong.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

ISO_IR_192 = "ISO_IR 192"
_UTF_8 = "utf-8"
_LATIN_1 = "latin-1"
_CODECS = python_encoding | {ISO_IR_192: _UTF_8, "UTF-8": _UTF_8, "UTF8": _UTF_8}
_STAND_ALONE = frozenset({_UTF_8, "GB18030", "GBK"})
"""Character sets without code extensions (PS3.3 Table C.12-5)."""
# Half-width katakana of JIS X 0201 may look like UTF-8 by chance; ISO 8859 hardly ever does.
_SINGLE_BYTE = frozenset(
    codec
    for name, codec in python_encoding.items()
    if codec.startswith(("iso8859", "iso_ir_", "latin")) and name != "ISO 2022 IR 58"
)

_ESC = b"\x1b"
_FRAGMENT = re.compile(rb"\x1b?[^\x1b]*")
_SPELLING = re.compile(r"ISO([ _-]?2022)?[ _-]?IR[ _-]?(\d+)")
# PS3.5 6.1.2.5.3: at these characters the first character set is in force again.
_RESET = re.compile(rb"[\\^=\r\n\f\t]")
# Python's codec wants the escape sequence that switches to two bytes for each character.
_WITH_ESCAPE = frozenset({"iso2022_jp", "iso2022_jp_2"})


class Doubt(StrEnum):
    """Why the declaration alone did not settle the character set."""

    UNDECLARED = "undeclared"
    """Characters beyond ASCII, and no Specific Character Set."""
    UNKNOWN = "unknown"
    """The declared name is none that DICOM or its common misspellings know."""
    MISLABELLED = "mislabelled"
    """The bytes are not what was declared."""


@dataclass(frozen=True, slots=True)
class Charset:
    """How the texts of one data set are decoded."""

    codec: str = _LATIN_1
    """Python's name of the character set in force at the start of every value."""
    doubt: Doubt | None = None

    def decode(self, value: bytes) -> str:
        """Return the text of a whole value, its delimiters still in it.

        Values are split only afterwards: in Japanese and Chinese sets a backslash byte may be the
        second half of a character.
        """
        if _ESC not in value or self.codec in _STAND_ALONE:
            return value.decode("ascii") if value.isascii() else _decoded(value, self.codec)
        return "".join(self._fragment(fragment) for fragment in _FRAGMENT.findall(value))

    def _fragment(self, fragment: bytes) -> str:
        for length in (4, 3):
            codec = CODES_TO_ENCODINGS.get(fragment[:length])
            if codec is not None:
                break
        else:
            return _decoded(fragment, self.codec)
        if codec in _WITH_ESCAPE:
            return _decoded(fragment, codec)
        body = fragment[length:]
        reset = _RESET.search(body)
        end = reset.start() if reset else len(body)
        return _decoded(body[:end], codec) + _decoded(body[end:], self.codec)


def choose(declared: bytes, texts: Iterable[bytes]) -> Charset:
    """Return the character set of `texts`, the values of one data set and its nested items.

    `declared` is the value of (0008,0005), empty when there is none. Without a usable declaration
    bytes beyond ASCII are UTF-8 if they can be, else Latin-1. Bytes declared as a single-byte set
    that form UTF-8 are UTF-8, as from senders that pass on what a hospital system gave them.
    """
    codec, doubt = _declared_codec(declared)
    foreign = [text for text in texts if not text.isascii()]
    if not foreign:
        return Charset(codec or _LATIN_1, doubt)
    is_utf_8 = all(_is_utf_8(text) for text in foreign)
    if codec is None:
        return Charset(_UTF_8 if is_utf_8 else _LATIN_1, doubt or Doubt.UNDECLARED)
    if codec == _UTF_8:
        return Charset(codec, None if is_utf_8 else Doubt.MISLABELLED)
    if is_utf_8 and codec in _SINGLE_BYTE and not any(_ESC in text for text in foreign):
        return Charset(_UTF_8, Doubt.MISLABELLED)
    return Charset(codec)


def _declared_codec(declared: bytes) -> tuple[str | None, Doubt | None]:
    names = [_name(each) for each in declared.decode("latin-1").strip(" \x00").split("\\")]
    if not any(names):
        return None, None
    # An empty first value is the default repertoire, extended by the others (PS3.3 C.12.1.1.2).
    codec = _CODECS.get(names[0])
    return codec, Doubt.UNKNOWN if codec is None else None


def _name(text: str) -> str:
    name = text.strip(" \x00").upper()
    match = _SPELLING.fullmatch(name)
    if match is None:
        return name
    return f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode(_UTF_8)
    except UnicodeDecodeError as error:
        # A writer that counts bytes cuts a long value inside its last character.
        return _is_cut(error) and not value[: error.start].isascii()
    return True


def _decoded(value: bytes, codec: str) -> str:
    try:
        return value.decode(codec)
    except UnicodeDecodeError as error:
        if codec == _UTF_8 and not _is_cut(error):
            return value.decode(_LATIN_1)
        return value.decode(codec, "replace")


def _is_cut(error: UnicodeDecodeError) -> bool:
    return error.end == len(error.object) and error.reason == "unexpected end of data"
