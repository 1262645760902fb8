"""The frozen settings of one gateway: defaults, then a TOML file, then the environment.

Every limit has its unit, its default and the reason for it here and nowhere else; no other
module reads the environment.
"""

import os
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pacs_gateway.access.roles import Hours, Role, Scope
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.identity import check_accent, read_logo

ENV_PREFIX = "PACS_GATEWAY_"
CONFIG_FILE_NAME = "pacs-gateway.toml"

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_ORIGIN = re.compile(r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DicomSettings(_Section):
    """The DIMSE listener."""

    host: str = "0.0.0.0"  # noqa: S104 - modalities are on the network; unknown peers are refused.
    port: int = Field(11112, ge=0, le=65535)
    ae_title: str = Field("PACSGW", min_length=1, max_length=16)
    unknown_peers: Literal["hold", "store"] = "hold"
    processes: int = Field(2, ge=1, le=32)
    """Receiver processes on the one port; two keep both cores of an old PC busy."""
    max_pdu_bytes: int = Field(128 * KIB, ge=4 * KIB, le=MIB)
    """Announced maximum PDU length; DCMTK sends up to 128 KiB, dcm4che 16 KiB."""
    pdu_deadline_s: float = Field(30.0, gt=0)
    """A PDU begun must end within this; PS3.8 leaves ARTIM to the implementer, DCMTK waits 30."""
    association_request_deadline_s: float = Field(10.0, gt=0)
    """Silence allowed between connecting and A-ASSOCIATE-RQ, and for a TLS handshake."""
    idle_deadline_s: float = Field(300.0, gt=0)
    """Silence allowed on an open association; modalities pause for minutes between series."""
    max_associations: int = Field(256, ge=1)
    """Associations open at once in each receiver process: the kernel spreads connections by
    chance, so that of 200 at once one process may have to take most."""
    max_connections: int = Field(512, ge=1)
    """Connections of each receiver process, also those without an association yet; when all are
    taken, of those the one that has waited longest makes room."""
    max_connections_per_address: int = Field(256, ge=1)
    """The same for one address, which may be the router of a whole clinic; what one device may do
    is `max_associations_per_peer`."""
    queued_messages: int = Field(2, ge=1)
    """Received messages that may wait per association before the socket is no longer read."""
    move_connect_deadline_s: float = Field(10.0, gt=0)
    """How long a C-MOVE destination may take to accept the connection."""
    response_deadline_s: float = Field(120.0, gt=0)
    """How long a C-STORE sub-operation may wait for its answer; slow archives fsync to disk."""
    max_answers: int = Field(10_000, ge=1)
    """Answers one C-FIND may give; if there are more, it ends with A700 after these."""
    worklist_charset: Literal["utf8", "ascii"] = "utf8"
    """Of worklists for devices whose entry says nothing; `ascii`: names without their marks."""
    worklist_days: int = Field(30, ge=1)
    """How long a step that nobody carried out stays in the worklist."""
    private_storage_sop_classes: tuple[str, ...] = ()
    """UIDs of private storage SOP classes to accept besides the standard's."""
    max_associations_per_peer: int = Field(64, ge=1)
    """Associations of one AE title at once, where its own entry says nothing else; modalities use
    one or two, archives that migrate up to 16, and the receiver processes share the number."""
    longest_pace_s: float = Field(10.0, gt=0)
    """The longest pause that a peer with a limited rate is made to wait before an instance is
    taken; modalities give up after 30 s or more."""
    tls_port: int = Field(2762, ge=0, le=65535)
    """Port of DICOM over TLS (PS3.15 B.12), served when there is a certificate."""
    tls_certificate: Path | None = None
    """Our certificate and those between it and its root, PEM."""
    tls_key: Path | None = None
    tls_ca: Path | None = None
    """Certificates, PEM, that those of peers must come from; unset: peers are not asked for one,
    and destinations are checked against the certificates of this machine."""


def _frame_origin(value: str) -> str:
    if _ORIGIN.fullmatch(value):
        return value
    raise ValueError("an origin is written as https://emr.hospital.vn, without * or path")


class WebSettings(_Section):
    """The HTTP listener."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str | None = None
    """Where patients reach the gateway, as printed on slips: `https://anh.benhvien.vn`; unset: the
    address that the browser of whoever prints the slip uses."""
    behind_proxy: bool = False
    """True when a TLS proxy (the shipped Caddyfile) stands in front: cookies become `Secure`."""
    frame_origins: tuple[Annotated[str, AfterValidator(_frame_origin)], ...] = ()
    """Origins (`https://emr.hospital.vn`) whose pages may show ours in a frame; browsers give a
    frame our cookies only if both names end alike (`hospital.vn`)."""
    read_deadline_s: float = Field(30.0, gt=0)
    """A request head must arrive within this, and its body must not pause longer."""
    max_connections: int = Field(500, ge=1)
    """Open connections per process; more are closed at once (slow-loris test T9 holds 500)."""
    session_hours: float = Field(12.0, gt=0)
    """A login lasts one long shift."""
    login_attempts: int = Field(10, ge=1)
    """Wrong passwords per user name and address before `login_pause_s` applies."""
    login_pause_s: float = Field(60.0, gt=0)
    max_answers: int = Field(1000, ge=1)
    """Answers one QIDO-RS search gives at most; the rest is announced by a Warning header."""
    max_header_answers: int = Field(200, ge=1)
    """The same where attributes are read from the headers: of an enhanced object, some megabytes."""
    remembered_metadata_bytes: int = Field(32 * MIB, ge=0)
    """Memory for header documents of series that are asked for again; 200 CT headers take 0.1 MiB
    compressed and 2 MiB as they are."""
    recent_pictures_bytes: int = Field(16 * MIB, ge=0)
    """Memory for pictures sent in the last minute; a series of 400 CT slices has about 12 MiB."""
    max_rendered_parts: int = Field(1000, ge=1)
    """Pictures in the answer for a whole study or series; a reader looks at them one by one."""
    max_part_headers_bytes: int = Field(16 * KIB, ge=KIB)
    """Headers of one multipart part; Apache allows 8 KiB a line."""
    max_metadata_bytes: int = Field(32 * MIB, ge=KIB)
    """JSON metadata that STOW-RS takes at once, read into memory; 2,000 CT headers have 20 MiB."""
    max_bulk_bytes: int = Field(8 * GIB, ge=MIB)
    """Bulk data beside it, which waits on the disk; a whole-slide image seldom has more."""
    max_frames_ahead_bytes: int = Field(256 * MIB, ge=0)
    """Decoded frames of one request that wait on the disk until all of them, or this many bytes,
    are made, so that a damaged one is answered 422; 500 slices of a CT have this much."""
    hanging_protocols: Path | None = None
    """Where each series hangs in the reading viewer (docs/hanging-protocols.md); unset: ours."""
    reading_memory_bytes: int = Field(512 * MIB, ge=64 * MIB)
    """Pixels that the reading viewer keeps in a browser; 1,000 CT slices, and a volume as much."""
    receiving_s: float = Field(120.0, ge=0)
    """A study to which something was added so recently is said to be still arriving."""
    arrivals_poll_s: float = Field(2.0, gt=0)
    """How often each web process looks for arrivals while a list of studies is open somewhere."""
    arrivals_stream_s: float = Field(120.0, gt=0)
    """How long one request for news of arrivals lasts; then the session is looked at again."""
    max_listeners: int = Field(200, ge=0)
    """Lists that are told of arrivals at once, per process; each holds one of its connections."""
    visible_wait_s: float = Field(2.0, ge=0)
    """How long who stores over HTTP waits for the instances to become searchable; one at a time."""


class IndexSettings(_Section):
    """The index database."""

    url: str | None = None
    """SQLAlchemy URL; unset: SQLite in the data folder."""
    busy_deadline_s: float = Field(30.0, gt=0)
    """How long a writer waits for another writer before the work is put back."""


class ObjectsSettings(_Section):
    """The object store."""

    url: str | None = None
    """`file:PATH` or `s3://bucket`; unset: a folder in the data folder."""
    endpoint: str | None = None
    """`host:port` of the S3 server."""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    region: str = "us-east-1"
    secure: bool = True
    connect_deadline_s: float = Field(5.0, gt=0)
    read_deadline_s: float = Field(60.0, gt=0)
    max_connections: int = Field(16, ge=1)
    """Requests in flight to the S3 server per process."""


class SpoolSettings(_Section):
    """The write-ahead spool between receiving and storing."""

    stop_associations_percent: float = Field(75.0, gt=0, le=100)
    """Disk use above which new associations are politely refused."""
    refuse_percent: float = Field(90.0, gt=0, le=100)
    """Disk use above which every instance is refused with A700."""
    reserve_bytes: int = Field(5 * GIB, ge=0)
    """Free space that receiving never touches, so that the database can still work."""
    max_entries: int = Field(200_000, ge=1)
    """Instances that may wait at once; about 100 GB of CT."""
    set_aside_days: int = Field(30, ge=1)
    """How long refused bytes are kept for a person to look at."""


class IngestSettings(_Section):
    """Limits of the header walk and of committing."""

    max_depth: int = Field(256, ge=1, le=256)
    """Nested sequences; real objects have a dozen, and more than this no reader of ours takes."""
    max_elements: int = Field(1_000_000, ge=1)
    """Data elements in one data set; an enhanced CT of 4,000 frames has about 400,000, and to
    describe a million takes 8 s and some 600 MB."""
    max_header_bytes: int = Field(256 * MIB, ge=MIB)
    """Bytes of a data set outside its pixel data and other bulk values."""
    max_inflated_bytes: int = Field(2 * GIB, ge=MIB)
    """Size a deflated data set may grow to; uncompressed pixel data cannot be longer anyway."""
    max_inflate_ratio: int = Field(250, ge=10)
    """Growth allowed once more than 16 MiB came out; real images stay far below, bombs near 1000."""
    batch: int = Field(64, ge=1)
    """Instances in one index transaction; one commit costs as much as ten instances."""
    workers: int = Field(4, ge=1)
    """Objects written to the store at once; hides the latency of S3 and of fsync."""
    niceness: int = Field(10, ge=0, le=19)
    """How far the `work` role stands back where the processor is short (nice(2)), so that modalities
    are answered first; at 10 it still gets a tenth of a core that everybody wants."""


class ImagingSettings(_Section):
    """Decoding and rendering."""

    processes: int = Field(1, ge=1)
    """Decoder processes per web process."""
    wall_deadline_s: float = Field(30.0, gt=0)
    memory_bytes: int = Field(2 * GIB, ge=256 * MIB)
    """Address space of a decoder process: a 65535 x 65535 image must not take the machine."""
    max_pixels: int = Field(400_000_000, ge=1)
    """Samples in one frame; digital mammography has 20 million, whole-slide tiles less."""
    max_waiting: int = Field(64, ge=1)
    """Rendering requests that may wait before 503 is answered."""
    max_cine_frames: int = Field(200, ge=1)
    """Frames of one moving GIF or WebP; browsers keep all of them in memory."""
    max_cine_bytes: int = Field(128 * MIB, ge=MIB)
    """Bytes of the frames that one moving picture is made of."""


def _hours(value: object) -> object:
    return Hours.parse(value) if isinstance(value, str) else value


class AccessSettings(_Section):
    """Who may see what, as far as an installation decides it."""

    scopes: dict[Role, Scope] = {}
    """Studies that a role may see, where it is not what access.roles says: `own`, `ward`, `all`."""
    hours: dict[Role, Annotated[Hours, BeforeValidator(_hours)]] = {}
    """Hours at which a role may be used, `07:00-19:30` in this machine's time; unset: always."""
    link_audience: str = Field("pacs-gateway", min_length=1, max_length=64)
    """What links must be meant for, so that another gateway's are refused."""
    guest_hours: float = Field(2.0, gt=0, le=24)
    """How long a link of the EMR shows its studies; a reading takes minutes, a ward round an hour."""
    session_idle_minutes: float = Field(120.0, gt=0)
    """A login that was not used for so long is over; a radiologist's lunch is shorter."""
    lock_after: int = Field(20, ge=1)
    """Wrong passwords for one account, from anywhere, before it is closed for a while."""
    lock_minutes: float = Field(15.0, gt=0)
    """Twenty guesses each quarter of an hour are 2,000 a day, for 10 characters far too few."""


class OutboxSettings(_Section):
    """Work that happens later, in the background (docs/design/0018-outbox.md)."""

    poll_s: float = Field(0.5, gt=0)
    """How often work that is due is looked for; one indexed query."""
    workers: int = Field(8, ge=1)
    """Pieces of work at once per host; most of them wait for a peer."""
    lease_s: float = Field(900.0, gt=0)
    """Work of which no outcome was heard for so long is begun again, as its host may be lost;
    longer than any single try takes."""
    first_pause_s: float = Field(1.0, gt=0)
    """Before the second try; it doubles each time."""
    longest_pause_s: float = Field(3600.0, gt=0)
    retry_hours: float = Field(72.0, gt=0)
    """Tried for so long, work is stuck and a person decides; a weekend with a holiday passes."""
    keep_days: int = Field(7, ge=1)
    """How long finished work can still be looked at."""


class CommitmentSettings(_Section):
    """Storage commitment."""

    max_references: int = Field(50_000, ge=1)
    """Instances in one request; a whole-body PET/CT has 5,000."""
    wait_s: float = Field(60.0, ge=0)
    """How long an instance that is not found may still be on its way before it counts as missing;
    longer while what was received before the request waits in this host's spool."""
    longest_wait_s: float = Field(14_400.0, ge=0)
    """How long at most; the object store may be down for hours."""
    grace_s: float = Field(3.0, ge=0)
    """How long the outcome is held for the association that asked, before another is opened."""
    try_s: float = Field(300.0, gt=0)
    """How long one try reads objects before it makes way for other work."""
    keep_days: int = Field(90, ge=7)
    """How long requests and their outcomes are remembered; a row for each instance."""


class Hl7Settings(_Section):
    """Orders by HL7 version 2 over MLLP (docs/design/0023-orders.md)."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = Field(2575, ge=0, le=65535)
    application: str = Field("PACSGW", min_length=1, max_length=64)
    """Our name in answers (MSH-3)."""
    issuer: str = Field("", max_length=64)
    """Of hospital numbers that messages from this host name without one."""
    modalities: dict[str, str] = {}
    """Modality by the word that order systems have for it, `{"XQ" = "DX"}`."""
    max_message_bytes: int = Field(MIB, ge=KIB)
    """An order has some kilobytes; a report with a PDF in it does not come here."""
    message_deadline_s: float = Field(10.0, gt=0)
    """A message that has begun must end within this."""
    idle_deadline_s: float = Field(600.0, gt=0)
    """Silence allowed on an open connection; order systems keep theirs open all day."""
    answer_deadline_s: float = Field(10.0, gt=0)
    """How long a sender may take to read its answers."""
    connections_per_sender: int = Field(5, ge=1)
    max_connections: int = Field(100, ge=1)
    workers: int = Field(4, ge=1)
    """Messages carried out at once; writers take turns in the database anyway."""
    keep_days: int = Field(90, ge=1)
    """How long answers are kept, to be given again and to be looked at."""
    tls_port: int = Field(2576, ge=0, le=65535)
    """Served when there is a certificate."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    """Certificates, PEM, that those of senders must come from; unset: they are asked for none."""


class OidcSettings(_Section):
    """Logging in through an identity provider of the hospital; unset issuer: not offered."""

    issuer: str = ""
    """Its address, as `https://id.benhvien.vn/realms/noi-bo`."""
    client_id: str = ""
    client_secret: SecretStr | None = None
    name: str = Field("OpenID Connect", max_length=40)
    """What the button on the login page calls it."""
    role_claim: str = "groups"
    """Claim whose values say what somebody is."""
    roles: dict[str, Role] = {}
    """Role here for a value of that claim; the first that fits counts."""
    default_role: Role | None = None
    """Role of people whose claim says nothing; unset: they are not let in."""
    deadline_s: float = Field(10.0, gt=0)
    """How long each answer of the provider may take."""


class AuditSettings(_Section):
    """The audit trail."""

    anchor_minutes: float = Field(60.0, gt=0)
    """How often the end of the trail is noted in the object store; what is changed before the next
    note by somebody who writes the whole chain anew would not show."""
    syslog_host: str | None = None
    """Audit repository that gets every row as a DICOM audit message over TLS (RFC 5425)."""
    syslog_port: int = Field(6514, ge=1, le=65535)
    syslog_ca: Path | None = None
    """Certificates that its certificate must come from; unset: those of this machine."""
    syslog_certificate: Path | None = None
    syslog_key: Path | None = None
    """Our own, where the repository wants to know who sends."""
    syslog_deadline_s: float = Field(10.0, gt=0)
    """How long connecting and each message may take; what failed is sent again later."""
    look_minutes: float = Field(30.0, gt=0)
    """Requests of one login for one study within this are one look; a reading takes 5 to 20."""


class CacheSettings(_Section):
    """Pictures that were made once, on this host's own disk."""

    folder: Path | None = None
    """Unset: a folder in the data folder."""
    max_bytes: int = Field(4 * GIB, ge=MIB)
    """About 100,000 pictures of a whole CT slice, or a million thumbnails."""
    quiet_s: float = Field(5.0, ge=0)
    """A study to which nothing was added for so long has its previews made ahead."""
    reserve_bytes: int = Field(6 * GIB, ge=0)
    """Free space that the cache leaves: a little more than receiving leaves, so that pictures
    are never what stops it."""


def _logo(path: Path) -> Path:
    read_logo(path)
    return path


class HospitalSettings(_Section):
    """Whose gateway this is."""

    name: str = Field("", max_length=120)
    """Stands on pages and slips."""
    logo: Annotated[Path, AfterValidator(_logo)] | None = None
    """A picture (PNG, JPEG, WebP, at most 256 KiB) in place of ours; drawn 28 pixels high."""
    accent: Annotated[str, AfterValidator(partial(check_accent, dark=False))] | None = None
    """Colour of links and buttons, `#0f766e`; it must be readable on white (WCAG AA)."""
    accent_dark: Annotated[str, AfterValidator(partial(check_accent, dark=True))] | None = None
    """The same in the dark theme; unset: `accent`, as much lighter as it has to be."""


class DocumentsSettings(_Section):
    """Reports, waveforms, encapsulated files and video."""

    max_metadata_bytes: int = Field(16 * MIB, ge=KIB)
    """JSON of one object that is shown; CAD reports with thousands of marks have about 10 MiB."""
    max_report_items: int = Field(20_000, ge=1)
    """Content items of one report; a dose report of a long intervention has about 5,000."""
    max_before_document_bytes: int = Field(4 * MIB, ge=KIB)
    """Header before an encapsulated document; real ones have a few kilobytes."""
    max_waveform_bytes: int = Field(64 * MIB, ge=KIB)
    """Object read for drawing its waveforms; a 24-hour Holter of three channels has 60 MiB."""
    max_waveform_strips: int = Field(96, ge=12)
    """Strips of ten seconds drawn; what comes after them is said in words."""
    max_video_beginning_bytes: int = Field(32 * MIB, ge=MIB)
    """Read of a video for the picture that stands for it, or to make a film that browsers play;
    most clips are shorter as a whole."""


class OhifSettings(_Section):
    """The OHIF viewer, which is installed on request."""

    folder: Path | None = None
    """Where it is kept; unset: a folder in the data folder."""
    registry: str | None = Field(default_factory=lambda: os.environ.get("npm_config_registry"))  # noqa: SIM112 - npm spells it so
    """Address of the npm registry; unset: npm's own setting if npm is there, else the public one."""
    max_download_bytes: int = Field(128 * MIB, ge=MIB)
    """The package has 48 MiB."""
    max_unpacked_bytes: int = Field(512 * MIB, ge=MIB)
    """The package has 204 MiB, of which a quarter is installed."""
    max_files: int = Field(2000, ge=1)
    """The package has 249."""
    silence_deadline_s: float = Field(30.0, gt=0)
    """How long the registry may say nothing."""
    download_deadline_s: float = Field(1800.0, gt=0)
    """The whole download; half an hour is 28 kB/s."""


class AnnotationSettings(_Section):
    """Measurements, key images and presentation states."""

    max_body_bytes: int = Field(MIB, ge=KIB)
    """JSON of one save; 500 measurements have about 250 KiB."""
    max_measurements: int = Field(500, ge=1)
    """Measurements of one save; a follow-up of lesions has some dozens."""
    max_outline_points: int = Field(2000, ge=3)
    """Points of a freehand outline; a hand draws some hundreds."""
    max_key_images: int = Field(500, ge=1)
    """Frames of one selection."""
    max_documents: int = Field(200, ge=1)
    """Reports, selections or states of one study that are read at once; the rest is left out."""


class ViewerSettings(_Section):
    """Building the third-party part of the reading viewer."""

    install_deadline_s: float = Field(900.0, gt=0)
    """Fetching its npm packages, 40 MB; a quarter of an hour is 45 kB/s."""
    build_deadline_s: float = Field(300.0, gt=0)
    """Building; 6 s on two cores."""


class RecoverySettings(_Section):
    """Making the index anew, and reading again what is stored."""

    readers: int = Field(8, ge=1, le=64)
    """Objects read at once by `reindex`, `verify` and copies; hides the latency of S3."""
    scrub_days: float = Field(90.0, ge=0)
    """Days in which the `work` role reads every object once and compares its digest; 0: never."""
    scrub_least_per_second: float = Field(1.0, gt=0)
    """Objects read each second even if fewer would do, so that few objects are not read for
    months; 50 CT slices a second fill a slow disk."""
    drill_objects: int = Field(100, ge=0)
    """Objects, chosen by chance, that `restore --rehearse` reads whole."""


class GuardSettings(_Section):
    """When the gateway says that something is wrong (docs/design/0022-guard.md)."""

    every_s: float = Field(60.0, gt=0)
    """How often each host is examined."""
    deadline_s: float = Field(10.0, gt=0)
    """How long a check may take; what rests on a server that is away for longer is *silent*."""
    backlog_minutes: int = Field(10, ge=1)
    """An acknowledged image that waits in the spool for longer is told of."""
    disk_warning_days: int = Field(30, ge=1)
    """Fewer days of disk are a warning; a disk is bought in two weeks."""
    disk_alarm_days: int = Field(7, ge=0)
    """Fewer are an alarm."""
    clock_skew_s: float = Field(30.0, gt=0)
    """How far the clocks of database and object store may be from ours; S3 refuses at 900."""
    certificate_days: int = Field(30, ge=1)
    """A certificate that ends sooner is told of."""
    backup_days: int = Field(7, ge=0)
    """The newest backup may be this old; 0: backups are made by other means."""
    drill_days: int = Field(40, ge=0)
    """So may the last rehearsal of a restore, which is due each month; 0: it is not asked for."""
    unread_hours: int = Field(24, ge=1)
    """A study that no radiologist has opened for longer is late."""
    unmatched_hours: int = Field(24, ge=1)
    """So is one that waits for its order."""
    digest_hour: int | None = Field(6, ge=0, le=23)
    """Hour of this machine's day at which the digest is made; null: never."""
    keep_digests: int = Field(60, ge=1)
    """Digests that the page lists."""


class MailSettings(_Section):
    """The mail server that takes the morning digest."""

    host: str | None = None
    """Unset: nothing is sent."""
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only for a server of this machine or network."""
    username: str | None = None
    password: SecretStr | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    ca: Path | None = None
    """Certificates, PEM, that its certificate must come from; unset: those of this machine."""
    deadline_s: float = Field(30.0, gt=0)


class Settings(BaseSettings):
    """Everything an installation may decide."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    data_dir: Path = Path("./data")
    language: Literal["vi", "en"] = "vi"
    admin_password: SecretStr | None = None
    dicom: DicomSettings = DicomSettings()
    web: WebSettings = WebSettings()
    index: IndexSettings = IndexSettings()
    objects: ObjectsSettings = ObjectsSettings()
    spool: SpoolSettings = SpoolSettings()
    ingest: IngestSettings = IngestSettings()
    imaging: ImagingSettings = ImagingSettings()
    ohif: OhifSettings = Field(default_factory=OhifSettings)
    viewer: ViewerSettings = ViewerSettings()
    annotation: AnnotationSettings = AnnotationSettings()
    documents: DocumentsSettings = DocumentsSettings()
    cache: CacheSettings = CacheSettings()
    access: AccessSettings = AccessSettings()
    hospital: HospitalSettings = HospitalSettings()
    audit: AuditSettings = AuditSettings()
    oidc: OidcSettings = OidcSettings()
    outbox: OutboxSettings = OutboxSettings()
    commitment: CommitmentSettings = CommitmentSettings()
    recovery: RecoverySettings = RecoverySettings()
    hl7: Hl7Settings = Hl7Settings()
    guard: GuardSettings = GuardSettings()
    mail: MailSettings = MailSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose values arrive as arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def index_url(self) -> str:
        """SQLAlchemy URL of the index database."""
        return self.index.url or f"sqlite:///{self.data_dir.resolve() / 'index.sqlite'}"

    @property
    def work_url(self) -> str:
        """Where background work keeps its own notes: the index's server, or a file beside it."""
        return self.index.url or f"sqlite:///{self.data_dir.resolve() / 'work.sqlite'}"

    @property
    def objects_url(self) -> str:
        """Where objects are kept."""
        return self.objects.url or f"file:{self.data_dir.resolve() / 'objects'}"

    @property
    def spool_dir(self) -> Path:
        """The spool, always on this host's own disk."""
        return self.data_dir.resolve() / "spool"

    @property
    def cache_dir(self) -> Path:
        """Where pictures are kept."""
        return self.cache.folder or self.data_dir.resolve() / "cache"

    @property
    def metrics_dir(self) -> Path:
        """Where the processes of this host count."""
        return self.data_dir.resolve() / "metrics"

    @property
    def ohif_dir(self) -> Path:
        """Where the OHIF viewer is kept once it is installed."""
        return self.ohif.folder or self.data_dir.resolve() / "ohif"


def load_settings(config_file: Path | None = None, data_dir: Path | None = None) -> Settings:
    """Return the effective settings.

    Without `config_file` the file `pacs-gateway.toml` in the data folder is read if it is there.

    Raises ConfigurationError: one sentence that names the setting.
    """
    _refuse_unknown_variables()
    path = config_path(config_file, data_dir)
    values = _read_toml(path) if path else {}
    try:
        settings = Settings(**values)
    except (ValidationError, SettingsError) as error:
        raise ConfigurationError(_explain(error)) from error
    return settings.model_copy(update={"data_dir": data_dir}) if data_dir else settings


def config_path(config_file: Path | None, data_dir: Path | None) -> Path | None:
    """Return the file that `load_settings` reads, None if there is none."""
    if config_file is not None:
        return config_file
    folder = data_dir or Path(os.environ.get(f"{ENV_PREFIX}DATA_DIR", "./data"))
    path = folder / CONFIG_FILE_NAME
    return path if path.is_file() else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.") from error


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if not variable.startswith(ENV_PREFIX) or variable.startswith(f"{ENV_PREFIX}TEST_"):
            continue
        section = variable.removeprefix(ENV_PREFIX).split("__")[0]
        if section not in known:
            raise ConfigurationError(f"Unknown setting {variable}; remove it or correct its name.")


def _explain(error: ValidationError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return f"{error}."
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"Unknown setting {name} (or {variable}); remove it or correct its name."
    return f"Setting {name} (or {variable}) is wrong: {first['msg'].removeprefix('Value error, ')}."
