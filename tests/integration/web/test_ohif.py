"""Invariant: the OHIF viewer is served to those who are logged in and to nobody else, only when it
is complete, and only with parameters that cannot lead it to another host."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from pacs_gateway.config import Settings
from pacs_gateway.ohif import installation, release, rewriting
from tests.integration.web.gateway import Answer, Client, Gateway, running, settings_for
from tests.ohif import APP, HASH, WASM, integrity_of, viewer_files, write_package

FOREIGN = "http://elsewhere.example/x.json"


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway with a viewer."""

    gateway: Gateway
    settings: Settings
    reader: Client


@pytest.fixture(name="served", scope="module")
def fixture_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ohif")
    settings = settings_for(folder)
    with pytest.MonkeyPatch.context() as patch:
        package = write_package(folder)
        patch.setattr(release, "INTEGRITY", integrity_of(package.read_bytes()))
        installation.install(settings, package, step=lambda *_: None)
        with running(settings) as gateway:
            yield Served(gateway, settings, gateway.client("reader"))


@pytest.mark.parametrize("path", ["/ohif", "/ohif/", "/ohif/viewer", "/ohif/app-config.js"])
def test_strangers_see_nothing(served: Served, path: str) -> None:
    assert served.gateway.client()(path).status == 401
    sent = served.gateway.client()(path, Accept="text/html")
    assert sent.status == 303
    assert sent.headers["Location"] == f"/login?next={quote(path, safe='')}"


def test_the_study_survives_the_login(served: Served) -> None:
    sent = served.gateway.client()("/ohif/viewer?StudyInstanceUIDs=1.2.3", Accept="text/html")
    assert sent.headers["Location"].endswith(quote("/viewer?StudyInstanceUIDs=1.2.3", safe=""))


def test_the_folder_has_its_slash(served: Served) -> None:
    assert served.reader("/ohif").headers["Location"] == "/ohif/"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "viewer?StudyInstanceUIDs=1.2.3",
        "viewer/dicomweb?StudyInstanceUIDs=1.2.3,4.5&hangingProtocolId=mpr",
        "viewer?StudyInstanceUIDs=1.2&StudyInstanceUIDs=3.4&initialSeriesInstanceUID=5",
        "?patientName=NGUY%E1%BB%84N&modalities=CT,MR&startDate=20260101&pageNumber=2",
        "?sortBy=studyDate&sortDirection=ascending&description=ng%E1%BB%B1c%20%26%20b%E1%BB%A5ng",
        "segmentation?studyInstanceUIDs=1.2&hangingProtocolId=@ohif/mnGrid",
        "notfoundstudy",
    ],
)
def test_the_viewers_own_addresses_are_its_page(served: Served, path: str) -> None:
    answer = served.reader(f"/ohif/{path}", Accept="text/html")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Cache-Control"] == "no-store"
    assert b'src="/ohif/app.bundle.' in answer.body


def test_the_page_may_connect_to_this_host_only(served: Served) -> None:
    policy = served.reader("/ohif/viewer").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["form-action"] == rules["base-uri"] == "'none'"
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (f"viewer?url={FOREIGN}", "viewer"),
        (f"viewer?URL={FOREIGN}&StudyInstanceUIDs=1.2", "viewer?StudyInstanceUIDs=1.2"),
        (f"?configUrl={FOREIGN}", ""),
        (f"?configurl={FOREIGN}&patientName=AN", "?patientName=AN"),
        (f"?datasources={FOREIGN}", ""),
        ("viewer?datasources=dicomjson", "viewer"),
        (f"?customization={FOREIGN}", ""),
        (f"viewer?StudyInstanceUIDs={FOREIGN}", "viewer"),
        ("viewer?StudyInstanceUIDs=../../api/session", "viewer"),
        ("viewer?StudyInstanceUIDs=1.2&lng=de", "viewer?StudyInstanceUIDs=1.2"),
        ("viewer?token=abc", "viewer"),
        ("viewer?hangingProtocolId=http://x/", "viewer"),
    ],
)
def test_parameters_that_could_lead_elsewhere_are_dropped(
    served: Served, given: str, kept: str
) -> None:
    answer = served.reader(f"/ohif/{given}", Accept="text/html")
    assert answer.status == 303
    assert answer.headers["Location"] == f"/ohif/{kept}"
    assert served.reader(answer.headers["Location"]).status == 200


def test_a_flood_of_parameters_is_refused(served: Served) -> None:
    assert served.reader("/ohif/?" + "&".join(["mrn=1"] * 300)).status == 400


