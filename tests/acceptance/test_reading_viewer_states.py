"""Overlays and presentation states look in the reading viewer as the server draws them.

One shade of difference is allowed: both round the same formula, one on numbers of JavaScript and
the graphics card, the other on those of numpy.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import viewer
from tests.acceptance.gateway import Gateway, running_gateway
from tests.acceptance.readpages import (
    difference,
    open_study,
    place,
    reading_page,
    session_of,
    state,
)
from tests.acceptance.readstates import AREA, LINE, MARKED, SIZE, STATES, state_files, state_uid

pytestmark = [
    pytest.mark.server("chromium"),
    pytest.mark.skipif(
        not viewer.bundle_built(), reason="the bundle is not built: pacs-gateway viewer build"
    ),
]

LEAST_LEVELS = 3
"""Shades of a picture that is worth comparing."""


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("states")) as gateway:
        gateway.store(state_files())
        yield gateway


@pytest.fixture(scope="module")
def shared(gl_browser: Browser, marked: Gateway) -> Iterator[Page]:
    with reading_page(gl_browser, marked, session_of(gl_browser, marked)) as page:
        open_study(page, MARKED)
        expect(page.locator("#reading")).to_have_attribute("data-states", str(len(STATES)))
        page.get_by_role("button", name="Danh sách phép đo (9)").click()
        yield page


@pytest.fixture
def pane(shared: Page) -> Locator:
    """The image, large as it is, without any state."""
    pane = shared.locator(".read-grid .read-pane").first
    shared.get_by_role("button", name="Bỏ trạng thái hiển thị").click()
    expect(pane).to_have_attribute("data-applied", "")
    return pane


def address(page: Page) -> str:
    document: Any = page.request.get(f"/api/studies/{MARKED}/display").json()
    found = next(each for each in document["series"] if each["modality"] == "OT")
    return f"{found['instances'][0]['address']}/rendered"


def apply(pane: Locator, name: str) -> None:
    pane.page.locator(f'button[data-state="{state_uid(name)}"]').click()
    expect(pane).to_have_attribute("data-applied", state_uid(name))
    expect(pane).to_have_attribute("data-laid", re.compile(f" {state_uid(name)}$"))


def at_one_to_one(pane: Locator) -> None:
    pane.page.keyboard.press("0")
    expect(pane).to_have_attribute("data-scale", "1.0000")
    # The picture of the screen comes after the look was chosen.
    pane.evaluate("() => new Promise((done) => setTimeout(done, 150))")


def top_left(pane: Locator) -> tuple[float, float]:
    """Return the corner of the whole image that is top left after turning."""
    corners = [place(pane, point, SIZE) for point in ((0.0, 0.0), (float(SIZE[0]), float(SIZE[1])))]
    return min(x for x, _ in corners), min(y for _, y in corners)


def test_overlays_are_white_and_can_be_hidden(shared: Page, pane: Locator) -> None:
    expect(pane).to_have_attribute("data-laid", re.compile("/1 $"))
    at_one_to_one(pane)
    shown = address(shared)
    assert difference(shared, f"{shown}?overlays=true", top_left(pane))["most"] <= 1
    assert difference(shared, shown, top_left(pane))["most"] > 1
    shared.keyboard.press("u")
    at_one_to_one(pane)
    assert difference(shared, shown, top_left(pane))["most"] <= 1
    shared.keyboard.press("u")


@pytest.mark.parametrize("name", [name for name in STATES if name not in ("area", "graphics")])
def test_a_state_looks_as_the_server_draws_it(shared: Page, pane: Locator, name: str) -> None:
    apply(pane, name)
    at_one_to_one(pane)
    wanted = f"{address(shared)}?presentation={state_uid(name)}"
    found = difference(shared, wanted, top_left(pane))
    assert found["most"] <= 1, found
    assert found["levels"] > LEAST_LEVELS


def test_a_displayed_area_fills_the_pane(shared: Page, pane: Locator) -> None:
    apply(pane, "area")
    box = pane.bounding_box()
    assert box is not None
    left, top = place(pane, (AREA[0] - 1, AREA[1] - 1), SIZE)
    right, bottom = place(pane, (AREA[2], AREA[3]), SIZE)
    assert abs((left + right) - box["width"]) < 2
    assert abs((top + bottom) - box["height"]) < 2
    assert min(abs(right - left - box["width"]), abs(bottom - top - box["height"])) < 2
    at_one_to_one(pane)
    wanted = f"{address(shared)}?presentation={state_uid('area')}"
    found = difference(shared, wanted, place(pane, (AREA[0] - 1, AREA[1] - 1), SIZE))
    assert (found["width"], found["height"]) == (AREA[2] - AREA[0] + 1, AREA[3] - AREA[1] + 1)
    assert found["most"] <= 1


def test_graphics_lie_where_the_state_puts_them(shared: Page, pane: Locator) -> None:
    apply(pane, "graphics")
    points = pane.locator("svg.over .state polyline").get_attribute("points")
    assert points is not None
    found = [tuple(float(at) for at in point.split(",")) for point in points.split()]
    for each, wanted in zip(found, LINE, strict=True):
        assert each == pytest.approx(place(pane, wanted, SIZE), abs=0.5)


def test_a_window_chosen_by_hand_counts_within_a_state(shared: Page, pane: Locator) -> None:
    apply(pane, "turned")
    shared.keyboard.press("i")
    expect(pane).to_have_attribute("data-negative", "true")
    assert state(pane)["applied"] == state_uid("turned")
