"""The reading viewer in a browser: how tests open it, what it says of itself, where to point at."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.acceptance.gateway import PASSWORD, Gateway

PATIENCE_MS = 60_000
"""Of everything that waits for pixels: the machine may have much else to do."""

_DRAFT = "Object.entries(localStorage).filter(([key]) => key.startsWith('reading:'))"
_DIFFERENCE = """async ([address, x, y]) => {
  const pane = document.querySelector(".read-pane");
  const answer = await fetch(address, { headers: { Accept: "image/png" } });
  const picture = await createImageBitmap(await answer.blob());
  const sheet = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  sheet.drawImage(picture, 0, 0);
  const canvas = pane.querySelector("canvas.cornerstone-canvas");
  const area = [picture.width, picture.height];
  const shown = canvas.getContext("2d").getImageData(x, y, ...area).data;
  const drawn = sheet.getImageData(0, 0, ...area).data;
  let most = 0;
  const levels = new Set();
  for (let n = 0; n < drawn.length; n += 1) {
    most = Math.max(most, Math.abs(shown[n] - drawn[n]));
    if (n % 4 === 0) levels.add(drawn[n]);
  }
  return { most, levels: levels.size, width: picture.width, height: picture.height };
}"""


def log_in(context: BrowserContext) -> None:
    answer = context.request.post("/api/session", data={"username": "admin", "password": PASSWORD})
    assert answer.ok, answer.text()


def session_of(browser: Browser, gateway: Gateway) -> dict[str, Any]:
    """Log in once; returns what contexts begin with."""
    with browser.new_context(base_url=gateway.url) as context:
        log_in(context)
        return dict(context.storage_state())


@contextmanager
def reading_page(
    browser: Browser, gateway: Gateway, session: Any, **options: Any
) -> Iterator[Page]:
    """Open a page, on which no script may fail."""
    settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, **options}
    with browser.new_context(base_url=gateway.url, storage_state=session, **settings) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        # What is not saved is kept: whoever leaves all the same finds it again.
        page.on("dialog", lambda dialog: dialog.accept())
        yield page
        assert faults == []


def open_study(page: Page, study: str, query: str = "") -> Locator:
    """Open a study; returns its first pane once that shows lossless pixels."""
    page.goto(f"/read/{study}{query}")
    pane = page.locator(".read-grid .read-pane").first
    expect(pane).to_have_attribute("data-state", "lossless", timeout=PATIENCE_MS)
    return pane


def state(pane: Locator) -> dict[str, str]:
    found = pane.evaluate("(element) => ({ ...element.dataset })")
    return {str(key): str(value) for key, value in found.items()}


def place(pane: Locator, point: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    """Return where a point of an image of `size` columns and rows is on the pane."""
    facts = state(pane)
    (left, top), (right, bottom) = (
        tuple(float(at) for at in facts[name].split(",")) for name in ("corner", "farCorner")
    )
    across, down = point[0] / size[0], point[1] / size[1]
    if int(facts["rotation"]) % 180:
        across, down = down, across
    return left + (right - left) * across, top + (bottom - top) * down


def on_screen(
    pane: Locator, point: tuple[float, float], size: tuple[int, int]
) -> tuple[float, float]:
    """Return where the mouse goes to for a point of the image."""
    box = pane.locator(".host").bounding_box()
    assert box is not None
    x, y = place(pane, point, size)
    return box["x"] + x, box["y"] + y


def draw(pane: Locator, *points: tuple[float, float], size: tuple[int, int]) -> None:
    """Drag from the first point to the second and on; `size`: columns and rows of the image."""
    mouse = pane.page.mouse
    first, *others = (on_screen(pane, point, size) for point in points)
    mouse.move(*first)
    mouse.down()
    for other in others:
        mouse.move(*other, steps=3)
    mouse.up()


def kept(page: Page) -> list[dict[str, Any]]:
    """Return the measurements that the browser keeps."""
    return [each for _, text in page.evaluate(_DRAFT) for each in json.loads(text)]


def value_of(measurement: dict[str, Any], name: str, unit: str) -> float:
    found = next(each for each in measurement["values"] if each["name"] == name)
    assert found["unit"] == unit
    return float(found["value"])


def difference(page: Page, address: str, corner: tuple[float, float]) -> dict[str, int]:
    """Compare a picture of the server with the first pane, where its top left corner is at `corner`.

    The image must be shown at one to one. Returns the largest difference of any pixel (`most`), the
    number of its shades, its width and height.
    """
    x, y = (round(at) for at in corner)
    assert max(abs(x - corner[0]), abs(y - corner[1])) < 0.02, corner
    return dict(page.evaluate(_DIFFERENCE, [address, x, y]))
