"""Ways in which a signed query or a secret can be changed, from the smallest on, always the same."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import combinations
from random import Random
from urllib.parse import quote, unquote

SPARE = "AZaz09-_=&%+./~?# "


def of_text(text: str, *, seed: int) -> Iterator[str]:
    """Yield every text that differs in one bit or character, or is cut; then random ones, forever.

    The original is not among them.
    """
    for each in (*_in_one_bit(text), *_in_one_character(text), *_spellings(text)):
        if each != text:
            yield each
    random = Random(seed)
    while True:
        each = _at_random(text, random)
        if each != text:
            yield each


def of_query(query: str, others: dict[str, str]) -> Iterator[str]:
    """Yield queries in which parameters are changed for `others`, given twice, moved or left out.

    The signature stays what it was, wherever it goes.
    """
    parts = query.split("&")
    for name, value in others.items():
        changed = f"{name}={value}"
        yield from (f"{query}&{changed}", f"{changed}&{query}")
        for place in range(len(parts)):
            yield "&".join([*parts[:place], changed, *parts[place:]])
            yield "&".join([*parts[:place], changed, *parts[place + 1 :]])
    for place in range(len(parts)):
        yield "&".join([*parts[:place], *parts[place + 1 :]])
        yield "&".join([*parts[:place], parts[place], *parts[place:]])
        yield "&".join([*parts[:place], parts[place].upper(), *parts[place + 1 :]])
    for first, second in combinations(range(len(parts)), 2):
        moved = list(parts)
        moved[first], moved[second] = moved[second], moved[first]
        yield "&".join(moved)
    yield from (query.replace("&", ";"), query.replace("&", "&&"), query.replace("=", "%3D"))
    yield from (quote(query), query + "&", "&" + query, "?" + query, query + "#", query + "\0")


def _in_one_bit(text: str) -> Iterator[str]:
    octets = text.encode("latin-1")
    for place, octet in enumerate(octets):
        for bit in range(8):
            changed = octets[:place] + bytes([octet ^ 1 << bit]) + octets[place + 1 :]
            yield changed.decode("latin-1")


def _in_one_character(text: str) -> Iterator[str]:
    for place in range(len(text)):
        yield text[:place]
        yield text[place + 1 :]
        yield text[:place] + text[place + 1 :]
        yield text[:place] + text[place] + text[place:]
        yield text[:place] + text[place].swapcase() + text[place + 1 :]
        for spare in SPARE:
            yield text[:place] + spare + text[place + 1 :]


def _spellings(text: str) -> Iterator[str]:
    yield from (text.upper(), text.lower(), text.swapcase(), text[::-1], text * 2, quote(text))
    yield from (f" {text}", f"{text} ", f"{text}=", f"{text}==", f"'{text}'", f"{text}\0", "", " ")
    yield from (unquote(text) + "%", text.replace("-", "+").replace("_", "/") + "=")
    yield b64encode(text.encode()).decode()
    head, _, tail = text.rpartition("=")
    if len(tail) % 4 != 1:
        padded = b64decode(tail + "=" * (-len(tail) % 4), altchars=b"-_")
        yield f"{head}={b64encode(padded).decode()}"
        yield f"{head}={padded.hex()}"


def _at_random(text: str, random: Random) -> str:
    changed = list(text)
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(changed))
        changed[place] = chr(random.randint(33, 126))
    if random.random() < 0.2:
        del changed[random.randrange(len(changed)) :]
    return "".join(changed)
