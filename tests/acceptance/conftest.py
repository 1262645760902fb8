"""A real browser in front of the real web part: SQLite, files, a free port.

Studies come in by the one write path, so that a page shows what a modality would have sent.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.acceptance.gateway import Gateway, running_gateway
from tests.acceptance.studies import sample_files
from tests.servers import require_program

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


WEBGL_ARGUMENTS = (
    *(each for each in CHROMIUM_ARGUMENTS if each != "--disable-gpu"),
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
"""WebGL 2 in software, as machines without a graphics card have it."""
WITHOUT_WEBGL = (*CHROMIUM_ARGUMENTS, "--disable-3d-apis")


# Not for the whole session: playwright keeps an event loop running in this thread until it ends,
# and tests of other files run loops of their own.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    yield from _launched(playwright, CHROMIUM_ARGUMENTS)


@pytest.fixture(scope="module")
def gl_browser(playwright: Playwright) -> Iterator[Browser]:
    yield from _launched(playwright, WEBGL_ARGUMENTS)


@pytest.fixture(scope="module")
def plain_browser(playwright: Playwright) -> Iterator[Browser]:
    yield from _launched(playwright, WITHOUT_WEBGL)


def _launched(playwright: Playwright, arguments: Sequence[str]) -> Iterator[Browser]:
    chromium = require_program("chromium", "apt install chromium")
    browser = playwright.chromium.launch(executable_path=chromium, args=list(arguments))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        gateway.store(sample_files(datetime.now(UTC).astimezone().date()))
        yield gateway


@pytest.fixture(scope="session")
def empty_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("empty")) as gateway:
        yield gateway
