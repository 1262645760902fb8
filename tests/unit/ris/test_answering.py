"""Reports move the orders of their study forward, through every state between, and nothing back to life."""

import pytest

from pacs_gateway.ris import answering
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.values import Control
from storage.orders import Order, OrderState
from storage.records import utc_now
from tests.unit.ris.desks import WHO, images, order


def advance(desk: Desk, after: OrderState) -> list[Order]:
    with desk.transaction() as connection:
        return answering.advance(connection, "1.2.3.4", after, WHO, now=utc_now())


@pytest.fixture
def placed(desk: Desk) -> Order:
    placed = desk.place(order(), WHO).order
    desk.find_order(images(), WHO, complete=True)
    return placed


def test_a_report_signed_at_once_passes_through_what_lies_between(
    desk: Desk, placed: Order
) -> None:
    assert [each.state for each in advance(desk, OrderState.SIGNED)] == [OrderState.SIGNED]
    history = [each.what for each in desk.order(placed.id).history]
    assert history[-2:] == ["reported", "signed"]
    assert advance(desk, OrderState.SIGNED) == []
    assert advance(desk, OrderState.DELIVERED)[0].state is OrderState.DELIVERED


def test_a_correction_goes_back_and_forward_again(desk: Desk, placed: Order) -> None:
    del placed
    advance(desk, OrderState.DELIVERED)
    assert advance(desk, OrderState.REPORTED)[0].state is OrderState.REPORTED
    assert advance(desk, OrderState.DELIVERED)[0].state is OrderState.DELIVERED


def test_a_study_without_an_order_and_a_cancelled_order_move_nothing(desk: Desk) -> None:
    assert advance(desk, OrderState.SIGNED) == []
    placed = desk.place(order(study_uid="1.2.3.4"), WHO).order
    desk.place(order(control=Control.CANCEL), WHO)
    assert advance(desk, OrderState.SIGNED) == []
    assert desk.order(placed.id).listed.order.state is OrderState.CANCELLED
