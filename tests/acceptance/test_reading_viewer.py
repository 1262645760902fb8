"""The reading viewer shows what the server draws, measures as by hand, and loses no measurement.

Tests read what the viewer says of itself (data attributes), the pixels of its canvas and what the
browser keeps.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

import viewer
from tests.acceptance.gateway import PASSWORD, Gateway, running_gateway
from tests.acceptance.lightstudies import (
    BROKEN,
    CT,
    DETECTOR,
    FILM,
    PRIOR,
    light_files,
    sample_study,
)
from tests.acceptance.readstudies import (
    BRIGHT,
    COLUMN_SPACING,
    GREY_VARIANTS,
    GREYS,
    ROW_SPACING,
    SIDE,
    VOLUME,
    read_files,
)

pytestmark = [
    pytest.mark.server("chromium"),
    pytest.mark.skipif(
        not viewer.bundle_built(), reason="the bundle is not built: pacs-gateway viewer build"
    ),
]

SLOW_LINE = {
    "offline": False,
    "latency": 300,
    "downloadThroughput": 200_000,
    "uploadThroughput": 94_000,
}
FIRST_IMAGE_S = 6.0

DIFFERENCE = """async (address) => {
  const pane = document.querySelector(".read-pane");
  const answer = await fetch(address, { headers: { Accept: "image/png" } });
  const picture = await createImageBitmap(await answer.blob());
  const sheet = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  sheet.drawImage(picture, 0, 0);
  const canvas = pane.querySelector("canvas.cornerstone-canvas");
  const [x, y] = pane.dataset.corner.split(",").map(Number);
  const area = [picture.width, picture.height];
  const shown = canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), ...area).data;
  const drawn = sheet.getImageData(0, 0, ...area).data;
  let most = 0;
  const levels = new Set();
  for (let n = 0; n < drawn.length; n += 4) {
    most = Math.max(most, Math.abs(shown[n] - drawn[n]));
    levels.add(drawn[n]);
  }
  return { most, levels: levels.size };
}"""
"""The largest difference of a pane's pixels from a picture of the server, at one to one."""
BRIGHT_MIDDLE = """(plane) => {
  const pane = document.querySelector(`.read-mpr [data-plane="${plane}"]`);
  const canvas = pane.querySelector("canvas.cornerstone-canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [x, y, count] = [0, 0, 0];
  for (let n = 0; n < width * height; n += 1) {
    if (data[4 * n] < 230) continue;
    [x, y, count] = [x + (n % width), y + Math.floor(n / width), count + 1];
  }
  return { x: x / count / width - 0.5, y: y / count / height - 0.5, count };
}"""
"""Where the middle of all bright pixels is, in shares of a plane's pane from its middle."""
DRAFT = "Object.entries(localStorage).filter(([key]) => key.startsWith('reading:'))"


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("reading")) as gateway:
        gateway.store(light_files())
        gateway.store(read_files())
        yield gateway


@pytest.fixture(scope="module")
def session(gl_browser: Browser, reading: Gateway) -> dict[str, Any]:
    """Log in once."""
    with gl_browser.new_context(base_url=reading.url) as context:
        log_in(context)
        return dict(context.storage_state())


@pytest.fixture
def page(gl_browser: Browser, reading: Gateway, session: Any) -> Iterator[Page]:
    context = gl_browser.new_context(
        base_url=reading.url, storage_state=session, viewport={"width": 1280, "height": 800}
    )
    with context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        # What is not saved is kept: whoever leaves all the same finds it again.
        page.on("dialog", lambda dialog: dialog.accept())
        yield page
        assert faults == []


def log_in(context: BrowserContext) -> None:
    answer = context.request.post("/api/session", data={"username": "admin", "password": PASSWORD})
    assert answer.ok, answer.text()


def open_study(page: Page, study: str) -> Locator:
    """Open a study; returns its first pane once that shows lossless pixels."""
    page.goto(f"/read/{study}")
    pane = page.locator(".read-grid .read-pane").first
    expect(pane).to_have_attribute("data-state", "lossless", timeout=20_000)
    return pane


def state(pane: Locator) -> dict[str, str]:
    found = pane.evaluate("(element) => ({ ...element.dataset })")
    return {str(key): str(value) for key, value in found.items()}


def drag(
    page: Page,
    pane: Locator,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    aspect: float = 1.0,
) -> None:
    """Drag between two points of the image, in its own coordinates; aspect: height of its pixels."""
    box = pane.locator(".host").bounding_box()
    assert box is not None
    facts = state(pane)
    scale = float(facts["scale"])
    x, y = (float(at) for at in facts["corner"].split(","))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return (
            box["x"] + x + point[0] * scale,
            box["y"] + y + point[1] * scale * aspect,
        )

    page.mouse.move(*place(start))
    page.mouse.down()
    page.mouse.move(*place(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)))
    page.mouse.move(*place(end))
    page.mouse.up()


def kept(page: Page) -> list[dict[str, Any]]:
    """Return the measurements that the browser keeps."""
    entries = page.evaluate(DRAFT)
    return [each for _, text in entries for each in json.loads(text)]


