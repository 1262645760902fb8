"""People work with the pages in a real browser: on a desktop, on a phone, without scripts.

Every test also fails on a console error, a script error or a request that leaves the gateway.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.acceptance.gateway import PASSWORD, Gateway
from tests.acceptance.studies import AN, CT_SLICES, DUC, HOA, HOSTILE, study_uid

pytestmark = pytest.mark.server("chromium")

DESKTOP = (1366, 768)
PHONES = ((390, 844), (320, 640))
UNSHOWN_IMAGE = "the server responded with a status of 4"
"""The browser itself reports each preview that cannot be made."""


class Visit:
    """A browser's context that remembers what went wrong in its pages."""

    def __init__(self, context: BrowserContext, gateway: Gateway) -> None:
        self.context = context
        self.gateway = gateway
        self.complaints: list[str] = []

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("request", lambda request: self._check_origin(request.url))
        return page

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and UNSHOWN_IMAGE not in text:
            self.complaints.append(text)

    def _check_origin(self, url: str) -> None:
        if not url.startswith((self.gateway.url, "data:", "blob:")):
            self.complaints.append(f"request to {url}")


@pytest.fixture(scope="module")
def login(browser: Browser, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log in once; the session is shared."""
    context = browser.new_context(base_url=gateway.url)
    page = context.new_page()
    log_in(page)
    expect(page.get_by_role("heading", name="Ca chụp")).to_be_visible()
    path = tmp_path_factory.mktemp("login") / "state.json"
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def page(browser: Browser, gateway: Gateway, login: Path) -> Iterator[Page]:
    """A page of somebody logged in, on a desktop."""
    context = browser.new_context(
        base_url=gateway.url,
        storage_state=login,
        viewport={"width": DESKTOP[0], "height": DESKTOP[1]},
    )
    visit = Visit(context, gateway)
    yield visit.page()
    context.close()
    assert visit.complaints == []


@pytest.fixture
def stranger(browser: Browser, gateway: Gateway) -> Iterator[Page]:
    """A page of somebody who has not logged in."""
    context = browser.new_context(base_url=gateway.url)
    visit = Visit(context, gateway)
    yield visit.page()
    context.close()
    assert visit.complaints == []


def log_in(page: Page, password: str = PASSWORD) -> None:
    if "/login" not in page.url:
        page.goto("/login")
    page.get_by_label("Tên đăng nhập").fill("admin")
    page.get_by_label("Mật khẩu").fill(password)
    page.get_by_role("button", name="Đăng nhập").click()


def address(identity: tuple[str, str, str, str]) -> str:
    return f"/studies/{study_uid(identity)}"


def names(page: Page) -> list[str]:
    return page.locator("a.row-link").all_inner_texts()


def wait_for_images(images: Locator) -> None:
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", value=True)
        assert image.evaluate("image => image.naturalWidth") > 0, image.get_attribute("src")


def test_login_leads_to_the_page_that_was_asked_for(stranger: Page) -> None:
    stranger.goto(f"{address(AN)}?page=1")
    expect(stranger.get_by_label("Mật khẩu")).to_be_visible()
    log_in(stranger)
    expect(stranger).to_have_url(re.compile(re.escape(f"{address(AN)}?page=1") + "$"))
    expect(stranger.get_by_role("heading", name="NGUYỄN VĂN AN")).to_be_visible()


def test_a_wrong_password_is_told_in_words_and_opens_nothing(stranger: Page) -> None:
    stranger.goto("/")
    log_in(stranger, "sai rồi")
    expect(stranger.get_by_role("alert")).to_contain_text("mật khẩu không đúng")
    expect(stranger.get_by_label("Tên đăng nhập")).to_have_value("admin")
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile("/login"))


def test_login_never_leads_to_another_site(stranger: Page, gateway: Gateway) -> None:
    stranger.goto("/login?next=//evil.example/")
    log_in(stranger)
    expect(stranger).to_have_url(f"{gateway.url}/")


def test_logout_ends_the_session(stranger: Page) -> None:
    stranger.goto("/")
    log_in(stranger)
    stranger.get_by_role("button", name="Đăng xuất").click()
    expect(stranger).to_have_url(re.compile("/login"))
    stranger.goto("/")
    expect(stranger).to_have_url(re.compile("/login"))


def test_the_list_shows_every_study_newest_first(page: Page) -> None:
    page.goto("/")
    assert len(names(page)) == 4
    assert names(page)[2] == "TRẦN THỊ HOA"
    expect(page.locator(".count")).to_have_text("4 ca chụp")
    row = page.get_by_role("row", name="NGUYỄN VĂN AN")
    for text in (
        "BN000123",
        "12/04/1958",
        "Nam",
        "08:15",
        "CT",
        "XN000123",
        f"{CT_SLICES + 1} ảnh",
    ):
        expect(row).to_contain_text(text)
    wait_for_images(row.locator("img"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("do minh duc", "ĐỖ MINH ĐỨC"),
        ("ĐỨC", "ĐỖ MINH ĐỨC"),
        ("hoa tran", "TRẦN THỊ HOA"),
        ("Nguyễn^Văn", "NGUYỄN VĂN AN"),
        ("bn000123", "NGUYỄN VĂN AN"),
        ("XN000789", "TRẦN THỊ HOA"),
    ],
)
def test_search_needs_no_accents_no_order_and_no_field(page: Page, text: str, name: str) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Tìm").click()
    expect(page.locator(".count")).to_have_text("1 ca chụp")
    assert names(page) == [name]
    expect(page.get_by_role("searchbox")).to_have_value(text)


@pytest.mark.parametrize("text", ["-", "^", "'", "%", "_", "\\", "(*", "\ufffd", "x" * 500])
def test_odd_searches_are_answered_like_any_other(page: Page, text: str) -> None:
    page.goto("/")
    page.get_by_role("searchbox").evaluate("(box, text) => { box.value = text }", text)
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Tìm").click()
    assert navigation.value.status == 200


def test_period_and_modality_narrow_the_list(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Hôm nay").click()
    expect(page.locator(".count")).to_have_text("2 ca chụp")
    page.get_by_label("Loại máy").select_option("SR")
    page.get_by_role("button", name="Tìm").click()
    assert names(page) == ["NGUYỄN VĂN AN"]
    page.goto("/?from=2020-01-01&to=2020-12-31")
    assert names(page) == ["TRẦN THỊ HOA"]


def test_a_search_without_result_says_what_to_do(page: Page) -> None:
    page.goto("/?q=khong+co+ai&period=today")
    expect(page.get_by_role("status")).to_contain_text("Không tìm thấy ca chụp nào")
    page.get_by_role("main").get_by_role("link", name="Xóa bộ lọc").click()
    expect(page.locator(".count")).to_have_text("4 ca chụp")


def test_the_keyboard_walks_the_list_and_opens_a_study(page: Page) -> None:
    page.goto("/")
    page.locator("a.row-link").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(page.locator("a.row-link").nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="TRẦN THỊ HOA")).to_be_visible()


def test_a_click_anywhere_in_a_row_opens_its_study(page: Page) -> None:
    page.goto("/")
    page.get_by_role("row", name="TRẦN THỊ HOA").locator(".c-description").click()
    expect(page).to_have_url(re.compile(address(HOA)))


def test_every_series_of_a_study_has_its_picture(page: Page) -> None:
    page.goto(address(AN))
    series = page.get_by_role("navigation", name="Các chuỗi ảnh").get_by_role("link")
    expect(series).to_have_count(2)
    wait_for_images(series.locator("img"))
    expect(series.first).to_contain_text(f"{CT_SLICES} ảnh")
    expect(series.last).to_contain_text("Báo cáo có cấu trúc (SR)")
    expect(page.get_by_text("không dùng để chẩn đoán").first).to_be_visible()


def test_a_report_opens_in_the_place_of_the_images(page: Page) -> None:
    page.goto(address(AN))
    expect(page.locator("#viewer[data-ready]")).to_be_visible()
    page.get_by_role("link", name="Báo cáo:").click()
    report = page.frame_locator(".document iframe")
    expect(report.get_by_text("NGUYỄN VĂN AN").first).to_be_visible()
    page.get_by_role("link", name="Chuỗi thử 1").click()
    expect(page.locator(".document")).to_have_count(0)


def test_an_image_that_cannot_be_read_says_so_and_leaves_the_others(page: Page) -> None:
    page.goto(address(DUC))
    pane = page.locator(".pane")
    expect(pane).to_have_attribute("data-state", "lossless")
    page.get_by_role("link", name="Chuỗi thử 2").click()
    expect(page.get_by_role("alert")).to_contain_text("Không đọc được ảnh này")
    expect(page.get_by_role("link", name="Tải tệp DICOM gốc")).to_be_visible()
    page.get_by_role("link", name="Chuỗi thử 1").click()
    expect(pane).to_have_attribute("data-state", "lossless")
    expect(page.locator(".fault")).to_be_empty()


def test_attributes_of_any_instance_are_read_and_searched(page: Page) -> None:
    page.goto(address(AN))
    page.get_by_role("link", name="Thuộc tính DICOM").click()
    name = page.get_by_role("row").filter(has_text="PatientName")
    expect(name).to_contain_text("NGUYỄN^VĂN AN")
    for words in ("nguyen van", "00100010", "patientname"):
        page.get_by_role("searchbox").fill(words)
        expect(name).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="Rows")).to_be_hidden()
    page.get_by_label("Chuỗi ảnh").select_option(label="SR Chuỗi thử 2 (2)")
    page.get_by_role("searchbox").fill("ValueType")
    expect(page.get_by_role("row").filter(has_text="ContentSequence").first).to_be_visible()


def test_an_instance_downloads_as_a_dicom_file(page: Page) -> None:
    page.goto(f"{address(HOA)}/tags")
    with page.expect_download() as download:
        page.get_by_role("link", name="Tải DICOM").first.click()
    content = download.value.path().read_bytes()
    assert content[128:132] == b"DICM"
    assert download.value.suggested_filename.endswith(".dcm")


def test_the_language_changes_in_place_and_stays(page: Page) -> None:
    page.goto("/?q=tran&period=")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(re.compile(r"/\?q=tran"))
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()
    expect(page.get_by_role("row", name="TRẦN THỊ HOA")).to_contain_text("29 Feb 2020")
    page.goto(address(HOA))
    expect(page.get_by_text("not for diagnosis").first).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"


def test_markup_in_names_is_only_text(page: Page) -> None:
    for path in ("/", address(HOSTILE)):
        page.goto(path)
        expect(page.get_by_text("<script>alert(1)</script> <b>X").first).to_be_visible()
        assert page.locator("main b, main script:not([type]), main img[src=x]").count() == 0


def test_what_is_not_here_is_told_in_words(page: Page) -> None:
    answer = page.goto("/studies/1.2.3.4")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Không tìm thấy")).to_be_visible()
    page.get_by_role("link", name="Về danh sách ca chụp").click()
    expect(page.get_by_role("heading", name="Ca chụp")).to_be_visible()


@pytest.mark.parametrize("size", PHONES, ids=lambda size: f"{size[0]}px")
def test_a_phone_never_scrolls_sideways(
    browser: Browser, gateway: Gateway, login: Path, size: tuple[int, int], tmp_path: Path
) -> None:
    context = browser.new_context(
        base_url=gateway.url,
        storage_state=login,
        viewport={"width": size[0], "height": size[1]},
        has_touch=True,
    )
    visit = Visit(context, gateway)
    page = visit.page()
    for number, path in enumerate(("/", "/?q=nobody", address(AN), address(HOSTILE), "/login")):
        page.goto(path)
        page.screenshot(path=tmp_path / f"{number}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
    page.goto(address(AN))
    expect(page.locator("#viewer[data-ready]")).to_be_visible()
    for button in page.locator("#viewer").get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or (box["height"] >= 44 and box["width"] >= 44)
    context.close()
    assert visit.complaints == []


def test_everything_needed_works_without_scripts(
    browser: Browser, gateway: Gateway, login: Path
) -> None:
    context = browser.new_context(
        base_url=gateway.url, storage_state=login, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("nguyen van an")
    page.get_by_role("button", name="Tìm").click()
    page.get_by_role("link", name="NGUYỄN VĂN AN").click()
    picture = page.locator("img.first")
    assert picture.evaluate("image => image.naturalWidth") > 0
    expect(page.locator("a.tile")).to_have_count(CT_SLICES)
    with page.expect_response(re.compile("/rendered$")) as answer:
        page.locator("a.tile").first.click()
    assert answer.value.headers["content-type"].startswith("image/")
    context.close()


def test_an_empty_archive_says_how_to_send(browser: Browser, empty_gateway: Gateway) -> None:
    context = browser.new_context(base_url=empty_gateway.url)
    page = context.new_page()
    log_in(page)
    expect(page.get_by_role("heading", name="Chưa có ca chụp nào")).to_be_visible()
    for fact in ("BVTEST", "127.0.0.1", "11119"):
        expect(page.get_by_role("main")).to_contain_text(fact)
    context.close()
