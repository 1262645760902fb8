"""Protects signed links: only the very bytes that were signed are valid, for the time they say, for
this gateway; whoever changes anything gets nothing."""

import random
import string
from datetime import UTC, datetime, timedelta

import pytest

from pacs_gateway.access.links import (
    CLOCK_SKEW,
    LONGEST,
    MAX_QUERY_CHARACTERS,
    LinkKey,
    LinkRefusedError,
    signature_of,
    signed,
    verified,
)

NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
KEY = LinkKey(id="K1", secret="a secret of the EMR that is long")
OTHER = LinkKey(id="K2", secret="another secret that is long too!")
NONCE = "0123456789abcdefghij"
ASKED = {"requestType": "STUDY", "studyUID": "1.2.3", "accessionNumber": "A 1/đ"}
MUTATIONS = 100_000


def key_of(key_id: str) -> LinkKey | None:
    return {KEY.id: KEY, OTHER.id: OTHER}.get(key_id)


def link(**changes: str) -> str:
    """Return a link signed as the EMR would, with some parameters of another value."""
    query = signed(ASKED, KEY, nonce=NONCE, audience="pacs", now=NOW)
    text = query.partition("&signature=")[0]
    for name, value in changes.items():
        start, _, rest = text.partition(f"{name}=")
        text = f"{start}{name}={value}{rest[len(rest.partition('&')[0]) :]}"
    return resigned(text)


def resigned(text: str, key: LinkKey = KEY) -> str:
    return f"{text}&signature={signature_of(text, key.secret)}"


def accepted(query: str, now: datetime = NOW) -> bool:
    try:
        verified(query, key_of, audience="pacs", now=now)
    except LinkRefusedError:
        return False
    return True


def test_a_valid_link_says_what_was_signed() -> None:
    found = verified(link(), key_of, audience="pacs", now=NOW)
    assert (found.key_id, found.nonce, found.asked) == (KEY.id, NONCE, ASKED)
    assert found.expires_at == NOW + LONGEST


@pytest.mark.parametrize(
    ("seconds", "valid"), [(-31, False), (-29, True), (0, True), (900, True), (929, True), (931, False), (961, False)]
)  # fmt: skip
def test_it_is_valid_for_its_time(seconds: int, *, valid: bool) -> None:
    assert timedelta(seconds=30) == CLOCK_SKEW
    assert accepted(link(), NOW + timedelta(seconds=seconds)) is valid


@pytest.mark.parametrize(
    "query",
    [
        "",
        "studyUID=1.2.3",
        "&signature=",
        link(audience="other"),
        link(keyId="K3"),
        link(keyId="K2"),
        link(nonce="short"),
        link(nonce="has%20spaces%20and%20is%20long"),
        link(expires=str(int((NOW + LONGEST).timestamp()) + 1)),
        link(expires=str(int(NOW.timestamp()))),
        link(expires="never"),
        link(notBefore="-1"),
        link(notBefore="9" * 12),
        resigned(link().partition("&signature=")[0] + "&studyUID=9.9"),
        resigned(link().partition("&signature=")[0] + "&signature=x"),
        resigned(link().partition("&signature=")[0] + "&x=%ff"),
        resigned(link().partition("&signature=")[0] + "&x=" + "y" * MAX_QUERY_CHARACTERS),
        link() + "&studyUID=9.9",
        link() + "=",
        link().replace("1.2.3", "1.2.4"),
        link().replace("requestType=STUDY", "requesttype=STUDY"),
        resigned(link().partition("&signature=")[0], OTHER),
        f"{link().partition('&signature=')[0]}&signature={signature_of(link().partition('&signature=')[0], '')}",
    ],
)  # fmt: skip
def test_what_is_not_a_link_of_ours_is_refused(query: str) -> None:
    with pytest.raises(LinkRefusedError) as refused:
        verified(query, key_of, audience="pacs", now=NOW)
    assert "1.2" not in str(refused.value)


def test_every_bit_counts() -> None:
    whole = link().encode()
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            assert not accepted(changed.decode("latin-1"))
        assert not accepted(whole[:place].decode())


def test_mutated_links_are_refused() -> None:
    """A hundred thousand links cut, doubled, swapped and written over."""
    chance = random.Random(4)
    whole = link()
    alphabet = string.ascii_letters + string.digits + "-_=&%.+"
    passed = 0
    for _ in range(MUTATIONS):
        passed += accepted(_mutated(whole, chance, alphabet))
    assert passed == 0


def _mutated(text: str, chance: random.Random, alphabet: str) -> str:
    mutated = text
    while mutated == text:
        for _ in range(chance.randint(1, 3)):
            first, last = sorted(chance.randrange(len(mutated) + 1) for _ in "12")
            middle = mutated[first:last]
            kind = chance.randrange(5)
            replacement = (
                "",
                middle * 2,
                middle[::-1],
                "".join(chance.choices(alphabet, k=min(len(middle), 5) + 1)),
                middle.swapcase(),
            )[kind]
            mutated = mutated[:first] + replacement + mutated[last:]
            mutated = mutated or "x"
    return mutated