def value_of(measurement: dict[str, Any], name: str, unit: str) -> float:
    found = next(each for each in measurement["values"] if each["name"] == name)
    assert found["unit"] == unit
    return float(found["value"])


def test_every_way_to_grey_equals_the_server_s_picture(page: Page) -> None:
    pane = open_study(page, GREYS)
    document = page.request.get(f"/api/studies/{GREYS}/display").json()
    for series in document["series"]:
        instance = series["instances"][0]
        expect(pane).to_have_attribute("data-instance", instance["uid"])
        expect(pane).to_have_attribute("data-state", "lossless")
        page.keyboard.press("0")
        expect(pane).to_have_attribute("data-scale", "1.0000")
        expect(pane).to_have_attribute("data-corner", re.compile(r"^\d+\.00,\d+\.00$"))
        found = page.evaluate(DIFFERENCE, f"{instance['address']}/rendered")
        assert found["most"] <= 1, (series["description"], found)
        assert found["levels"] > 1, series["description"]
        page.keyboard.press("PageDown")
    assert len(document["series"]) == len(GREY_VARIANTS)


def test_a_study_hangs_with_its_prior_beside(page: Page) -> None:
    pane = open_study(page, sample_study(CT))
    reading = page.locator("#reading")
    expect(reading).to_have_attribute("data-protocol", "CT of the chest")
    expect(reading).to_have_attribute("data-layout", "1x2")
    beside = page.locator(".read-grid .read-pane").nth(1)
    expect(beside).to_have_attribute("data-study", sample_study(PRIOR))
    expect(beside).to_have_attribute("data-state", "lossless")
    expect(beside.locator(".what")).to_contain_text("Ca cũ")
    assert state(pane)["study"] == sample_study(CT)


def test_keys_scroll_window_turn_and_link(page: Page) -> None:
    pane = open_study(page, sample_study(CT))
    beside = page.locator(".read-grid .read-pane").nth(1)
    expect(beside).to_have_attribute("data-state", "lossless")
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    expect(pane).to_have_attribute("data-slice", "2")
    expect(beside).not_to_have_attribute("data-slice", "1")
    page.keyboard.press("2")
    expect(pane).to_have_attribute("data-window", "-600,1500")
    expect(beside).to_have_attribute("data-window", "-600,1500")
    page.keyboard.press("r")
    expect(pane).to_have_attribute("data-rotation", "90")
    assert [pane.locator(f".edge.{edge}").inner_text() for edge in ("top", "right")] == ["R", "A"]
    page.keyboard.press("Space")
    page.keyboard.press("h")
    expect(pane.locator(".edge.left")).to_have_text("L")
    page.keyboard.press("i")
    expect(pane).to_have_attribute("data-negative", "true")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Góc Cobb")


def test_reference_lines_lie_where_planes_cross(page: Page) -> None:
    open_study(page, sample_study(CT))
    topogram = page.get_by_role("button", name="Topogram")
    panes = page.locator(".read-grid .read-pane")
    panes.nth(1).click()
    topogram.click()
    expect(panes.nth(1)).to_have_attribute("data-slices", "1")
    expect(panes.nth(1)).to_have_attribute("data-state", "lossless")
    panes.first.click()
    expect(panes.nth(1)).to_have_attribute("data-line", re.compile(r"\d"))
    before = state(panes.nth(1))["line"]
    page.keyboard.press("End")
    expect(panes.nth(1)).not_to_have_attribute("data-line", before)
    page.keyboard.press("x")
    expect(panes.nth(1)).to_have_attribute("data-line", "")


def test_measurements_agree_with_arithmetic_are_saved_and_come_back(
    page: Page, reading: Gateway
) -> None:
    pane = open_study(page, VOLUME)
    page.keyboard.press("ArrowDown")
    expect(pane).to_have_attribute("data-slice", "2")
    page.keyboard.press("d")
    drag(page, pane, (8, 30), (38, 50), aspect=ROW_SPACING / COLUMN_SPACING)
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", "1")
    page.keyboard.press("Shift+O")
    drag(page, pane, (40.2, 24.2), (56.2, 10.2), aspect=ROW_SPACING / COLUMN_SPACING)
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", "2")
    length, region = kept(page)
    assert value_of(length, "length", "mm") == pytest.approx(math.hypot(30, 30), abs=0.5)
    mean, deviation, area = by_hand(region["points"])
    assert value_of(region, "mean", "HU") == pytest.approx(mean)
    assert value_of(region, "deviation", "HU") == pytest.approx(deviation)
    assert value_of(region, "area", "mm2") == pytest.approx(area)
    page.reload()
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", "2", timeout=20_000)
    page.keyboard.press("Control+s")
    expect(page.locator(".read-notice")).to_have_text("Đã lưu 2 phép đo.")
    assert kept(page) == []
    reading.store([])
    page.reload()
    expect(page.locator("#reading")).to_have_attribute("data-measurements", "2", timeout=20_000)
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", "0")