@pytest.mark.parametrize(
    "path",
    [
        f"viewer/dicomjson?url={FOREIGN}",
        f"viewer/dicomwebproxy?url={FOREIGN}",
        "viewer/dicomlocal",
        "local",
        "localbasic",
        "debug",
        "microscopy/dicomweb",
        "anything/else",
        "nothing.js",
        "index.html/x",
        "sw.js/../index.html",
        "assets/",
        "a" * 300 + ".js",
        "%00.js",
        ".env",
        "../../index.sqlite",
        "%2e%2e/%2e%2e/index.sqlite",
        "assets/../../LICENSE",
        f"{APP}.gz",
        "ort/large.wasm",
        "LICENSE",
    ],
)
def test_everything_else_is_not_there(served: Served, path: str) -> None:
    assert served.reader(f"/ohif/{path}").status == 404


def test_a_reader_is_told_so_with_a_page(served: Served) -> None:
    answer = served.reader("/ohif/viewer/dicomjson", Accept="text/html")
    assert answer.status == 404
    assert "Không tìm thấy" in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "media_type", "immutable"),
    [
        (APP, "text/javascript; charset=utf-8", True),
        (f"0.bundle.{HASH}.js", "text/javascript; charset=utf-8", True),
        (WASM, "application/wasm", True),
        ("app.bundle.css", "text/css; charset=utf-8", False),
        ("assets/icon-0.png", "image/png", False),
        ("sw.js", "text/javascript; charset=utf-8", False),
    ],
)
def test_files_with_their_types_and_for_how_long(
    served: Served, path: str, media_type: str, *, immutable: bool
) -> None:
    answer = served.reader(f"/ohif/{path}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == media_type
    assert ("immutable" in answer.headers["Cache-Control"]) is immutable
    assert "private" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"
    known = served.reader(f"/ohif/{path}", If_None_Match=answer.headers["ETag"])
    assert (known.status, known.body) == (304, b"")


def file_answer(served: Served, accepted: str) -> Answer:
    return served.reader(f"/ohif/{APP}", Accept_Encoding=accepted)


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5", "deflate, gzip"])
def test_files_come_compressed(served: Served, accepted: str) -> None:
    answer = file_answer(served, accepted)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    plain = file_answer(served, "identity")
    assert gzip.decompress(answer.body) == plain.body
    assert answer.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip;q=0.000"])
def test_files_come_as_they_are_where_gzip_is_not_taken(served: Served, accepted: str) -> None:
    answer = file_answer(served, accepted)
    assert "Content-Encoding" not in answer.headers
    assert answer.body.startswith(b"\n__webpack")


def test_only_scripts_may_make_code_from_text_and_only_as_workers(served: Served) -> None:
    script = served.reader(f"/ohif/0.bundle.{HASH}.js").headers["Content-Security-Policy"]
    assert "'unsafe-eval'" in script
    assert "connect-src 'self'" in script
    for path in ("", "app.bundle.css", WASM):
        policy = served.reader(f"/ohif/{path}").headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in policy


@pytest.mark.parametrize(("cookie", "language"), [("", "vi"), ("language=en", "en-US")])
def test_the_configuration_is_made_for_the_reader(
    served: Served, cookie: str, language: str
) -> None:
    answer = served.reader("/ohif/app-config.js", Cookie=cookie)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert f"i18next={language};".encode() in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent_here(served: Served, method: str) -> None:
    assert served.gateway.client("admin")("/ohif/viewer", method).status == 405


@pytest.mark.parametrize(
    ("cookie", "words"), [("", "Chưa cài OHIF"), ("language=en", "OHIF is not installed")]
)
def test_a_gateway_without_ohif_says_how_to_install_it(
    gateway: Gateway, cookie: str, words: str
) -> None:
    answer = gateway.client("reader")("/ohif/viewer?StudyInstanceUIDs=1.2", Cookie=cookie)
    assert answer.status == 404
    page = answer.body.decode()
    assert words in page
    assert "pacs-gateway ohif install" in page
    assert release.VERSION in page


def test_a_running_gateway_notices_that_ohif_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    package = write_package(tmp_path)
    monkeypatch.setattr(release, "INTEGRITY", integrity_of(package.read_bytes()))
    with running(settings) as gateway:
        reader = gateway.client("reader")
        assert reader("/ohif/").status == 404
        installation.install(settings, package, step=lambda *_: None)
        assert reader("/ohif/").status == 200
        installation.remove(settings)
        assert reader("/ohif/").status == 404
        assert reader(f"/ohif/{APP}").status == 404


def test_every_file_of_the_package_is_served_or_left_out(served: Served) -> None:
    for path in viewer_files():
        wanted = rewriting.is_wanted(path) or path == "app-config.js"
        assert served.reader(f"/ohif/{path}").status == (200 if wanted else 404), path
