"""How soon somebody who opens a long CT in the viewer sees it."""

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playwright.sync_api import Browser, Request, sync_playwright

from benchmarks.peers import Peer
from benchmarks.rows import Row
from benchmarks.series import ct_series
from tests.servers.gateway import PASSWORD

ROUNDS = 3
DEADLINE_S = 60.0
"""A measure that takes this long says that it did not end."""
FRAME = re.compile(r"/frames/\d")
FIRST_PICTURE = """
() => {
  const image = document.querySelector('img.first')
  const entry = image && performance.getEntriesByName(image.currentSrc)[0]
  return entry ? entry.responseEnd : 0
}
"""
"""Milliseconds from the navigation to the last byte of the first picture; 0 before that."""


@dataclass(frozen=True, slots=True)
class Line:
    """A network between the viewer and the gateway."""

    name: str
    conditions: Mapping[str, bool | float] | None = None
    """As the DevTools protocol takes them: bytes a second, milliseconds."""


LOOPBACK = Line("loopback")
CLINIC = Line(
    "4 Mbit/s, 150 ms",
    {
        "offline": False,
        "latency": 150,
        "downloadThroughput": 4e6 / 8,
        "uploadThroughput": 4e6 / 8,
    },
)


def viewing(ours: Peer, *, slices: int) -> Iterator[Row]:
    """Open a CT of `slices` slices again and again; nothing where there is no Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    series = ct_series(slices)
    ours.store(series)
    ours.settle()
    address = f"http://127.0.0.1:{ours.connection.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for line in (LOOPBACK, CLINIC):
            shown = [
                _opened(browser, address, series.study_uid, line, slices) for _ in range(ROUNDS)
            ]
            yield Row(
                case=f"CT of {slices} slices, first image, {line.name}",
                unit="s",
                ours=[first for first, _ in shown],
            )
            if line is LOOPBACK:
                yield Row(
                    case=f"CT of {slices} slices, last image, {line.name}",
                    unit="s",
                    ours=[last for _, last in shown],
                )
        browser.close()


def _opened(
    browser: Browser, address: str, study_uid: str, line: Line, slices: int
) -> tuple[float, float]:
    """Return the seconds to the first picture and to the last frame."""
    context = browser.new_context(base_url=address)
    context.request.post("/api/session", data={"username": "admin", "password": PASSWORD})
    page = context.new_page()
    arrived: list[float] = []

    def note(request: Request) -> None:
        if FRAME.search(request.url):
            arrived.append(time.monotonic())

    page.on("requestfinished", note)
    if line.conditions is not None:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", dict(line.conditions))
    began = time.monotonic()
    page.goto(f"/studies/{study_uid}", wait_until="commit")
    while not (first := page.evaluate(FIRST_PICTURE)):
        page.wait_for_timeout(20)
        if time.monotonic() - began > DEADLINE_S:
            raise TimeoutError("No picture came.")
    while line is LOOPBACK and len(arrived) < slices and time.monotonic() - began < DEADLINE_S:
        page.wait_for_timeout(50)
    context.close()
    return first / 1000, arrived[-1] - began if len(arrived) >= slices else DEADLINE_S
