"""People who read with a keyboard, a screen reader or low sight can use every page (WCAG 2.2 AA).

axe finds nothing serious on any page, in either language and either theme.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext

from pacs_gateway.web.access import TABLE
from pacs_gateway.web.language import COOKIE
from tests.acceptance.gateway import PASSWORD, Gateway, running_gateway
from tests.servers import require_program

pytestmark = pytest.mark.server("chromium")

SAMPLES = Path(__file__).parents[2] / "sample_dicom"
SERIOUS = frozenset({"serious", "critical"})
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
NO_PAGES = frozenset(
    {
        *("GET /healthz", "GET /readyz", "GET /metrics", "GET /static", "GET /wado", "GET /view"),
        "GET /identity/{digest}/{name}",
        # Made by others: the documentation's own viewer, OHIF, the hospital's provider of identities.
        *("GET /ohif", "GET /ohif/{path:path}", "GET /login/oidc", "GET /login/oidc/callback"),
        # Files, and pages that only a token or a share opens (test_sharing looks at those).
        *("GET /shared/download", "GET /shared", "GET /s/{token}", "GET /admin/shares/{share_id}"),
    }
)
"""Routes of other kinds than pages."""
STUDIES = 4
"""Pages of studies that are looked at besides; they differ in little more than their rows."""
APIS = ("GET /api/", "GET /dicom-web/", "GET /fhir/")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    require_program("chromium", "apt install chromium")
    with running_gateway(tmp_path_factory.mktemp("accessible")) as gateway:
        gateway.store(path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm")))
        yield gateway


@pytest.fixture(params=[("vi", "light"), ("en", "dark")], ids="-".join)
def visit(
    request: pytest.FixtureRequest, browser: Browser, archive: Gateway
) -> Iterator[BrowserContext]:
    language, theme = request.param
    context = browser.new_context(
        base_url=archive.url,
        color_scheme=theme,
        viewport={"width": 390, "height": 844} if theme == "dark" else None,
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": COOKIE, "value": language, "url": archive.url}])
    yield context
    context.close()


def serious(context: BrowserContext, path: str) -> list[str]:
    """Return what is seriously wrong with a page, a line for each place."""
    page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("load")
    found: Mapping[str, Any] = Axe().run(page, options=RULES).response
    page.close()
    return [
        f"{path}: {violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def studies(context: BrowserContext) -> list[str]:
    found = context.request.get("/dicom-web/studies").json()
    return [study["0020000D"]["Value"][0] for study in found]


def placed(context: BrowserContext) -> str:
    """Return an order; placed again it is the same."""
    patient = {"name": "NGUYỄN^VĂN ÁNH", "identifiers": [{"value": "BN001"}]}
    order = {"placerNumber": "1", "patient": patient, "steps": [{"modality": "CT", "room": "1"}]}
    return str(context.request.post("/api/orders", data=order).json()["id"])


def addresses(study: str, order: str) -> list[str]:
    """Return an address for every page of the access table."""
    values = {"study_uid": study, "study": study, "order_id": order, "username": "admin"}
    values["day"] = "2026-11-23"
    pages = [
        route.removeprefix("GET ")
        for route in TABLE
        if route.startswith("GET ") and route not in NO_PAGES and not route.startswith(APIS)
    ]
    return [page.format(**values) for page in pages]


def test_no_page_is_seriously_hard_to_use(visit: BrowserContext) -> None:
    wrong = serious(visit, "/login")
    answer = visit.request.post("/api/session", data={"username": "admin", "password": PASSWORD})
    assert answer.ok
    uids = studies(visit)
    paths = [
        *addresses(uids[0], placed(visit)),
        "/?q=nobody",
        "/nothing",
        *(f"/studies/{uid}" for uid in uids[:STUDIES]),
    ]
    wrong += [each for path in paths for each in serious(visit, path)]
    assert wrong == [], "\n".join(wrong)
