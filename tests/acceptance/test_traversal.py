"""Invariant (T28): 300 times a path is given where a UID, a file name or an identifier belongs, and
nothing is read or written outside of the data folder, and nothing in it is named by a stranger."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance.day import image
from tests.integration.web.gateway import DICOM_TYPE, Gateway, running, settings_for

STUDY = "1.2.826.0.1.5"
CANARY = "BEGIN CANARY OUTSIDE"
TARGETS = ("canary.txt", "etc/passwd", "index.sqlite", "data/index.sqlite", "x")
WAYS = (
    "../{}",
    "../../{}",
    "../" * 12 + "{}",
    "..\\{}",
    "....//{}",
    "/{}",
    "//{}",
    "./{}",
    "%2e%2e%2f{}",
    "%252e%252e%252f{}",
    "..%c0%af{}",
    "1.2/../../{}",
    "1.2/{}",
    "{}\0.dcm",
    "file:///{}",
)
PATHS = tuple(way.format(target) for way in WAYS for target in TARGETS)
NAME = re.compile(r"[A-Za-z0-9._-]+")
"""What the gateway itself names files."""


@pytest.fixture(name="outside", scope="module")
def fixture_outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file in it that nobody asked to be served."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "canary.txt").write_text(CANARY)
    return folder


@pytest.fixture(name="gateway", scope="module")
def fixture_gateway(outside: Path) -> Iterator[Gateway]:
    with running(settings_for(outside / "data")) as gateway:
        assert gateway.client("device").store(image(STUDY)).status == 200
        yield gateway


def addresses(path: str) -> Iterator[tuple[str, str]]:
    """Yield what is asked with a path in the place of something else."""
    series = f"/dicom-web/studies/{STUDY}/series"
    for spelt in {path, quote(path, safe=""), quote(path)}:
        yield from (
            ("GET", f"/dicom-web/studies/{spelt}/metadata"),
            ("GET", f"{series}/{spelt}/instances/{spelt}"),
            ("GET", f"/static/{spelt}"),
            ("GET", f"/ohif/{spelt}"),
        )
    yield from (
        ("GET", f"/wado?requestType=WADO&studyUID={quote(path)}&seriesUID=1&objectUID=1"),
        ("GET", f"/dicom-web/studies?StudyInstanceUID={quote(path)}"),
        ("POST", f"/dicom-web/studies/{quote(path, safe='')}"),
        ("DELETE", f"/dicom-web/studies/{quote(path, safe='')}"),
        ("POST", f"/api/deletions/{quote(path, safe='')}/restore"),
    )


@pytest.mark.parametrize("way", WAYS)
def test_no_address_leads_out(gateway: Gateway, way: str) -> None:
    client = gateway.client("admin")
    for target in TARGETS:
        for method, address in addresses(way.format(target)):
            if re.search(r"[\x00-\x20]", address):
                continue
            answer = client(address, method)
            assert answer.status < 500, (method, address)
            assert CANARY.encode() not in answer.body
            assert b"root:" not in answer.body
            assert b"SQLite format 3" not in answer.body


def test_no_name_of_a_stranger_becomes_a_file(gateway: Gateway, outside: Path) -> None:
    client = gateway.client("device")
    for number, path in enumerate(PATHS):
        uid = f"{STUDY}.{1000 + number}".encode()
        content = image(uid.decode())
        hostile = path.encode()[: len(uid)].ljust(len(uid), b"\0")
        assert uid in content
        for file in (content, content.replace(uid, hostile)):
            head = (
                "--part\r\nContent-Type: application/dicom\r\n"
                f"Content-Location: {quote(path)}\r\n"
                f'Content-Disposition: attachment; filename="{quote(path)}"\r\n\r\n'
            )
            body = head.encode() + file + b"\r\n--part--\r\n"
            answer = client("/dicom-web/studies", "POST", body, Content_Type=DICOM_TYPE)
            assert answer.status in (200, 202, 409), answer.body
    assert {each.name for each in outside.iterdir()} == {"canary.txt", "data"}
    assert (outside / "canary.txt").read_text() == CANARY
    written = [each for each in (outside / "data").rglob("*") if not each.is_symlink()]
    assert len(written) > len(PATHS)
    assert [each for each in written if not NAME.fullmatch(each.name)] == []
    assert not list((outside / "data").rglob("*passwd*"))


def test_they_are_as_many_as_promised() -> None:
    assert len({address for path in PATHS for address in addresses(path)}) >= 300
