"""Invariant: what would lay an installation open by an oversight stops the start with one sentence
that names the setting and the remedy; what ships as default, and what is declared, goes through."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pacs_gateway import exposure, safety
from pacs_gateway.config import Settings, load_settings
from pacs_gateway.errors import ConfigurationError

ALL = ("dicom", "web", "work")
SECRET = "9mXt4vQ2Lr8s"


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


def refusal(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_the_defaults_start() -> None:
    safety.check_settings(Settings(), ALL)
    safety.check_accounts(Settings(), usable=0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "pacs.hospital.vn", ""])
def test_plain_http_does_not_leave_this_machine(host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(settings(web={"host": host}), ["web"])
    assert "web.host" in refusal(caught)
    assert "PACS_GATEWAY_WEB__BEHIND_PROXY=true" in refusal(caught)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_may_be_named_in_every_way(host: str) -> None:
    safety.check_settings(settings(web={"host": host}), ALL)


def test_a_declared_proxy_and_a_receiver_without_web_may_bind_openly() -> None:
    safety.check_settings(settings(web={"host": "0.0.0.0", "behind_proxy": True}), ALL)
    safety.check_settings(settings(web={"host": "0.0.0.0"}), ["dicom", "work"])


@pytest.mark.parametrize(
    "url",
    [
        "http://anh.hospital.vn",
        "anh.hospital.vn",
        "https://",
        "ftp://x",
        "https://[",
        "https://a b",
    ],
)
@pytest.mark.parametrize(("section", "name"), [("web", "public_url"), ("oidc", "issuer")])
def test_nobody_is_sent_to_a_plain_address(url: str, section: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(settings(**{section: {name: url}}), ALL)
    assert f"{section}.{name}" in refusal(caught)
    assert f"PACS_GATEWAY_{section.upper()}__{name.upper()}" in refusal(caught)


@pytest.mark.parametrize(
    "url", ["https://anh.hospital.vn", "https://id.hospital.vn:8443/realms/a", "http://127.0.0.1:1"]
)
def test_these_addresses_are_safe(url: str) -> None:
    safety.check_settings(settings(web={"public_url": url}, oidc={"issuer": url}), ALL)


@pytest.mark.parametrize("web", [{"behind_proxy": True}, {"host": "10.0.0.1"}])
def test_the_network_finds_no_account_that_nobody_made(web: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safety.check_accounts(settings(web=web), usable=0)
    assert "PACS_GATEWAY_ADMIN_PASSWORD" in refusal(caught)
    assert "pacs-gateway user add" in refusal(caught)
    safety.check_accounts(settings(web=web), usable=1)
    safety.check_accounts(settings(web=web, admin_password=SECRET), usable=0)


@pytest.mark.parametrize(
    "password",
    [
        "admin",
        "short-one",
        "changeme!!",
        "P@ssw0rd2026",
        "Password-1234",
        "administrator",
        "Administrator@2026",
        "admin.admin.admin",
        "matkhau123456",
        "0912345678",
        "23/11/2026 08:00",
        "minioadmin",
    ],
)
def test_passwords_that_attackers_try_first(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(settings(admin_password=password), ALL)
    assert "PACS_GATEWAY_ADMIN_PASSWORD" in refusal(caught)


def test_a_refusal_does_not_repeat_the_secret() -> None:
    for values in ({"admin_password": "xyz0"}, {"objects": {"secret_key": "xyz0"}}):
        with pytest.raises(ConfigurationError) as caught:
            safety.check_settings(settings(**values), ALL)
        assert "xyz0" not in refusal(caught)


@pytest.mark.parametrize(
    "password", ["a long test password", "Mật khẩu 123", SECRET, "cá kho tộ làng Vũ Đại"]
)
def test_other_passwords(password: str) -> None:
    safety.check_settings(settings(admin_password=password), ALL)


@pytest.mark.parametrize("key", ["minioadmin", "minio123", "seven77", "12345678"])
def test_default_keys_of_object_stores(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(settings(objects={"secret_key": key}), ALL)
    assert "PACS_GATEWAY_OBJECTS__SECRET_KEY" in refusal(caught)


@pytest.mark.parametrize(
    "password", ["postgres", "gateway", "short", "p%40ssword", "secret12", "sh/rt[", "1234[5/6"]
)
def test_default_passwords_of_databases(password: str) -> None:
    url = f"postgresql+psycopg://gateway:{password}@db:5432/gateway"
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(settings(index={"url": url}), ALL)
    assert "PACS_GATEWAY_INDEX__URL" in refusal(caught)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://gateway@127.0.0.1:5432/gateway",
        f"postgresql+psycopg://gateway:{SECRET}@db/gateway",
        f"postgresql+psycopg://gateway:{SECRET}/+=[@db/gateway",
        "sqlite:////var/lib/pacs/index.sqlite",
    ],
)
def test_other_databases(url: str) -> None:
    safety.check_settings(settings(index={"url": url}), ALL)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that everybody may enter; pytest's own are closed to others."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def written(folder: Path, mode: int, content: str) -> Path:
    path = folder / "written"
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
@pytest.mark.parametrize(("section", "name"), [("dicom", "tls_key"), ("audit", "syslog_key")])
def test_a_private_key_is_private(folder: Path, mode: int, section: str, name: str) -> None:
    key = written(folder, mode, "PRIVATE KEY")
    chosen = settings(**{section: {name: key}})
    with pytest.raises(ConfigurationError) as caught:
        safety.check_settings(chosen, ALL)
    assert f"{section}.{name}" in refusal(caught)
    assert f"chmod o= {key}" in refusal(caught)
    safety.check_settings(chosen, ["web"])
    folder.chmod(0o750)
    safety.check_settings(chosen, ALL)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_a_key_for_owner_and_group(folder: Path, mode: int) -> None:
    key = written(folder, mode, "PRIVATE KEY")
    safety.check_settings(settings(dicom={"tls_key": key}), ALL)


@pytest.mark.parametrize(
    "content",
    [
        f'admin_password = "{SECRET}"',
        f'[objects]\nsecret_key = "{SECRET}"',
        f'[index]\nurl = "postgresql+psycopg://gateway:{SECRET}@db/gateway"',
    ],
)
def test_a_configuration_file_with_secrets_is_private(folder: Path, content: str) -> None:
    file = written(folder, 0o644, content)
    with pytest.raises(ConfigurationError) as caught:
        exposure.check_file(file, load_settings(file))
    assert f"chmod o= {file}" in refusal(caught)
    assert SECRET not in refusal(caught)
    file.chmod(0o640)
    exposure.check_file(file, load_settings(file))


def test_a_configuration_file_without_secrets_may_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACS_GATEWAY_ADMIN_PASSWORD", SECRET)
    content = '[index]\nurl = "postgresql+psycopg://db/gateway"\n[access.scopes]\nguest = "own"\n'
    file = written(folder, 0o644, content)
    exposure.check_file(file, load_settings(file))


def test_what_an_earlier_version_left_open_is_closed(folder: Path) -> None:
    chosen = Settings(data_dir=folder)
    for path in (chosen.spool_dir, chosen.cache_dir, folder / "objects"):
        path.mkdir(mode=0o755)
    database = folder / "index.sqlite"
    database.touch(0o644)
    exposure.keep_private(chosen)
    closed = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert closed == {"spool": 0o750, "cache": 0o750, "objects": 0o750, "index.sqlite": 0o640}
    assert folder.stat().st_mode & 0o777 == 0o755, "a folder may hold other people's things too"


def test_the_group_may_be_let_in(folder: Path) -> None:
    chosen = Settings(data_dir=folder)
    chosen.spool_dir.mkdir()
    chosen.spool_dir.chmod(0o770)
    exposure.keep_private(chosen)
    assert chosen.spool_dir.stat().st_mode & 0o777 == 0o770


def test_what_belongs_to_another_and_is_open_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(f"chmod {path} {mode:o}")

    chosen = Settings(data_dir=folder)
    chosen.spool_dir.mkdir(mode=0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(ConfigurationError, match="have its owner run `chmod o="):
        exposure.keep_private(chosen)
