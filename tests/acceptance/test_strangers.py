"""Invariant: a client without credentials finds the pages for logging in, for a patient's link and
for health, and nothing else - no study, no name, no version, no list of anything - at any address,
by any method, however it is written."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from pacs_gateway import __version__
from pacs_gateway.audit.acts import Verb
from storage.auditlog import Wanted
from tests.integration.web.gateway import Answer, Client, Gateway, running, sample, settings_for

OPEN = ("/healthz", "/readyz", "/login", "/static/", "/s/")
"""What anybody may have; `/s/` asks for a birth date, whatever follows it."""
REFUSALS = frozenset({303, 400, 401, 403, 404, 405, 411, 414, 422, 501})
KEPT = (b"CompressedSamples", b"1CT1", b"4MR1", b"1.3.6.1.4.1.5962", b"JFK IMAGING")
"""Words of the studies that are kept."""
WORDS = (
    *("", ".env", ".git/config", ".git/HEAD", ".htaccess", ".svn/entries", ".well-known/", "~root"),
    *("admin", "admin/", "admin/users", "admin/audit", "admin/peers", "administrator", "manage"),
    *(
        "api",
        "api/",
        "api/v1/users",
        "api/users",
        "api/tokens",
        "api/audit",
        "api/links",
        "api/keys",
    ),
    *(
        "api/docs",
        "api/openapi.json",
        "docs",
        "redoc",
        "openapi.json",
        "swagger.json",
        "swagger-ui",
    ),
    *(
        "graphql",
        "actuator",
        "actuator/env",
        "actuator/heapdump",
        "debug",
        "debug/pprof",
        "console",
    ),
    *("config", "config.json", "config.php", "configuration", "settings", "env", "server-status"),
    *("metrics", "status", "info", "version", "health", "stats", "trace", "dump", "logs", "log"),
    *("backup", "backup.zip", "backup.sql", "db.sqlite", "index.sqlite", "data/index.sqlite"),
    *("spool", "objects", "objects/v1", "cache", "data", "files", "uploads", "tmp", "downloads"),
    *("robots.txt", "sitemap.xml", "favicon.ico", "crossdomain.xml", "security.txt", "index.php"),
    *(
        "wp-login.php",
        "phpmyadmin/",
        "cgi-bin/test",
        "shell",
        "login.jsp",
        "jmx-console",
        "manager",
    ),
    *("instances", "patients", "studies", "series", "changes", "exports", "system", "modalities"),
    *("dicom-web", "dicom-web/", "dicom-web/studies", "dicom-web/series", "dicom-web/instances"),
    *("dicom-web/patients", "dicom-web/workitems", "wado", "wado-rs", "rs/studies", "stow", "qido"),
    *("dcm4chee-arc/aets", "dcm4chee-arc/ui2", "pacs", "viewer", "ohif", "ohif/", "ohif/viewer"),
    *("app-config.js", "ohif/app-config.js", "weasis", "orthanc", "ui/app", "app/explorer.html"),
    *("fhir/Patient", "fhir/metadata", "hl7", "mllp", "users", "accounts", "tokens", "sessions"),
    *(
        "shared",
        "share",
        "shares",
        "links",
        "view",
        "view?requestType=STUDY",
        "audit",
        "audit/verify",
    ),
    *(
        "s",
        "s/x/y/z",
        "static",
        "static/..",
        "static/../pyproject.toml",
        "static/%2e%2e/%2e%2e/etc",
    ),
    *("../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd"),
    *("//", "//evil.test/", "./studies", "healthz/../api/users", "healthz/..;/api/users"),
    *("login/../dicom-web/studies", "healthz%2f..%2fdicom-web%2fstudies", "%00", "healthz%00"),
    *("DICOM-WEB/STUDIES", "Dicom-Web/studies", "dicom-web;x=y/studies", "dicom-web%2fstudies"),
    *(
        "dicom-web/studies.json",
        "dicom-web/studies?token=1",
        "dicom-web/studies?access_token=admin",
    ),
    *("login/oidc", "login/oidc/callback", "login/oidc/callback?code=x&state=y&error=z"),
    *("view?requestType=STUDY&studyUID=1.2.3", "shared/download", "account", "account/password"),
    *("dicom-web/studies?username=admin&password=admin", "?debug=1", "healthz?format=full"),
)
TRICKS = (
    {"X-Original-URL": "/dicom-web/studies"},
    {"X-Rewrite-URL": "/dicom-web/studies"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1;host=localhost"},
    {"X-Forwarded-User": "admin", "Remote-User": "admin", "X-Remote-User": "admin"},
    {"X-HTTP-Method-Override": "GET"},
    {"Host": "localhost"},
    {"Host": "evil.test"},
    {"Cookie": "pacs_gateway_session=; pacs_gateway_guest="},
    {"Cookie": "pacs_gateway_session=admin; pacs_gateway_guest=admin"},
    {"Authorization": "Basic "},
    {"Authorization": "Basic Og=="},
    {"Authorization": "Basic YWRtaW46"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer null"},
    {"Authorization": "Negotiate YII="},
    {"Authorization": "Digest username=admin"},
)


@pytest.fixture(name="found", scope="module")
def fixture_found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway with studies, as somebody finds it who scans the network."""
    with running(settings_for(tmp_path_factory.mktemp("found"))) as gateway:
        files = map(sample, ("CT_small.dcm", "MR_small_implicit.dcm"))
        assert gateway.client("device").store(*files).status == 200
        yield gateway


