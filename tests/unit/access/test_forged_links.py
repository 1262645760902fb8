"""Invariant (T24): of 90,000 forged links none is taken, and each is refused in the one way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from pacs_gateway.access.links import LONGEST, LinkKey, LinkRefusedError, signature_of, verified
from tests import mutants

KEYS = {
    name: LinkKey(id=name, secret=f"{name}-5Zk1oQnR8uYxw2Vt") for name in ("emr1", "emr2", "other")
}
AUDIENCE = "pacs.hospital.test"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
EXPIRES = int((NOW + LONGEST).timestamp())
TEXT = (
    "requestType=STUDY&studyUID=1.2.840.113619.2.1.1&viewerType=IHE_BIR"
    f"&audience={AUDIENCE}&keyId=emr1&notBefore={EXPIRES - 900}&expires={EXPIRES}"
    "&nonce=Yk3v8dQpLw0sXb6J"
)
LINK = f"{TEXT}&signature={signature_of(TEXT, KEYS['emr1'].secret)}"
OTHERS = {
    "requestType": "PATIENT",
    "studyUID": "1.2.840.113619.2.1.2",
    "patientID": "BN1",
    "accessionNumber": "A1",
    "audience": "another.hospital.test",
    "keyId": "emr2",
    "notBefore": str(EXPIRES - 901),
    "expires": str(EXPIRES + 61),
    "nonce": "Zk3v8dQpLw0sXb6J",
    "signature": signature_of(TEXT, KEYS["emr2"].secret),
}
FORGED = 90_000


def is_taken(query: str, now: datetime = NOW) -> bool:
    try:
        verified(query, KEYS.get, audience=AUDIENCE, now=now)
    except LinkRefusedError:
        return False
    return True


def forged() -> Iterator[str]:
    yield from mutants.of_query(LINK, OTHERS)
    signature = LINK.rpartition("=")[2]
    for each in islice(mutants.of_text(signature, seed=1), 10_000):
        yield f"{TEXT}&signature={each}"
    yield from mutants.of_text(LINK, seed=2)


def test_the_link_itself_is_taken() -> None:
    assert is_taken(LINK)


def test_of_forged_links_none_is_taken() -> None:
    tried: set[str] = {LINK}
    for query in forged():
        if query not in tried:
            assert not is_taken(query), query
            tried.add(query)
        if len(tried) > FORGED:
            break
    assert len(tried) == FORGED + 1


@pytest.mark.parametrize(
    "changed",
    [
        {"audience": "another.hospital.test"},
        {"keyId": "emr3"},
        {"keyId": ""},
        {"nonce": "short"},
        {"nonce": ""},
        {"notBefore": str(EXPIRES - 901)},
        {"notBefore": str(EXPIRES)},
        {"expires": "9" * 13},
        {"expires": "1e9"},
        {"expires": f"+{EXPIRES}"},
        {"expires": "٣"},
    ],
)
def test_what_is_signed_must_also_be_right(changed: dict[str, str]) -> None:
    parts = dict(part.split("=") for part in TEXT.split("&"))
    text = "&".join(f"{name}={value}" for name, value in {**parts, **changed}.items())
    key = KEYS.get({**parts, **changed}["keyId"])
    for secret in {key.secret if key else "", KEYS["emr1"].secret, ""}:
        assert not is_taken(f"{text}&signature={signature_of(text, secret)}")


@pytest.mark.parametrize(
    ("seconds", "taken"), [(-931, False), (-929, True), (29, True), (31, False)]
)
def test_a_link_is_valid_for_its_minutes(seconds: int, taken: bool) -> None:
    assert is_taken(LINK, NOW + LONGEST + timedelta(seconds=seconds)) is taken
