"""Names folded for search: Unicode form, case and Vietnamese marks stop mattering.

The original is always kept beside the folded form: marks distinguish people (Hà, Hạ, Hả).
"""

import re
import unicodedata

# NFD takes every Vietnamese mark off its letter but the stroke of đ, which is a letter of its own.
_STROKES = str.maketrans({"đ": "d", "Đ": "D", "ð": "d", "Ð": "D"})
# What separates words in person names: component and group delimiters, and punctuation; only the
# wildcards of PS3.4 C.2.2.2.4 keep a meaning.
_SEPARATORS = re.compile(r"(?:[^\w*?]|_)+")


def unmarked(text: str) -> str:
    """Return `text` in ASCII for devices that know nothing else: NGUYỄN becomes NGUYEN, Đ D.

    What has no letter of ASCII under its marks becomes a question mark.
    """
    apart = unicodedata.normalize("NFD", text.translate(_STROKES))
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return plain.encode("ascii", "replace").decode("ascii")


def fold(text: str) -> str:
    """Return `text` as words of unmarked lower-case letters with single spaces between them.

    `*` and `?` stay, so that a pattern folds like the names it should match. Folding a folded
    text changes nothing.
    """
    stroked = unicodedata.normalize("NFKD", text.translate(_STROKES).casefold())
    unmarked = "".join(each for each in stroked if not unicodedata.combining(each))
    return _SEPARATORS.sub(" ", unmarked.translate(_STROKES).casefold()).strip()
