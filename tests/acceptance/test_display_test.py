"""The display test paints the greys of its patches on device pixels, whatever their density."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.gateway import PASSWORD, Gateway


@pytest.fixture(scope="module")
def login(browser: Browser, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = browser.new_context(base_url=gateway.url)
    page = context.new_page()
    page.goto("/login?next=/display-test")
    page.get_by_label("Tên đăng nhập").fill("admin")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    page.wait_for_url("**/display-test")
    path = tmp_path_factory.mktemp("login") / "state.json"
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture(params=[(1280, 900, 1.0), (390, 844, 3.0), (1000, 700, 1.25)])
def page(
    request: pytest.FixtureRequest, browser: Browser, gateway: Gateway, login: Path
) -> Iterator[Page]:
    width, height, density = request.param
    context = browser.new_context(
        base_url=gateway.url,
        storage_state=login,
        viewport={"width": width, "height": height},
        device_scale_factor=density,
    )
    page = context.new_page()
    page.goto("/display-test")
    yield page
    context.close()


GREYS = """canvas => import(document.querySelector('script[type=module]').src
    .replace('pages/displaytest.js', 'lib/pattern.js')).then(({ pattern }) => {
  const context = canvas.getContext('2d');
  const named = pattern(canvas.width).filter(each => /^(step|patch) /.test(each.name || ''));
  return Object.fromEntries(named.map(({ name, x, y, width, height }) => {
    const [red, green, blue] = context.getImageData(
      x + Math.floor(width / 2), y + Math.floor(height / 2), 1, 1).data;
    return [name, red === green && green === blue ? red : -1];
  }));
})"""


def test_patches_have_the_greys_of_the_standard(page: Page) -> None:
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("data-side", canvas.evaluate("c => String(c.width)"))
    found = canvas.evaluate(GREYS)
    steps = {f"step {percent}": (255 * percent + 50) // 100 for percent in range(0, 101, 10)}
    assert {name: grey for name, grey in found.items() if name.startswith("step")} == steps
    assert (found["patch 5"], found["patch 95"]) == (13, 242)


def test_the_pattern_lies_on_device_pixels(page: Page) -> None:
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("data-side", canvas.evaluate("c => String(c.width)"))
    shown = canvas.evaluate("c => c.getBoundingClientRect().width * devicePixelRatio")
    assert abs(canvas.evaluate("c => c.width") - shown) <= 1


def test_it_says_what_the_screen_is_not_for(page: Page) -> None:
    expect(page.get_by_text("không phải là màn hình chẩn đoán")).to_be_visible()
    expect(page.get_by_role("img", name="Hình kiểm tra")).to_be_visible()
