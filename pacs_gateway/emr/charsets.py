"""The character sets that order systems in Vietnam send, declared or not.

Invariant: a name is never written wrong quietly. What is not in the set that is declared (or that
the sender's entry names) is refused, and the reason says which set it looks like.
"""

import re
import unicodedata
from collections.abc import Mapping

from pacs_gateway.errors import GatewayError

UTF_8, LATIN_1, ASCII = "utf-8", "8859/1", "ascii"
TCVN3, WINDOWS_1258 = "tcvn3", "windows-1258"
CHOICES = (UTF_8, LATIN_1, WINDOWS_1258, TCVN3)
"""What the entry of a sender may name."""

_DECLARED: Mapping[str, str] = {
    "UNICODE UTF-8": UTF_8,
    "UNICODE": UTF_8,
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
    "8859/1": LATIN_1,
    "ISO_IR 100": LATIN_1,
    "ASCII": ASCII,
}
"""MSH-18 (HL7 2.5.1, table 0211), and how some write it."""

# ruff: noqa: RUF001 - a table of letters that look like others is what this is.
_TCVN3_PAIRS = (
    "µà ¶ả ·ã ¸á ¹ạ ¨ă »ằ ¼ẳ ½ẵ ¾ắ Æặ ©â Çầ Èẩ Éẫ Êấ Ëậ ®đ Ìè Îẻ Ïẽ Ðé Ñẹ ªê Òề Óể Ôễ Õế Öệ "
    "×ì Øỉ Üĩ Ýí Þị ßò áỏ âõ ãó äọ «ô åồ æổ çỗ èố éộ ¬ơ êờ ëở ìỡ íớ îợ ïù ñủ òũ óú ôụ \xadư "
    "õừ öử ÷ữ øứ ùự úỳ ûỷ üỹ ýý þỵ ¡Ă ¢Â §Đ £Ê ¤Ô ¥Ơ ¦Ư"
)
_FROM_TCVN3 = {ord(pair[0]): pair[1] for pair in _TCVN3_PAIRS.split(" ")}
"""TCVN 5712:1993 VN3 ("ABC"), whose capitals with marks are another font's small letters."""

# Signs that stand within words of no language; in TCVN3 they are half the Vietnamese vowels.
_SIGNS = r"[\xa8-\xae\xb5-\xbe\xd7\xde\xf7\xfe]"
_WITHIN = re.compile(rf"[A-Za-z]{_SIGNS}[A-Za-z]")
# µg and µm are units and say nothing.
_BESIDE = re.compile(rf"[A-Za-z]{_SIGNS}|(?!\xb5[gGlLmMsSvV]){_SIGNS}[A-Za-z]")
_MANY = 2
# A vowel, and after it the letter of Latin-1 that has the byte of a mark of windows-1258, where no
# Vietnamese word has those two (as `quì` and `giò` have).
_LIKE_1258 = re.compile(
    r"[aeiouyâêôãõý\u01a1\u01b0\u0103][\xcc\xd2\xde]"
    r"|[AEOYÂÊÔÃÕÝ\u01a0\u01af\u0102][\xcc\xd2\xde]"
    r"|[AEIOUYÂÊÔÃÕÝ][\xec\xf2]"
    r"|[aeoyâêôãõý\u01a1\u01b0\u0103][\xec\xf2](?![aeiou])"
)


class CharacterSetError(GatewayError):
    """The bytes of a message are not in the character set that they should be in."""

    http_status = 400


def decode(message: bytes, declared: str, entry: str = "") -> str:
    """Return the text of a message, its names composed (NFC).

    `declared` is MSH-18, `entry` what the sender's entry says, which wins: a sender that declares
    one set and sends another is the reason for having it.

    Raises CharacterSetError.
    """
    charset = entry or _declared(declared)
    text = _decoded(message, charset)
    if not entry and (looks_like := _leaked(text)):
        raise CharacterSetError(
            f"The text looks like {looks_like}, not like {charset}; send UTF-8, or name {looks_like}"
            " in the entry of this sender."
        )
    return unicodedata.normalize("NFC", text)


def _declared(declared: str) -> str:
    # The first of several is the one that a message begins with (HL7 2.5.1, 2.15.9.18).
    first = declared.partition("~")[0].strip().upper()
    if not first:
        return UTF_8
    charset = _DECLARED.get(first)
    if charset is None:
        raise CharacterSetError(
            f"The character set {first[:40]} (MSH-18) is not taken; send UNICODE UTF-8."
        )
    return charset


def _decoded(message: bytes, charset: str) -> str:
    try:
        match charset:
            case "windows-1258":
                return message.decode("cp1258")
            case "tcvn3":
                return message.decode("latin-1").translate(_FROM_TCVN3)
            case "8859/1":
                return message.decode("latin-1")
            case "ascii":
                return message.decode("ascii")
            case _:
                return message.decode("utf-8")
    except UnicodeDecodeError as error:
        looks_like = _leaked(message.decode("latin-1")) or "another one"
        raise CharacterSetError(
            f"The text is not in {charset}, it looks like {looks_like}; send UTF-8, or name its"
            " character set in the entry of this sender."
        ) from error


def _leaked(text: str) -> str:
    """Return the character set whose bytes were taken for letters, empty if there is no sign."""
    if _LIKE_1258.search(text):
        return WINDOWS_1258
    if _WITHIN.search(text) or len(_BESIDE.findall(text)) >= _MANY:
        return TCVN3
    return ""