@pytest.fixture(name="stranger")
def fixture_stranger(found: Gateway) -> Client:
    """Return somebody who is not on this machine, which may read the metrics."""
    return found.client(X_Forwarded_For="203.0.113.7")


def tells_nothing(answer: Answer) -> bool:
    """Return whether an answer says neither what is kept nor what serves it."""
    headers = str(answer.headers).lower()
    return (
        not any(word in answer.body for word in KEPT)
        and __version__.encode() not in answer.body
        and not {"server", "x-powered-by"} & {name.lower() for name in answer.headers}
        and not any(name in headers for name in ("uvicorn", "starlette", "fastapi", "python"))
    )


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/dicom+json"])
def test_nothing_is_found(stranger: Client, accept: str) -> None:
    wrong = []
    for word in WORDS:
        answer = stranger(f"/{word}", Accept=accept)
        is_open = f"/{word}".startswith(OPEN) and answer.status == 200
        leads_to_login = answer.headers.get("Location", "/login").startswith("/login")
        refused = answer.status in REFUSALS and leads_to_login
        if not (is_open or refused) or not tells_nothing(answer):
            wrong.append((word, answer.status, answer.headers.get("Location"), answer.body[:200]))
    assert wrong == []


@pytest.mark.parametrize("headers", TRICKS, ids=lambda headers: next(iter(headers.items())))
def test_no_header_opens_anything(stranger: Client, headers: dict[str, str]) -> None:
    for path in ("/dicom-web/studies", "/", "/api/session", "/studies/1.2.3"):
        answer = stranger(path, "GET", None, Accept="*/*", **headers)
        assert answer.status == 401, (path, answer.status)
        assert tells_nothing(answer)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "get"]
)
def test_no_method_opens_anything(stranger: Client, method: str) -> None:
    for path in ("/dicom-web/studies", "/", "/metrics", "/api/session", "/nothing"):
        answer = stranger(path, method, Accept="*/*")
        assert answer.status in REFUSALS, (path, answer.status)
        assert tells_nothing(answer)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET http://127.0.0.1/dicom-web/studies HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /dicom-web/studies HTTP/1.0\r\n\r\n",
        b"GET /dicom-web/studies\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        (
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n"
            b"\r\n0\r\n\r\nGET /dicom-web/studies HTTP/1.1\r\nHost: x\r\n\r\n"
        ),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00PACSGW          SCANNER         ",
    ],
)
def test_no_way_of_writing_opens_anything(found: Gateway, request_bytes: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", found.port), timeout=5)) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answered = b""
        while piece := connection.recv(65536):
            answered += piece
    assert not any(word in answered for word in KEPT)
    assert b"uvicorn" not in answered
    assert b"Traceback" not in answered
    for status in answered.split(b"HTTP/1.1 ")[1:]:
        assert int(status[:3]) in {*REFUSALS, 200}
        assert int(status[:3]) != 200 or b'"ok"' in status or b"ok" in status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login"])
def test_what_is_open_tells_nothing(stranger: Client, path: str) -> None:
    answer = stranger(path)
    assert answer.status == 200
    assert tells_nothing(answer)
    assert b"admin" not in answer.body


def test_metrics_are_for_this_machine(found: Gateway) -> None:
    assert found.client(X_Forwarded_For="203.0.113.7")("/metrics").status == 401
    answer = found.client()("/metrics")
    assert answer.status == 200
    assert f'version="{__version__}"'.encode() in answer.body
    assert not any(word in answer.body for word in KEPT)


def test_a_scan_is_told_apart_from_nobody(found: Gateway) -> None:
    """Answers to strangers are the same for what exists and for what does not."""
    connection = http.client.HTTPConnection("127.0.0.1", found.port, timeout=5)
    (kept,) = found.client("admin")("/dicom-web/studies?ModalitiesInStudy=CT").json()
    uid = kept["0020000D"]["Value"][0]
    told = set()
    for study in (uid, "1.2.3", "nonsense"):
        for path in (f"/studies/{study}", f"/dicom-web/studies/{study}/metadata"):
            connection.request("GET", path, headers={"Accept": "*/*"})
            answer = connection.getresponse()
            told.add((path.split("/")[1], answer.status, answer.read()))
    connection.close()
    assert {status for _, status, _ in told} == {401}
    assert len(told) == 2


def test_a_flood_of_forged_links_does_not_fill_the_disk(found: Gateway, stranger: Client) -> None:
    """All are refused alike; the record shows that somebody tried, and how often at first."""
    forged = [f"/view?requestType=STUDY&studyUID=1.{n}&signature=x{n}" for n in range(200)]
    assert len({(answer.status, answer.body) for answer in map(stranger, forged)}) == 1
    rows = found.archive.audit_log.count(Wanted(verb=Verb.LINK_FOLLOWED))
    assert 50 <= rows <= 100
