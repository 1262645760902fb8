"""Every tool of the reading viewer does by real mouse, keys and fingers what it is there for.

What is measured agrees with arithmetic on the pixel values that DCMTK writes.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, expect

import viewer
from tests.acceptance.gateway import Gateway, running_gateway
from tests.acceptance.lightstudies import CINE, CT, FILM, light_files, sample_study
from tests.acceptance.readpages import (
    PATIENCE_MS,
    draw,
    kept,
    on_screen,
    open_study,
    reading_page,
    session_of,
    state,
    value_of,
)
from tests.acceptance.readstudies import TISSUE, TISSUE_SIZE, TISSUE_SPACING, tissue_files
from tests.servers import require_program
from tests.servers.processes import wait_until

pytestmark = [
    pytest.mark.server("chromium"),
    pytest.mark.skipif(
        not viewer.bundle_built(), reason="the bundle is not built: pacs-gateway viewer build"
    ),
]

NOTED_MS = 250
"""After this, what was drawn last is noted."""
FRAME_MS = 80
"""Frame Time of the sample ultrasound."""
CLOSE = 0.5
"""Pixels by which the mouse may miss: it moves by whole ones of the screen, of which one of the image has four."""

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("tools")) as gateway:
        gateway.store(light_files())
        gateway.store(tissue_files())
        yield gateway


@pytest.fixture(scope="module")
def session(gl_browser: Browser, archive: Gateway) -> dict[str, Any]:
    return session_of(gl_browser, archive)


@pytest.fixture(scope="module")
def opened(gl_browser: Browser, archive: Gateway, session: Any) -> Iterator[Page]:
    with reading_page(gl_browser, archive, session) as page:
        open_study(page, TISSUE)
        # The findings are asked for with the first image: drawing begins after them.
        expect(page.locator("#reading")).to_have_attribute("data-measurements", "0")
        yield page


@pytest.fixture
def tissue(opened: Page) -> Iterator[Locator]:
    """The real CT as it was when it was opened, without measurements."""
    pane = opened.locator(".read-grid .read-pane").first
    opened.keyboard.press("Escape")
    opened.keyboard.press("Escape")
    opened.keyboard.press("Home")
    opened.keyboard.press("Space")
    expect(pane).to_have_attribute("data-slice", "1")
    # Where the image lies is said with the next picture.
    opened.wait_for_timeout(NOTED_MS)
    yield pane
    while kept(opened):
        count = len(kept(opened))
        opened.keyboard.press("Delete")
        unsaved(opened, count - 1)


@pytest.fixture
def page(gl_browser: Browser, archive: Gateway, session: Any) -> Iterator[Page]:
    with reading_page(gl_browser, archive, session) as page:
        yield page


@pytest.fixture(scope="module")
def hounsfield(tmp_path_factory: pytest.TempPathFactory) -> Floats:
    """The values of the CT in Hounsfield units, as DCMTK reads them."""
    folder = tmp_path_factory.mktemp("dcmtk")
    file = folder / "slice.dcm"
    file.write_bytes(next(tissue_files()))
    dump = require_program("dcmdump", "apt-get install dcmtk")
    written = subprocess.run(
        [dump, "+W", folder, "+P", "PixelData", "+P", "RescaleIntercept", file],
        check=True, timeout=60, capture_output=True, text=True,
    ).stdout  # fmt: skip
    intercept = re.search(r"\(0028,1052\) DS \[(-?\d+)\]", written)
    assert intercept is not None
    raw = next(path for path in folder.iterdir() if path.suffix == ".raw")
    stored = np.frombuffer(Path(raw).read_bytes(), "<i2").reshape(TISSUE_SIZE)
    return stored + float(intercept[1])


def unsaved(page: Page, count: int) -> None:
    expect(page.locator("#reading")).to_have_attribute("data-unsaved", str(count))


def measured(page: Page, key: str, pane: Locator, *points: tuple[float, float]) -> dict[str, Any]:
    """Draw one measurement; returns it as the browser keeps it."""
    before = len(kept(page))
    page.keyboard.press(key)
    draw(pane, *points, size=TISSUE_SIZE)
    unsaved(page, before + 1)
    page.wait_for_timeout(NOTED_MS)
    return kept(page)[-1]


def click(pane: Locator, point: tuple[float, float]) -> None:
    pane.page.mouse.click(*on_screen(pane, point, TISSUE_SIZE))


def test_length(opened: Page, tissue: Locator) -> None:
    found = measured(opened, "d", tissue, (20, 30), (60, 60))
    assert value_of(found, "length", "mm") == pytest.approx(50 * TISSUE_SPACING, abs=0.4)


def test_angle_has_its_vertex_in_the_middle(opened: Page, tissue: Locator) -> None:
    opened.keyboard.press("a")
    draw(tissue, (80, 40), (40, 40), size=TISSUE_SIZE)
    click(tissue, (70, 70))
    unsaved(opened, 1)
    assert value_of(kept(opened)[0], "angle", "deg") == pytest.approx(45, abs=1)


def test_cobb_angle_lies_between_two_lines(opened: Page, tissue: Locator) -> None:
    opened.keyboard.press("Shift+A")
    draw(tissue, (30, 40), (90, 30), size=TISSUE_SIZE)
    draw(tissue, (30, 90), (90, 110), size=TISSUE_SIZE)
    unsaved(opened, 1)
    wanted = np.degrees(np.arctan2(10, 60) + np.arctan2(20, 60))
    assert value_of(kept(opened)[0], "angle", "deg") == pytest.approx(wanted, abs=1)


def test_ellipse_is_as_dcmtk_s_pixels_are(
    opened: Page, tissue: Locator, hounsfield: Floats
) -> None:
    found = measured(opened, "o", tissue, (64, 60), (84, 75))
    x, y = np.array(found["points"]).T
    center = ((x.min() + x.max()) / 2, (y.min() + y.max()) / 2)
    half = ((x.max() - x.min()) / 2, (y.max() - y.min()) / 2)
    row, column = np.mgrid[:128, :128] + 0.5
    inside = ((column - center[0]) / half[0]) ** 2 + ((row - center[1]) / half[1]) ** 2 <= 1
    assert inside.sum() > 100
    assert value_of(found, "mean", "HU") == pytest.approx(hounsfield[inside].mean())
    assert value_of(found, "deviation", "HU") == pytest.approx(hounsfield[inside].std())
    assert value_of(found, "maximum", "HU") == hounsfield[inside].max()
    area = np.pi * half[0] * half[1] * TISSUE_SPACING**2
    assert value_of(found, "area", "mm2") == pytest.approx(area, rel=1e-3)


def test_probe_reads_the_pixel_under_it(opened: Page, tissue: Locator, hounsfield: Floats) -> None:
    opened.keyboard.press("q")
    click(tissue, (70.5, 55.5))
    unsaved(opened, 1)
    (column, row), *_ = kept(opened)[0]["points"]
    assert (column, row) == pytest.approx((70.5, 55.5), abs=CLOSE)
    assert value_of(kept(opened)[0], "value", "HU") == hounsfield[int(row), int(column)]


def test_arrow_takes_vietnamese_text_without_firing_keys(opened: Page, tissue: Locator) -> None:
    opened.keyboard.press("t")
    draw(tissue, (30, 30), (60, 50), size=TISSUE_SIZE)
    dialog = opened.get_by_role("dialog")
    opened.keyboard.type("dicharm ")
    dialog.locator("input").press_sequentially("nốt mờ")
    dialog.get_by_role("button", name="Đồng ý").click()
    unsaved(opened, 1)
    assert wait_until(lambda: kept(opened)[0]["label"] == "dicharm nốt mờ")
    assert opened.locator("#reading").get_attribute("data-tool") == "arrow"
    assert state(tissue)["negative"] == "false"


def test_composing_letters_fire_nothing(opened: Page, tissue: Locator) -> None:
    pressed = "document.body.dispatchEvent(new KeyboardEvent('keydown', {options}))"
    opened.evaluate(pressed.replace("{options}", "{key: 'i', bubbles: true, isComposing: true}"))
    opened.wait_for_timeout(NOTED_MS)
    assert state(tissue)["negative"] == "false"
    opened.evaluate(pressed.replace("{options}", "{key: 'i', bubbles: true}"))
    expect(tissue).to_have_attribute("data-negative", "true")


def test_erased_is_undone_and_redone_where_it_was(opened: Page, tissue: Locator) -> None:
    first = measured(opened, "d", tissue, (20, 30), (60, 60))
    opened.keyboard.press("Delete")
    unsaved(opened, 0)
    opened.keyboard.press("ArrowDown")
    expect(tissue).to_have_attribute("data-slice", "2")
    opened.keyboard.press("Control+z")
    unsaved(opened, 1)
    assert kept(opened)[0]["points"] == first["points"]
    # What came back is on screen, and so is its image, by its right number.
    expect(tissue).to_have_attribute("data-slice", "1")
    expect(tissue.locator(".where")).to_contain_text("Ảnh 1/3")
    opened.keyboard.press("Control+y")
    unsaved(opened, 0)
    opened.keyboard.press("Control+z")
    unsaved(opened, 1)
    opened.keyboard.press("Control+z")
    unsaved(opened, 0)


@pytest.mark.parametrize(("key", "shape"), [("d", "length"), ("o", "ellipse"), ("Shift+O", "rect")])
def test_what_leaves_the_image_ends_at_its_edge_and_says_so(
    opened: Page, tissue: Locator, key: str, shape: str
) -> None:
    del shape
    found = measured(opened, key, tissue, (100, 60), (140, 70))
    expect(opened.locator(".read-notice")).to_contain_text("cắt tại mép ảnh")
    assert max(x for x, _ in found["points"]) == pytest.approx(TISSUE_SIZE[0], abs=1e-6)


def test_turns_and_flips_are_those_of_the_screen(opened: Page, tissue: Locator) -> None:
    def pointing(wanted: str) -> None:
        for edge, letter in zip(("top", "right", "bottom", "left"), wanted, strict=True):
            expect(tissue.locator(f".edge.{edge}")).to_have_text(letter)

    for key, wanted in (("r", "RALP"), ("h", "RPLA"), ("v", "LPRA")):
        opened.keyboard.press(key)
        pointing(wanted)
    opened.keyboard.press("Space")
    expect(tissue.locator(".edge.top")).to_have_text("A")
    opened.keyboard.press("l")
    expect(tissue.locator(".edge.top")).to_have_text("L")


def test_the_buttons_of_the_mouse_window_zoom_and_move(opened: Page, tissue: Locator) -> None:
    before = state(tissue)
    draw(tissue, (40, 40), (80, 40), size=TISSUE_SIZE)
    expect(tissue).not_to_have_attribute("data-window", before["window"])
    for button, name in (("right", "zoom"), ("middle", "corner")):
        held = state(tissue)[name]
        opened.mouse.move(*on_screen(tissue, (64, 40), TISSUE_SIZE))
        opened.mouse.down(button=button)  # type: ignore[arg-type]
        opened.mouse.move(*on_screen(tissue, (64, 60), TISSUE_SIZE), steps=3)
        opened.mouse.up(button=button)  # type: ignore[arg-type]
        expect(tissue).not_to_have_attribute(f"data-{name}", held)
    opened.mouse.wheel(0, 120)
    expect(tissue).to_have_attribute("data-slice", "2")


def test_the_magnifier_shows_more_of_less(opened: Page, tissue: Locator) -> None:
    opened.keyboard.press("g")
    opened.mouse.move(*on_screen(tissue, (64, 64), TISSUE_SIZE))
    opened.mouse.down()
    opened.mouse.move(*on_screen(tissue, (66, 66), TISSUE_SIZE))
    expect(opened.locator(".magnifyTool")).to_be_visible()
    opened.mouse.up()
    expect(opened.locator(".magnifyTool")).to_have_count(0)


def test_what_is_saved_is_only_hidden_when_erased(page: Page) -> None:
    pane = open_study(page, sample_study(FILM))
    expect(page.locator("#reading")).to_have_attribute("data-measurements", "0")
    page.keyboard.press("d")
    draw(pane, (200, 300), (600, 600), size=(1024, 1024))
    unsaved(page, 1)
    page.keyboard.press("Control+s")
    expect(page.locator(".read-notice")).to_have_text("Đã lưu 1 phép đo.")
    page.keyboard.press("Delete")
    expect(page.locator(".read-notice")).to_contain_text("chỉ ẩn ở đây")
    unsaved(page, 0)


def test_cine_runs_at_the_rate_of_its_frames(page: Page) -> None:
    pane = open_study(page, sample_study(CINE))
    page.keyboard.press("End")
    page.keyboard.press("c")
    # Once round, so that every frame is there.
    page.wait_for_timeout(24 * FRAME_MS)
    expect(pane).to_have_attribute("data-playing", "true")
    steps, milliseconds = page.evaluate(
        """new Promise((done) => {
          const pane = document.querySelector(".read-pane");
          const start = performance.now();
          let [last, steps] = [Number(pane.dataset.slice), 0];
          const look = () => {
            const slice = Number(pane.dataset.slice);
            steps += (slice - last + 24) % 24;
            last = slice;
            const passed = performance.now() - start;
            if (passed > 1600) done([steps, passed]); else requestAnimationFrame(look);
          };
          look();
        })"""
    )
    # Late frames are not made up for, so that a loaded machine is slower, but never faster.
    assert milliseconds / FRAME_MS / 2 < steps <= milliseconds / FRAME_MS + 2
    page.keyboard.press("c")
    expect(pane).not_to_have_attribute("data-playing", "true")


def test_a_series_is_dragged_into_a_pane(page: Page) -> None:
    open_study(page, sample_study(CT))
    target = page.locator(".read-grid .read-pane").nth(1)
    page.get_by_role("button", name="Topogram").drag_to(target)
    expect(target).to_have_attribute("data-slices", "1")
    expect(target).to_have_attribute("data-state", "lossless")


def test_linked_panes_scroll_zoom_and_window_together(page: Page) -> None:
    pane = open_study(page, sample_study(CT))
    beside = page.locator(".read-grid .read-pane").nth(1)
    expect(beside).to_have_attribute("data-state", "lossless", timeout=PATIENCE_MS)
    page.keyboard.press("+")
    expect(pane).to_have_attribute("data-zoom", "1.250")
    expect(beside).to_have_attribute("data-zoom", "1.000")
    page.keyboard.press("s")
    page.keyboard.press("+")
    expect(beside).to_have_attribute("data-zoom", "1.563")
    expect(pane).to_have_attribute("data-zoom", "1.563")
    page.keyboard.press("4")
    expect(beside).to_have_attribute("data-window", "480,2500")
    page.keyboard.press("s")
    page.keyboard.press("5")
    expect(pane).to_have_attribute("data-window", "40,80")
    assert state(beside)["window"] == "480,2500"


def test_one_key_leads_to_the_next_study_and_back(page: Page) -> None:
    open_study(page, sample_study(FILM), "?list=")
    following = page.locator('[data-neighbour="next"][href]')
    expect(following).to_be_visible()
    address = following.get_attribute("href") or ""
    page.keyboard.press("n")
    page.wait_for_url(f"**{address}")
    expect(page.locator('[data-neighbour="previous"][href]')).to_be_visible()
    page.keyboard.press("b")
    page.wait_for_url(f"**/read/{sample_study(FILM)}?list=")


def test_fingers_scroll_pinch_and_draw(gl_browser: Browser, archive: Gateway, session: Any) -> None:
    phone = {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    }
    with reading_page(gl_browser, archive, session, **phone) as page:
        pane = open_study(page, TISSUE)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        line = page.context.new_cdp_session(page)

        def touch(kind: str, *places: tuple[float, float]) -> None:
            points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
            line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            page.wait_for_timeout(60)

        x, y = on_screen(pane, (64, 64), TISSUE_SIZE)
        touch("touchStart", (x, y))
        for step in (10, 20, 30):
            touch("touchMove", (x, y + step))
        touch("touchEnd")
        expect(pane).to_have_attribute("data-slice", "3")
        before = float(state(pane)["zoom"])
        window = state(pane)["window"]
        touch("touchStart", (x - 30, y), (x + 30, y))
        for step in (10, 20, 30):
            touch("touchMove", (x - 30 - step, y), (x + 30 + step, y))
        touch("touchEnd")
        assert float(state(pane)["zoom"]) > before * 1.3
        touch("touchStart", (x, y))
        page.wait_for_timeout(600)
        for step in (10, 30):
            touch("touchMove", (x, y + step))
        touch("touchEnd")
        expect(pane).not_to_have_attribute("data-window", window)
        expect(pane).to_have_attribute("data-slice", "3")
        page.get_by_role("button", name="Đo chiều dài").tap()
        touch("touchStart", (x - 40, y))
        for step in (20, 50, 80):
            touch("touchMove", (x - 40 + step, y))
        touch("touchEnd")
        unsaved(page, 1)
