"""Protects orders on PostgreSQL: the same rules as on SQLite, and two that write at once take turns."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pacs_gateway.emr.intake import Intake, IntakeRules
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.values import Control
from storage.database import Engine, migrate, open_engine
from storage.messages import Sender
from storage.orderlinks import How
from storage.orders import OrderState, StepState, Wanted
from storage.testing.databases import empty_postgresql
from tests.servers import PostgresqlServer
from tests.unit.emr.messages import merge, omi, orm
from tests.unit.ris.desks import WHO, images, order

SENDER = Sender(name="HIS", host="10.0.0.5", issuer="BV")


@pytest.fixture(scope="module")
def migrated(postgresql_server: PostgresqlServer) -> Iterator[Engine]:
    engine = open_engine(postgresql_server.new_database(), busy_deadline_s=30)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(migrated: Engine) -> Desk:
    empty_postgresql(migrated)
    return Desk(migrated)


def test_the_same_order_from_everywhere_at_once_is_one(desk: Desk) -> None:
    requests = [order(), order(control=Control.CHANGE, minutes=1), order()] * 4
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: desk.place(each, WHO), requests))
    assert len(desk.orders(Wanted(), limit=99)) == 1


def test_numbers_given_at_once_differ(desk: Desk) -> None:
    with ThreadPoolExecutor(6) as pool:
        placed = pool.map(lambda each: desk.place(order(str(each)), WHO).order, range(12))
    assert len({each.accession_number for each in placed}) == 12


def test_messages_images_and_searches_do_as_on_sqlite(desk: Desk) -> None:
    intake = Intake(desk, IntakeRules("PACSGW"))
    for message in (orm(), omi(), merge(), orm(), orm("CA", control_id="9", placer="DH9")):
        assert b"MSA|AA|" in intake.answer(message.encode(), SENDER, "10.0.0.5")
    assert b"MSA|AE|" in intake.answer(merge("BN001", "BN009").encode(), SENDER, "10.0.0.5")
    states = {each.order.placer_number: each.order.state for each in desk.orders(Wanted(), limit=9)}
    assert states["DH9"] is OrderState.CANCELLED
    (found,) = desk.orders(
        Wanted(text="ngu", modality="CT", states=(OrderState.SCHEDULED,)), limit=9
    )
    assert found.person is not None
    desk.find_order(images(patient_id="BN009"), WHO, complete=True)
    whole = desk.order(found.order.id)
    assert [each.how for each in whole.studies] == [How.SCHEDULE]
    steps = desk.steps([StepState.SCHEDULED], first_day="20261101", last_day="", limit=9)
    assert [step.modality for _, step in steps] == ["MR", "MR"]
    assert desk.waiting(limit=5)[1] == 0
