"""Protects how a modality is let in: it calls and is refused, its line is on the page, one click accepts
it, and the next call works, for no more than sending."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.instances import ct_series
from tests.integration.dimse.pacs import network_address
from tests.servers import require_program
from tests.servers.gateway import PASSWORD, GatewayPlace

TITLE = "CT_TANG2"
DCMTK = "apt install dcmtk"
PHONE_WIDTH = 390


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayPlace]:
    place = GatewayPlace(tmp_path_factory.mktemp("gateway"))
    with place.running():
        yield place


@pytest.fixture
def page(browser: Browser, place: GatewayPlace) -> Iterator[Page]:
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{place.web_port}",
        viewport={"width": PHONE_WIDTH, "height": 844},
        locale="vi-VN",
    )
    page = context.new_page()
    page.goto("/login?next=/admin/peers")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    expect(page.get_by_role("heading", name="Thiết bị DICOM")).to_be_visible()
    yield page
    context.close()


def call(place: GatewayPlace, program: str, *arguments: object) -> bool:
    """Call as the modality does, over the network; return whether it was served."""
    command = [str(require_program(program, DCMTK)), "-aet", TITLE, "-aec", "PACSGW"]
    where = [network_address(), str(place.dicom_port)]
    done = subprocess.run(
        [*command, *where, *map(str, arguments)], capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


def test_one_click_lets_a_modality_in(place: GatewayPlace, page: Page, tmp_path: Path) -> None:
    _, (file,) = ct_series(tmp_path, 1)
    assert not call(place, "echoscu")
    page.reload()
    line = page.get_by_role("row").filter(has_text=TITLE)
    button = line.get_by_role("button", name="Chấp nhận")
    # On a phone too the button is there without moving the table aside.
    box = button.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE_WIDTH
    button.click()
    expect(page.get_by_text("Không có thiết bị nào đang chờ.")).to_be_visible()
    # People take longer than this to walk back to the modality.
    time.sleep(0.6)
    assert call(place, "echoscu")
    assert call(place, "storescu", file)
    query = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    assert not call(place, "findscu", *query)


def test_a_device_is_changed_without_losing_what_was_set(place: GatewayPlace, page: Page) -> None:
    added = place.call(
        "device", "add", "MR1", "10.0.0.9", "104", "--service", "store", "--associations", "3",
        "--sop-class", "1.2.840.10008.5.1.4.1.1.4", "--tls",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    page.reload()
    page.get_by_role("link", name="MR1").click()
    page.get_by_label("Ghi chú").fill("MR tầng 1")
    page.get_by_role("button", name="Lưu").click()
    expect(page.get_by_role("row").filter(has_text="MR tầng 1")).to_be_visible()
    page.get_by_role("link", name="MR1").click()
    for label, value in (
        ("Số kết nối cùng lúc, tối đa", "3"),
        ("Chỉ các SOP class (UID)", "1.2.840.10008.5.1.4.1.1.4"),
        ("Ghi chú", "MR tầng 1"),
    ):
        expect(page.get_by_label(label)).to_have_value(value)
    chosen = page.locator("input[name=service]:checked")
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_value("store")
    expect(page.get_by_label("dùng TLS khi gửi đến thiết bị này")).to_be_checked()
