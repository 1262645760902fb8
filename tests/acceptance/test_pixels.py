"""Frames reach viewers whole, once, in time and within their memory, and are painted as the server does.

The scripts run in a real browser, against the real server; Chromium's own decoder of PNG is the judge.
"""

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.acceptance.gateway import PASSWORD, Gateway, running_gateway
from tests.acceptance.studies import AN, CT_SLICES, DUC, study_uid
from tests.corpus import corpus_files
from tests.javascript import require_bundle
from tests.servers import require_program

pytestmark = pytest.mark.server("chromium")

JUDGE = Path(__file__).with_name("pixels.js").read_text("utf-8")
SAMPLES = Path(__file__).parents[2] / "sample_dicom"

SETTING = """
  const { openStudy } = await import(`${root}/js/lib/display.js`);
  const { PixelSource } = await import(`${root}/js/pixels/source.js`);
  const study = await openStudy(uid);
  const frames = study.series[0].stacks[0].frames;
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 400));
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the sample studies, and the corpus where it is."""
    require_program("chromium", "apt install chromium")
    with running_gateway(tmp_path_factory.mktemp("pixels")) as gateway:
        gateway.store(path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm")))
        yield gateway


@pytest.fixture
def page(browser: Browser, archive: Gateway) -> Iterator[Page]:
    yield from opened(browser, archive)


@pytest.fixture
def small(browser: Browser, gateway: Gateway) -> Iterator[Page]:
    yield from opened(browser, gateway)


def opened(browser: Browser, gateway: Gateway) -> Generator[Page, None, None]:
    context = browser.new_context(base_url=gateway.url)
    page = context.new_page()
    page.goto("/login")
    answer = page.request.post("/api/session", data={"username": "admin", "password": PASSWORD})
    assert answer.ok
    yield page
    context.close()


def root_of(page: Page) -> str:
    """Return the address of the static files."""
    style: str = page.evaluate("document.querySelector('link[rel=stylesheet]').href")
    return style.rsplit("/css", 1)[0]


def judged(page: Page, *, compressed: bool) -> Mapping[str, str]:
    found = page.request.get("/dicom-web/studies?limit=500").json()
    uids = [study["0020000D"]["Value"][0] for study in found]
    answers: dict[str, str] = {}
    for uid in uids:
        answers |= dict(page.evaluate(JUDGE, [root_of(page), [uid], compressed]))
    return answers


def run(page: Page, uid: str, script: str) -> Any:
    return page.evaluate(f"async ([root, uid]) => {{{SETTING}{script}}}", [root_of(page), uid])


@pytest.mark.parametrize("compressed", [False, True])
def test_samples_are_painted_as_the_server_does(page: Page, compressed: bool) -> None:
    if compressed:
        require_bundle()
    found = judged(page, compressed=compressed)
    assert Counter(found.values())["same"] > 10
    assert set(found.values()) == {"same", "drawn"}


def test_the_corpus_is_painted_as_the_server_does(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_gateway(tmp_path_factory.mktemp("corpus")) as gateway:
        gateway.offer(path.read_bytes() for path in corpus_files().values())
        pages = opened(browser, gateway)
        found = judged(next(pages), compressed=True)
        pages.close()
    assert Counter(found.values())["same"] > 100
    assert set(found.values()) <= {"same", "drawn", "neither"}


def test_a_frame_is_fetched_once_however_many_ask(small: Page) -> None:
    asked: list[str] = []
    small.on("request", lambda request: asked.append(request.url))
    same = run(
        small,
        study_uid(AN),
        """
  const source = new PixelSource({ maxBytes: 1e8, compressed: false });
  source.ahead(frames);
  const [one, other] = await Promise.all([source.load(frames[0]), source.load(frames[0], 1)]);
  await source.load(frames[0]);
  await quiet();
  return one === other && source.peek(frames[0]) === one && frames.every((frame) => source.peek(frame));
""",
    )
    assert same
    frames = [url for url in asked if "/frames/" in url]
    assert len(frames) == len(set(frames)) == CT_SLICES


def test_what_is_on_screen_overtakes_what_is_read_ahead(small: Page) -> None:
    order = run(
        small,
        study_uid(AN),
        """
  const source = new PixelSource({ maxBytes: 1e8, compressed: false });
  const began = [];
  const fetched = source.fetch.bind(source);
  source.fetch = (frame, signal) => { began.push(frame.index); return fetched(frame, signal); };
  source.running = 5;
  source.ahead(frames);
  const shown = source.load(frames[4]);
  source.running = 0;
  await shown;
  return began[0];
""",
    )
    assert order == 4


def test_what_nobody_wants_any_more_is_cancelled(small: Page) -> None:
    small.route("**/frames/**", lambda _: None)
    waiting = run(
        small,
        study_uid(AN),
        """
  const source = new PixelSource({ maxBytes: 1e8, compressed: false });
  source.ahead(frames);
  const asked = source.load(frames[1]).catch((error) => error.name);
  await quiet();
  const before = source.jobs.size;
  source.ahead([]);
  await quiet();
  const after = [...source.jobs.keys()];
  source.close();
  return [before, after, frames[1].key, await asked];
""",
    )
    assert waiting[0] >= 4
    assert waiting[1] == [waiting[2]]
    assert waiting[3] == "AbortError"


def test_memory_stays_within_its_limit(small: Page) -> None:
    kept = run(
        small,
        study_uid(AN),
        """
  const [frame] = frames;
  const source = new PixelSource({ maxBytes: frame.rows * frame.columns * 2 * 2, compressed: false });
  source.ahead(frames);
  await quiet();
  const ahead = frames.filter((each) => source.peek(each)).length;
  for (const each of frames) await source.load(each);
  return [ahead, source.cache.frames.size, source.cache.bytes <= source.cache.maxBytes];
""",
    )
    assert kept == [2, 2, True]


def kind_of_trouble(page: Page) -> str:
    kind: str = run(
        page,
        study_uid(AN),
        """
  const source = new PixelSource({ maxBytes: 1e8, compressed: false });
  return source.load(frames[0]).then(() => "none", (error) => error.kind);
""",
    )
    return kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "expired"), (403, "refused"), (404, "gone"), (422, "unreadable"), (503, "busy")],
)
def test_every_refusal_has_its_sentence(small: Page, status: int, kind: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=status, body="{}")

    small.route("**/frames/**", refuse)
    assert kind_of_trouble(small) == kind
    for language in ("vi", "en"):
        locales = SAMPLES.parent / "viewer" / "locales" / f"{language}.json"
        assert json.loads(locales.read_text("utf-8"))[f"trouble.{kind}"]


def test_a_broken_line_is_told_from_a_broken_frame(small: Page) -> None:
    small.route("**/frames/**", lambda route: route.abort())
    assert kind_of_trouble(small) == "offline"
    small.unroute("**/frames/**")
    small.route("**/frames/**", lambda route: route.fulfill(status=200, body="short"))
    assert kind_of_trouble(small) == "unreadable"


def test_a_broken_frame_leaves_its_neighbours(small: Page) -> None:
    found = run(
        small,
        study_uid(DUC),
        """
  const source = new PixelSource({ maxBytes: 1e8, compressed: false });
  const all = study.series.flatMap(({ stacks }) => stacks.flatMap((stack) => stack.frames));
  return Promise.all(all.map((frame) => source.load(frame).then(() => "there", (error) => error.kind)));
""",
    )
    assert Counter(found) == {"there": 2, "unreadable": 1}
