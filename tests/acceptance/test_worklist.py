"""People work with the list while studies arrive: nothing moves under their pointer or focus, and
whoever only looks on sees the newest by themselves."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pydicom.uid import generate_uid

from tests.acceptance.gateway import PASSWORD, Gateway, running_gateway
from tests.acceptance.studies import ct_file

pytestmark = pytest.mark.server("chromium")

TODAY = datetime.now(UTC).astimezone().date()
NEWS = 15_000
"""Milliseconds within which arrivals must show; 3 s of them are the pause between two looks."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("worklist")) as gateway:
        gateway.store(a_study(number) for number in range(1, 61))
        yield gateway


def a_study(number: int, *, name: str = "", days_ago: int | None = None) -> bytes:
    """Return a study of one image; the higher its number, the longer ago."""
    day = TODAY - timedelta(days=number if days_ago is None else days_ago)
    return ct_file((name or f"BỆNH^NHÂN {number:03}", f"BN{number:06}", "19700101", "F"), day)


@pytest.fixture(scope="module")
def login(browser: Browser, hospital: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log in once; the session is shared."""
    context = browser.new_context(base_url=hospital.url)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Tên đăng nhập").fill("admin")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    expect(page.get_by_role("heading", name="Ca chụp")).to_be_visible()
    path = tmp_path_factory.mktemp("login") / "state.json"
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def page(browser: Browser, hospital: Gateway, login: Path) -> Iterator[Page]:
    """The list, on a desk."""
    context = browser.new_context(
        base_url=hospital.url,
        storage_state=login,
        viewport={"width": 1920, "height": 940},
        color_scheme="light",
    )
    page = context.new_page()
    complaints: list[str] = []

    def note(text: str) -> None:
        # The browser itself reports what is refused once the session has ended.
        if "status of 401" not in text:
            complaints.append(text)

    page.on("console", lambda message: note(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    yield page
    context.close()
    assert complaints == []


def first_name(page: Page) -> str:
    return page.locator("a.row-link").first.inner_text()


def test_a_desk_shows_twelve_studies_without_scrolling(page: Page) -> None:
    row = page.locator("tr[data-uid]").nth(11).bounding_box()
    assert row is not None
    assert row["y"] + row["height"] <= 940


def test_keys_search_walk_and_turn_pages(page: Page) -> None:
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"after="))
    page.wait_for_load_state()
    assert first_name(page) == "BỆNH NHÂN 051"
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile(r"before="))
    page.wait_for_load_state()
    assert first_name(page) == "BỆNH NHÂN 001"
    page.keyboard.press("/")
    box = page.get_by_role("searchbox")
    expect(box).to_be_focused()
    box.type("n/p 007")
    expect(box).to_have_value("n/p 007")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("a.row-link").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/studies/[0-9.]+\?list="))


def test_columns_put_the_list_in_their_order(page: Page) -> None:
    page.get_by_role("columnheader", name="Bệnh nhân").get_by_role("link").click()
    expect(page).to_have_url(re.compile("sort=name"))
    header = page.get_by_role("columnheader", name="Bệnh nhân")
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.get_by_role("link").click()
    expect(page).to_have_url(re.compile("sort=-name"))
    assert first_name(page) == "BỆNH NHÂN 060"


def test_single_fields_and_states_narrow_the_list(page: Page) -> None:
    page.get_by_text("Thêm bộ lọc").click()
    page.get_by_label("Mã bệnh nhân", exact=True).fill("bn000012")
    page.get_by_label("Trạng thái").select_option("Chưa đọc")
    page.get_by_role("button", name="Tìm").click()
    expect(page.locator("#count")).to_have_text("1 ca chụp")
    assert first_name(page) == "BỆNH NHÂN 012"
    expect(page.get_by_label("Mã bệnh nhân", exact=True)).to_have_value("bn000012")


def test_a_theme_is_chosen_and_stays(page: Page) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.get_by_title("Giao diện sáng hoặc tối").click()
    page.get_by_role("button", name="Tối").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert ground() != light
    page.emulate_media(color_scheme="dark")
    page.get_by_title("Giao diện sáng hoặc tối").click()
    page.get_by_role("button", name="Sáng").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert ground() == light


def test_a_new_study_waits_while_somebody_works_and_is_shown_when_asked_for(
    page: Page, hospital: Gateway
) -> None:
    link = page.locator("a.row-link").nth(2)
    link.focus()
    held = link.inner_text()
    place = link.bounding_box()
    hospital.store([a_study(801, days_ago=0)])
    button = page.get_by_role("status").get_by_role("button", name=re.compile("^1 ca mới . hiện$"))
    expect(button).to_be_visible(timeout=NEWS)
    expect(link).to_be_focused()
    assert (link.inner_text(), link.bounding_box()) == (held, place)
    button.click()
    expect(page.locator("a.row-link").first).to_have_text("BỆNH NHÂN 801")
    expect(page.locator("a.row-link").first).to_be_focused()
    expect(page.locator("#news")).to_be_empty()
    assert page.locator("tr[data-uid]").count() == 50


def test_who_only_looks_on_sees_the_newest_by_themselves(page: Page, hospital: Gateway) -> None:
    page.mouse.move(600, 20)
    hospital.store([a_study(802, days_ago=0)])
    name = page.get_by_role("link", name="BỆNH NHÂN 802")
    expect(page.locator("tr[data-uid]").filter(has=name)).to_be_visible(timeout=NEWS)
    expect(page.locator("#news")).to_be_empty()


def test_a_row_is_brought_up_to_date_in_place(page: Page, hospital: Gateway) -> None:
    page.goto("/?q=BN000030")
    row = page.locator("tr[data-uid]")
    link = row.locator("a.row-link")
    link.focus()
    expect(row.locator(".c-size")).to_contain_text("1 ảnh")
    identity = ("BỆNH^NHÂN 030", "BN000030", "19700101", "F")
    day = TODAY - timedelta(days=30)
    hospital.store([ct_file(identity, day, instance=generate_uid())])
    expect(row.locator(".c-size")).to_contain_text("2 ảnh", timeout=NEWS)
    expect(row.locator(".c-status")).to_contain_text("Đang nhận ảnh")
    expect(link).to_be_focused()


def test_people_whose_names_differ_in_marks_only_are_told_apart(
    page: Page, hospital: Gateway
) -> None:
    hospital.store([a_study(901, name="LÊ^THỊ HẠ"), a_study(902, name="LÊ^THỊ HÀ")])
    page.goto("/?q=le+thi+ha")
    link = page.get_by_role("link", name="LÊ THỊ HÀ", exact=True)
    warning = page.locator("tr[data-uid]").filter(has=link).get_by_text("Dễ nhầm tên")
    expect(warning).to_be_visible()
    assert "LÊ THỊ HẠ (BN000901)" in str(warning.get_attribute("title"))
    page.goto("/?" + "q=Hà&by=name")
    assert first_name(page) == "LÊ THỊ HÀ"


def test_a_list_whose_session_ended_says_so(page: Page, hospital: Gateway) -> None:
    page.context.clear_cookies()
    hospital.store([a_study(803, days_ago=0)])
    expect(page.locator("#news")).to_contain_text("Phiên làm việc đã hết", timeout=NEWS)
    assert first_name(page).startswith("BỆNH NHÂN")
