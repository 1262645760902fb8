"""The list of studies over HTTP: arrivals reach everybody who listens with one question to the
database, neighbours stay within reach, and a study is read once a radiologist opened it."""

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from pacs_gateway.config import HospitalSettings
from pacs_gateway.web.arrivals import Arrivals
from storage.errors import UnavailableError
from tests.integration.web.gateway import Client, Gateway, running, sample, settings_for
from tests.servers import wait_until

CT = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
MR = "1.3.6.1.4.1.5962.1.2.4.20040826185059.5457"
NEWS = "/api/worklist/arrivals"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("worklist")
    (folder / "logo.png").write_bytes(PNG)
    settings = settings_for(folder, arrivals_poll_s=0.1, arrivals_stream_s=4, max_listeners=2)
    identity = HospitalSettings(name="Bệnh viện <Thử>", logo=folder / "logo.png", accent="#1d4ed8")
    with running(settings.model_copy(update={"hospital": identity})) as gateway:
        yield gateway


@contextmanager
def listening(gateway: Gateway, user: str = "reader") -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        connection.request("GET", NEWS, headers=gateway.client(user).headers)
        with connection.getresponse() as response:
            yield response


def listeners(gateway: Gateway) -> int:
    return len(gateway.services.arrivals._listeners)


def test_arrivals_reach_whoever_listens_and_the_stream_ends(hospital: Gateway) -> None:
    with listening(hospital) as first, listening(hospital, "doctor") as second:
        assert first.headers["Content-Type"].startswith("text/event-stream")
        assert first.readline() == second.readline() == b"retry: 2000\n"
        hospital.client("device").store(sample("CT_small.dcm"))
        for stream in (first, second):
            rest = stream.read()
            # It ended by itself, and told that something came but not what.
            assert b"event: arrived\ndata:\n\n" in rest
            assert CT.encode() not in rest
    assert wait_until(lambda: listeners(hospital) == 0)
    assert hospital.services.arrivals._watcher is None


def test_no_more_listen_than_may_and_who_leaves_makes_room(hospital: Gateway) -> None:
    with listening(hospital) as first, listening(hospital):
        first.readline()
        assert wait_until(lambda: listeners(hospital) == 2)
        assert hospital.client("reader")(NEWS).status == 503
    assert wait_until(lambda: listeners(hospital) == 0)


def test_strangers_hear_nothing(hospital: Gateway) -> None:
    assert hospital.client()(NEWS).status == 401
    assert hospital.client()("/api/worklist/neighbours?study=1.2").status == 401


def test_one_question_answers_every_listener_and_a_failure_is_no_news() -> None:
    asked: list[float] = []
    moment = datetime(2026, 11, 23, tzinfo=UTC)

    def latest() -> datetime:
        asked.append(time.monotonic())
        if len(asked) == 2:
            raise UnavailableError("away")
        return moment + timedelta(seconds=len(asked) // 4)

    async def listen() -> None:
        arrivals = Arrivals(latest, every_s=0.02, at_most=100)
        with arrivals.listen() as one, arrivals.listen() as other:
            await asyncio.wait_for(asyncio.gather(one.wait(), other.wait()), 5)
            assert len(asked) == 4
        arrivals.close()
        assert arrivals.full

    asyncio.run(listen())


def neighbours(client: Client, study: str, listed: str = "") -> dict[str, object]:
    answer = client(f"/api/worklist/neighbours?study={quote(study)}&list={quote(listed)}")
    assert answer.status == 200, answer.body
    found: dict[str, object] = json.loads(answer.body)
    return found


def test_neighbours_are_those_of_the_list_within_reach(hospital: Gateway) -> None:
    hospital.client("device").store(sample("CT_small.dcm"), sample("MR_small.dcm"))
    reader = hospital.client("reader")
    assert neighbours(reader, MR) == {"previous": None, "next": CT, "place": 1, "total": 2}
    assert neighbours(reader, CT)["previous"] == MR
    assert neighbours(reader, CT, "sort=-date")["next"] == MR
    assert neighbours(reader, CT, "modality=CT") == {
        "previous": None,
        "next": None,
        "place": 1,
        "total": 1,
    }
    for unknown in ("' OR 1=1", "", "1.2.3"):
        assert neighbours(reader, unknown)["next"] is None
    assert neighbours(hospital.client("doctor"), CT)["next"] is None
    assert neighbours(reader, CT, "q=khong+co")["next"] is None


@pytest.mark.parametrize("listed", ["a" * 3000, "&".join("a=1" for _ in range(60))])
def test_a_list_that_is_none_is_refused(hospital: Gateway, listed: str) -> None:
    path = f"/api/worklist/neighbours?study={CT}&list={quote(listed)}"
    assert hospital.client("reader")(path).status in (400, 422)


def test_a_study_is_read_once_a_radiologist_opened_it(hospital: Gateway) -> None:
    hospital.client("device").store(sample("MR_small.dcm"))
    read = "/?status=read"
    for user, status in (("operator", False), ("admin", False), ("reader", True)):
        client = hospital.client(user)
        assert client(f"/studies/{MR}").status == 200
        assert (MR in client(read).body.decode()) is status
    assert f"/studies/{MR}?list=status%3Dread" in hospital.client("reader")(read).body.decode()


def test_pages_bear_the_hospitals_name_logo_and_colours(hospital: Gateway) -> None:
    page = hospital.client()("/login").body.decode()
    assert "Bệnh viện &lt;Thử&gt;" in page
    identity = hospital.client()
    paths = [part.split('"')[0] for part in page.split('"/identity/')[1:]]
    assert len(set(paths)) == 2
    for path in set(paths):
        answer = identity(f"/identity/{path}")
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        if path.endswith("logo"):
            assert (answer.body, answer.headers["Content-Type"]) == (PNG, "image/png")
        else:
            assert b"--accent: #1d4ed8" in answer.body
        again = identity(f"/identity/{path}", If_None_Match=answer.headers["ETag"])
        assert again.status == 304
        assert identity(f"/identity/0{path[1:]}0").status == 404


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_a_theme_is_remembered_without_scripts(hospital: Gateway, theme: str) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answer = hospital.client()("/theme", "POST", f"theme={theme}&next=/login".encode(), **form)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    page = hospital.client()("/login", Cookie=cookie).body.decode()
    assert f'data-theme="{theme}"' in page


def test_an_unknown_theme_is_refused_and_a_forged_one_is_none(hospital: Gateway) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert hospital.client()("/theme", "POST", b"theme=pink", **form).status == 400
    page = hospital.client()("/login", Cookie='theme="><script>').body.decode()
    assert 'data-theme="system"' in page
