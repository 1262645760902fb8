"""Protects: only a known title at its own address has every service; strangers have what the setting
allows; and who was known stays known while the database is down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_gateway.audit import acts
from pacs_gateway.dimse import peers as peers_module
from pacs_gateway.dimse.peers import Peers
from storage.database import Engine, migrate, open_engine
from storage.errors import UnavailableError
from storage.peers import Peer, PeerBook
from storage.peers import PeerService as Service

EVERYTHING = frozenset(Service)
STORE_ONLY = frozenset({Service.ECHO, Service.STORE})
ADDED = acts.peer_changed(acts.SYSTEM, ae_title="", change="added")


def services(peers: Peers, title: str, address: str, certificate: str = "") -> frozenset[Service]:
    """Return what a peer may ask for; nothing means that it is not let in."""
    rule = peers.rule(title, address, certificate)
    return rule.services if rule is not None else frozenset()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{database}", busy_deadline_s=1)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine) -> PeerBook:
    book = PeerBook(engine)
    book.add(Peer(ae_title="CT1", host="10.0.0.7", port=104), ADDED)
    book.add(Peer(ae_title="FLOOR", host="10.0.2.0/24", port=104), ADDED)
    book.add(Peer(ae_title="NAMED", host="localhost", port=104), ADDED)
    return book


@pytest.mark.parametrize(
    ("title", "address", "known"),
    [
        ("CT1", "10.0.0.7", True),
        ("CT1", "::ffff:10.0.0.7", True),
        ("CT1", "10.0.0.8", False),
        ("CT2", "10.0.0.7", False),
        ("ct1", "10.0.0.7", False),
        ("FLOOR", "10.0.2.200", True),
        ("FLOOR", "10.0.3.1", False),
        ("NAMED", "10.0.0.7", False),
        ("ANYBODY", "127.0.0.1", True),
        ("ANYBODY", "127.1.2.3", True),
        ("ANYBODY", "::1", True),
        ("ANYBODY", "::ffff:127.0.0.1", True),
        ("ANYBODY", "fe80::1%eth0", False),
    ],
)
def test_title_and_address_must_fit_together(
    book: PeerBook, title: str, address: str, *, known: bool
) -> None:
    assert services(Peers(book, unknown="hold", max_associations=10), title, address) == (
        EVERYTHING if known else frozenset()
    )
    assert services(Peers(book, unknown="store", max_associations=10), title, address) == (
        EVERYTHING if known else STORE_ONLY
    )


def test_a_destination_is_one_device(book: PeerBook) -> None:
    peers = Peers(book, unknown="hold", max_associations=10)
    found = peers.destination("CT1")
    assert found is not None
    assert (found.host, found.port) == ("10.0.0.7", 104)
    assert peers.destination("FLOOR") is None
    assert peers.destination("NOBODY") is None


def test_a_device_just_added_is_a_destination_at_once(book: PeerBook) -> None:
    peers = Peers(book, unknown="hold", max_associations=10)
    assert peers.destination("NEW") is None
    book.add(Peer(ae_title="NEW", host="10.0.0.9", port=104), ADDED)
    assert peers.destination("NEW") is not None


def test_strangers_are_listed(book: PeerBook) -> None:
    Peers(book, unknown="hold", max_associations=10).note_held("WHO", "10.9.9.9")
    (held,) = book.held()
    assert (held.ae_title, held.address, held.attempts) == ("WHO", "10.9.9.9", 1)


def test_who_was_known_stays_known_while_the_database_is_down(
    book: PeerBook, engine: Engine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers_module, "REMEMBERED_S", 0.0)
    before, after = (
        Peers(book, unknown="hold", max_associations=10),
        Peers(book, unknown="hold", max_associations=10),
    )
    assert services(before, "CT1", "10.0.0.7") == EVERYTHING
    engine.dispose()
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    database.mkdir()
    assert services(before, "CT1", "10.0.0.7") == EVERYTHING
    assert services(before, "CT2", "10.0.0.8") == frozenset()
    with pytest.raises(UnavailableError):
        after.rule("CT1", "10.0.0.7")


def test_a_peer_may_do_what_its_entry_says(book: PeerBook) -> None:
    peers = Peers(book, unknown="store", max_associations=10)
    plain = peers.rule("CT1", "10.0.0.7")
    assert plain is not None
    assert (plain.max_associations, plain.seconds_per_instance) == (10, 0.0)
    entry = Peer(
        ae_title="US1",
        host="10.0.0.9",
        port=104,
        services="echo store",
        sop_classes="1.2.3 1.2.4",
        certificate_sha256="ab12",
        max_associations=2,
        max_instances_per_minute=30,
    )
    book.add(entry, ADDED)
    fresh = Peers(book, unknown="store", max_associations=10)
    rule = fresh.rule("US1", "10.0.0.9", "ab12")
    assert rule is not None
    assert rule.services == STORE_ONLY
    assert rule.sop_classes == {"1.2.3", "1.2.4"}
    assert (rule.max_associations, rule.seconds_per_instance) == (2, 2.0)
    # Without its certificate it is a stranger like any other.
    for certificate in ("", "ab13"):
        stranger = fresh.rule("US1", "10.0.0.9", certificate)
        assert stranger is not None
        assert stranger.sop_classes == frozenset()
        assert stranger.max_associations == 10
    strict = Peers(book, unknown="hold", max_associations=10)
    assert strict.rule("US1", "10.0.0.9", "") is None
