"""Invariant: an image that a device says it has made or wants kept, and that is not here, is told of
on the study until it comes; a digest is made once and reaches a mail server over TLS."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from sqlalchemy import update

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.archive.completeness import Comparison
from pacs_gateway.config import GuardSettings, MailSettings, Settings
from pacs_gateway.doctor.digest import DIGEST, MakeDigest, digest_of
from pacs_gateway.doctor.digest import to_json as to_text
from pacs_gateway.doctor.findings import to_json, wrong
from pacs_gateway.doctor.mailing import MailDigest, NotSentError
from pacs_gateway.doctor.subject import subject_of
from pacs_gateway.doctor.watch import Watch
from pacs_gateway.web.healthwords import mail_words
from storage import performed, schema
from storage.commitments import Reference
from storage.database import writing
from storage.digests import StoredDigest
from storage.health import BACKUP, DiskSample, Done, HostReport
from storage.lacks import NO_SUCH_INSTANCE
from storage.outbox import State, Work
from storage.overdue import Overdue
from storage.performed import Performed, PerformedState
from storage.records import utc_now
from tests.integration.web.gateway import Gateway, running, sample, settings_for
from tests.unit.doctor.test_certificates import certificate

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("gateway"))) as gateway:
        assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
        yield gateway


def study_of(gateway: Gateway) -> tuple[str, str]:
    found = gateway.client("admin")("/dicom-web/instances").json()[0]
    return found["0020000D"]["Value"][0], found["00080018"]["Value"][0]


def mpps(study_uid: str, *instances: str) -> Performed:
    images = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in instances]
    attributes: dict[str, Any] = {
        "00400340": {"vr": "SQ", "Value": [{"00081140": {"vr": "SQ", "Value": images}}]}
    }
    return Performed(
        uid=generate_uid(),
        state=PerformedState.COMPLETED,
        ae_title="CT1",
        study_uid=study_uid,
        attributes=attributes,
        changed_at=utc_now(),
    )


def settle(gateway: Gateway) -> None:
    """Make the study look as if nothing came lately."""
    with writing(gateway.archive.engine) as connection:
        earlier = utc_now() - timedelta(hours=30)
        connection.execute(update(schema.studies).values(last_received=earlier))


def test_what_a_device_made_and_did_not_send_is_told(gateway: Gateway) -> None:
    study_uid, uid = study_of(gateway)
    archive = gateway.archive
    comparison = Comparison(archive.lacks)
    step = mpps(study_uid, uid, "1.2.3.4", "1.2.3.5")
    with writing(archive.engine) as connection:
        performed.add(connection, step)
    comparison.look(utc_now())
    (lack,) = archive.lacks.of([study_uid])[study_uid]
    assert (lack.ae_title, lack.missing) == ("CT1", 2)
    settle(gateway)
    page = gateway.client("admin")(f"/studies/{study_uid}").body.decode()
    assert "CT1 báo đã chụp thêm 2 ảnh" in page
    listed = gateway.client("admin")("/").body.decode()
    assert "thiếu ảnh" in listed
    assert "chờ 30 giờ" in listed
    with writing(archive.engine) as connection:
        performed.change(connection, replace(step, attributes=mpps(study_uid, uid).attributes))
    comparison.look(utc_now() + timedelta(hours=2))
    assert archive.lacks.of([study_uid]) == {}


def test_what_was_to_be_kept_and_never_came_is_told(gateway: Gateway) -> None:
    study_uid, uid = study_of(gateway)
    archive = gateway.archive
    now = utc_now()
    for known, missing in (([uid], 3), ([], 2)):
        references = [
            Reference(CT, each)
            for each in (*known, *(f"1.9.{missing}.{n}" for n in range(missing)))
        ]
        request = archive.commitments.ask(
            "dimse:MR7", generate_uid(), references, now=now, failure_if_taken=0x0131
        )
        outcomes = {
            n: 0 if each.sop_instance_uid == uid else NO_SUCH_INSTANCE
            for n, each in enumerate(references)
        }
        archive.commitments.note(request.id, outcomes)
        assert archive.commitments.decide(request, report_at=None, now=now)
    Comparison(archive.lacks).look(utc_now())
    (lack,) = archive.lacks.of([study_uid])[study_uid]
    assert (lack.ae_title, lack.missing) == ("MR7", 3)
    assert Overdue(archive.engine).lost() == 2
    assert Overdue(archive.engine).incomplete(since=now - timedelta(days=9), before=utc_now()) == 1


def test_a_digest_counts_what_the_day_before_brought(gateway: Gateway) -> None:
    archive = gateway.archive
    now = utc_now()
    make = MakeDigest(Overdue(archive.engine), archive.health, archive.digests, archive.settings)
    digest = make.of(now.astimezone().date() + timedelta(days=1), now)
    assert digest.studies == 1
    assert digest.modalities == {"CT": 1}
    day = now.astimezone().date().isoformat()
    archive.digests.keep(StoredDigest(day, now, to_text(digest)), None)
    page = gateway.client("admin")("/admin/digest").body.decode()
    assert "Nhận 1 ca (CT 1)" in page
    assert gateway.client("admin")(f"/admin/digest/{day}").status == 200
    assert gateway.client("admin")("/admin/digest/2020-01-01").status == 404


def test_an_alarm_is_on_the_pages_of_staff_only(gateway: Gateway) -> None:
    archive = gateway.archive
    found = [wrong("disk", "days", path="/data", free="9 GB", room="4 GB", days=2)]
    archive.health.report(HostReport("pacs2 /data", utc_now(), to_json(found)))
    gateway.services.alarms.read()
    assert "chỉ đủ cho 2 ngày" in gateway.client("operator")("/").body.decode()
    assert "chỉ đủ cho 2 ngày" not in gateway.client("doctor")("/").body.decode()
    page = gateway.client("admin")("/admin/health").body.decode()
    assert "pacs2 /data" in page
    assert "chỉ đủ cho 2 ngày" in page
    assert "Đã ghi, đọc lại và xóa thử" in page
    old = utc_now() - timedelta(hours=3)
    archive.health.report(HostReport("pacs2 /data", old, to_json([])))
    gateway.services.alarms.read()
    assert "phút không báo về" in gateway.client("operator")("/").body.decode()
    assert gateway.client("operator")("/admin/health").status == 403


@contextmanager
def opened(folder: Path, **sections: Any) -> Iterator[Archive]:
    settings = Settings(data_dir=folder, **sections)
    prepare_database(settings)
    archive = open_archive(settings)
    try:
        yield archive
    finally:
        archive.close()


def test_a_host_is_examined_and_its_disk_measured(tmp_path: Path) -> None:
    with opened(tmp_path, guard=GuardSettings(digest_hour=6)) as archive:
        subject = subject_of(archive, thorough=False)
        watch = Watch(subject, archive.outbox, archive.digests, Comparison(archive.lacks))
        watch.look()
        watch.look()
        (report,) = archive.health.reports()
        assert report.host == subject.host
        assert len(archive.health.samples(subject.host, "data")) == 1
        (work,) = archive.outbox.tasks([State.WAITING], limit=9)
        assert work.kind == DIGEST
        now = utc_now()
        for days, used in ((29, 0), (0, 10**18)):
            sample_of = DiskSample(now - timedelta(days=days), used)
            archive.health.sample(
                subject.host, "data", sample_of, keep_since=now - timedelta(days=30)
            )
        watch.look()
        (report,) = archive.health.reports()
        assert '"days": 0' in report.findings
        assert archive.health.last(BACKUP) is None
        archive.health.note(BACKUP, Done(now, passed=True))
        watch.look()
        assert '"check": "backup", "state": "ok"' in archive.health.reports()[0].findings


@dataclass
class Mailbox:
    """A mail server that speaks just enough SMTP (RFC 5321) over TLS."""

    folder: Path
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[int]:
        file = self.folder / "mail.pem"
        ends = utc_now() + timedelta(days=30)
        file.write_bytes(certificate(ends, host="localhost", with_key=True))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        box = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box.talk(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            def get_request(self) -> Any:
                connection, address = super().get_request()
                return context.wrap_socket(connection, server_side=True), address

        with Server(("127.0.0.1", 0), Conversation) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_address[1]
            server.shutdown()

    def talk(self, asks: Any, answers: Any) -> None:
        answers.write(b"220 here\r\n")
        while line := asks.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                answers.write(b"354 go on\r\n")
                text = b""
                while (part := asks.readline()) != b".\r\n":
                    text += part
                self.messages.append(text.decode())
            answers.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            if word == "QUIT":
                return


def test_a_digest_is_made_once_and_sent(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    with box.serving() as port:
        mail = MailSettings(
            host="localhost",
            port=port,
            security="tls",
            recipients=("head@hospital.vn",),
            ca=tmp_path / "mail.pem",
            deadline_s=10,
        )
        with opened(tmp_path / "data", mail=mail, language="en") as archive:
            day = date.today().isoformat()  # noqa: DTZ011 - the hospital's day
            make = MakeDigest(
                Overdue(archive.engine), archive.health, archive.digests, archive.settings
            )
            archive.outbox.put_once(
                Work(kind=DIGEST, about=day, due_at=utc_now(), key=f"{DIGEST} {day}"), now=utc_now()
            )
            (task,) = archive.outbox.due(utc_now(), limit=9)
            make(task)
            make(task)
            (stored,) = archive.digests.latest(9)
            assert digest_of(stored).studies == 0
            archive.outbox.done(task, now=utc_now())
            (mailing,) = archive.outbox.due(utc_now(), limit=9)
            MailDigest(archive.digests, mail, mail_words(archive.settings))(mailing)
            assert "0 studies came" in box.messages[0]
            assert "head@hospital.vn" in box.messages[0]
            unknown = mail.model_copy(update={"ca": None})
            with pytest.raises(NotSentError, match="check the settings under mail"):
                MailDigest(archive.digests, unknown, mail_words(archive.settings))(mailing)
            assert len(box.messages) == 1


def test_programs_are_told_the_same(gateway: Gateway) -> None:
    (here,) = (
        each
        for each in gateway.client("admin")("/api/health").json()
        if each["host"] == gateway.services.subject.host
    )
    assert ("objects", "fine") in {(each["check"], each["code"]) for each in here["findings"]}
    assert gateway.client("operator")("/api/health").status == 403
