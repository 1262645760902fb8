"""A long series is read outward from the slice on screen, within a named amount of memory.

The first image waits for no other, and what nobody wants any more is not loaded.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

import viewer
from tests.acceptance.gateway import Gateway, running_gateway
from tests.acceptance.readpages import PATIENCE_MS, open_study, reading_page, session_of
from tests.acceptance.readstudies import LONG, LONG_SLICES, SIDE, long_files

pytestmark = [
    pytest.mark.server("chromium"),
    pytest.mark.skipif(
        not viewer.bundle_built(), reason="the bundle is not built: pacs-gateway viewer build"
    ),
]

LINE = {"offline": False, "latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}
"""Slow answers, so that there is something on its way when somebody changes their mind."""
AT_ONCE = 6
"""Connections of a browser: what may be on its way."""
HELD = 60
"""Slices for which there is memory in the test of the cap."""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("long")) as gateway:
        gateway.store(long_files())
        yield gateway


@pytest.fixture(scope="module")
def session(gl_browser: Browser, long: Gateway) -> dict[str, Any]:
    return session_of(gl_browser, long)


class Traffic:
    """Which slices a page asks for, which come, and which it gives up; by their numbers."""

    def __init__(self, page: Page, study: str) -> None:
        self.page = page
        self.asked: list[int] = []
        self.came: list[int] = []
        self.given_up: list[int] = []
        document: Any = page.request.get(f"/api/studies/{study}/display").json()
        instances = document["series"][0]["instances"]
        self._numbers = {each["uid"]: n for n, each in enumerate(instances, start=1)}
        page.on("request", lambda request: self._note(self.asked, request))
        page.on("requestfailed", lambda request: self._note(self.given_up, request))
        page.on("response", self._answered)

    def _note(self, numbers: list[int], request: Request) -> None:
        found = re.search(r"/instances/([\d.]+)/frames/1$", request.url)
        if found:
            numbers.append(self._numbers[found[1]])

    def _answered(self, response: Response) -> None:
        self._note(self.came, response.request)

    def wait_until_asked(self, count: int) -> None:
        for _ in range(PATIENCE_MS // 100):
            if len(self.asked) >= count:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{len(self.asked)} slices were asked for")


def test_the_first_slice_first_then_outward_then_from_where_one_jumps(
    gl_browser: Browser, long: Gateway, session: Any
) -> None:
    with reading_page(gl_browser, long, session) as page:
        traffic = Traffic(page, LONG)
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", LINE)
        pane = open_study(page, LONG)
        assert traffic.asked[0] == 1
        assert len(traffic.came) < LONG_SLICES / 4
        traffic.wait_until_asked(40)
        assert traffic.asked[:20] == sorted(traffic.asked[:20])
        before = len(traffic.asked)
        page.keyboard.press("End")
        expect(pane).to_have_attribute("data-slice", str(LONG_SLICES))
        traffic.wait_until_asked(before + 40)
        after = traffic.asked[before:]
        # What was on its way already may come; the rest of the beginning is not asked for.
        later = [number for number in after if number > LONG_SLICES // 2]
        assert len(after) - len(later) <= AT_ONCE
        assert later[0] == LONG_SLICES
        assert later[:20] == sorted(later[:20], reverse=True)
        assert set(traffic.given_up) <= set(range(1, before + AT_ONCE + 1))
        assert len(traffic.asked) == len(set(traffic.asked))


def test_a_change_of_place_cancels_what_is_on_its_way(
    gl_browser: Browser, long: Gateway, session: Any
) -> None:
    with reading_page(gl_browser, long, session) as page:
        traffic = Traffic(page, LONG)
        _hold_to(page, HELD)
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", LINE)
        pane = open_study(page, LONG)
        traffic.wait_until_asked(AT_ONCE)
        page.keyboard.press("End")
        expect(pane).to_have_attribute("data-slice", str(LONG_SLICES), timeout=PATIENCE_MS)
        assert traffic.given_up
        assert max(traffic.given_up) <= HELD


def test_no_more_is_read_ahead_than_memory_holds(
    gl_browser: Browser, long: Gateway, session: Any
) -> None:
    with reading_page(gl_browser, long, session) as page:
        traffic = Traffic(page, LONG)
        _hold_to(page, HELD)
        open_study(page, LONG)
        traffic.wait_until_asked(HELD)
        page.wait_for_timeout(1000)
        assert sorted(traffic.asked) == list(range(1, HELD + 1))


def _hold_to(page: Page, slices: int) -> None:
    """Let the page be sent with memory for so many slices."""

    def shrink(route: Any) -> None:
        answer = route.fetch()
        small = f'data-memory="{slices * SIDE * SIDE * 2}"'
        text, count = re.subn(r'data-memory="\d+"', small, answer.text())
        assert count == 1
        route.fulfill(response=answer, body=text)

    page.route(re.compile(f"/read/{re.escape(LONG)}$"), shrink)
