"""A real browser in front of the real web part: SQLite, files, a free port.

Studies come in by the one write path, so that a page shows what a modality would have sent.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, sync_playwright

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


# Not for the whole session: playwright keeps an event loop running in this thread until it ends,
# and tests of other files run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require_program("chromium", "apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_ARGUMENTS)
        )
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
