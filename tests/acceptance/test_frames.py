"""Invariant: in a real browser a page of the EMR that the settings name may show the gateway in a
frame, and a page of anybody else gets an empty one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.integration.web.gateway import running, settings_for
from tests.servers import free_port

pytestmark = pytest.mark.server("chromium")


@contextmanager
def framing(gateway_port: int, port: int) -> Iterator[None]:
    """Serve a page that shows the gateway in a frame."""
    page = f"<iframe src=http://127.0.0.1:{gateway_port}/login></iframe>".encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("localhost", port), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("named", [True, False], ids=["the EMR", "somebody else"])
def test_only_the_emr_shows_us_in_a_frame(browser: Browser, tmp_path: Path, named: bool) -> None:
    port = free_port()
    emr = f"http://localhost:{port if named else port + 1}"
    settings = settings_for(tmp_path, frame_origins=(emr,))
    with running(settings) as gateway, framing(gateway.port, port):
        page = browser.new_page()
        page.goto(f"http://localhost:{port}/", wait_until="load")
        framed = page.frames[1]
        shown = framed.url.endswith("/login") and framed.locator("input").count() > 0
        page.close()
    assert shown is named