def by_hand(points: list[list[float]]) -> tuple[float, float, float]:
    """Return mean, deviation and area of a rectangle on a slice of the cube."""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    inside = [
        BRIGHT if 44 <= x < 60 and 4 <= y < 20 else 0
        for x in range(SIDE)
        for y in range(SIDE)
        if left < x + 0.5 < right and top < y + 0.5 < bottom
    ]
    mean = sum(inside) / len(inside)
    deviation = math.sqrt(sum((each - mean) ** 2 for each in inside) / len(inside))
    assert 0 < mean < BRIGHT
    return mean, deviation, (right - left) * (bottom - top) * ROW_SPACING * COLUMN_SPACING


def test_a_measurement_survives_an_expired_session(page: Page) -> None:
    pane = open_study(page, sample_study(FILM))
    page.keyboard.press("d")
    drag(page, pane, (50, 60), (200, 180))
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", "1")
    page.context.clear_cookies()
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert len(kept(page)) == 1
    dialog.locator("input[type=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="Tiếp tục").click()
    expect(page.locator(".read-notice")).to_have_text("Đã lưu 1 phép đo.")
    assert kept(page) == []


def test_other_planes_keep_left_front_and_head_in_place(page: Page) -> None:
    open_study(page, VOLUME)
    page.keyboard.press("m")
    expect(page.locator("#reading")).to_have_attribute("data-mpr", "ready", timeout=20_000)
    page.locator("input[name=slab]").fill("60")
    page.locator("select[name=mode]").select_option("maximum")
    expect(page.locator("#reading")).to_have_attribute("data-slab", "maximum,60")
    page.wait_for_timeout(500)
    edges = {
        plane: state(page.locator(f'.read-mpr [data-plane="{plane}"]'))
        for plane in ("axial", "sagittal", "coronal")
    }
    assert (edges["axial"]["top"], edges["axial"]["right"]) == ("A", "L")
    assert (edges["coronal"]["top"], edges["coronal"]["right"]) == ("H", "L")
    assert (edges["sagittal"]["top"], edges["sagittal"]["left"]) == ("H", "A")
    middles = {plane: page.evaluate(BRIGHT_MIDDLE, plane) for plane in edges}
    assert middles["axial"]["x"] > 0.05
    assert middles["axial"]["y"] < -0.05
    assert middles["coronal"]["x"] > 0.05
    assert middles["coronal"]["y"] < -0.05
    assert middles["sagittal"]["x"] < -0.05
    assert middles["sagittal"]["y"] < -0.05
    page.get_by_role("button", name="Đóng MPR").click()
    expect(page.locator(".read-grid")).to_be_visible()


def test_what_is_no_volume_says_why(page: Page) -> None:
    open_study(page, BROKEN)
    button = page.locator('[data-act="mpr"]').first
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", re.compile("MPR"))


def test_a_broken_image_is_explained_and_the_others_go_on(page: Page) -> None:
    pane = open_study(page, BROKEN)
    expect(pane.locator(".how")).to_contain_text("px")
    page.keyboard.press("ArrowDown")
    expect(pane).to_have_attribute("data-state", "fault")
    expect(pane.get_by_role("alert")).to_contain_text("Không đọc được ảnh này")
    page.keyboard.press("ArrowDown")
    expect(pane).to_have_attribute("data-slice", "3")
    expect(pane).to_have_attribute("data-state", "lossless")


def test_the_plane_of_a_detector_is_named(page: Page) -> None:
    pane = open_study(page, DETECTOR)
    expect(pane.locator(".how")).to_contain_text("mặt phẳng đầu dò")


def test_key_images_are_kept(page: Page, reading: Gateway) -> None:
    open_study(page, sample_study(CT))
    page.keyboard.press("k")
    expect(page.locator(".read-notice")).to_have_text("Đã đánh dấu ảnh chính.")
    reading.store([])
    page.reload()
    expect(page.locator("#reading")).to_have_attribute("data-keys", "1", timeout=20_000)
    star = page.locator('[data-act="key"]')
    expect(star).to_have_attribute("aria-pressed", "true")


def test_on_a_slow_line_and_pc_the_first_image_is_there_soon(
    gl_browser: Browser, reading: Gateway, session: Any
) -> None:
    with gl_browser.new_context(base_url=reading.url, storage_state=session) as context:
        page = context.new_page()
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW_LINE)
        line.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(f"/read/{sample_study(CT)}", wait_until="commit")
        image = page.locator(".read-pane img.first").first
        expect(image).to_have_js_property("complete", value=True, timeout=20_000)
        expect(image).not_to_have_js_property("naturalWidth", 0, timeout=20_000)
        seconds = page.evaluate("performance.now()") / 1000
        assert seconds < FIRST_IMAGE_S


def test_without_webgl_the_light_viewer_is_offered(
    plain_browser: Browser, reading: Gateway
) -> None:
    with plain_browser.new_context(base_url=reading.url) as context:
        log_in(context)
        page = context.new_page()
        page.goto(f"/read/{sample_study(CT)}")
        expect(page.locator("#reading")).to_have_attribute("data-state", "no-webgl")
        page.get_by_role("link", name="Mở trình xem nhẹ").click()
        page.wait_for_url(f"**/studies/{sample_study(CT)}")
