"""Protects: every setting is named, the environment wins over the file, and a wrong one stops the
start with one line that says which it is."""

from pathlib import Path

import pytest

from pacs_gateway.config import Settings, load_settings
from pacs_gateway.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_are_those_that_others_rely_on() -> None:
    settings = load_settings()
    assert (settings.dicom.port, settings.dicom.host) == (11112, "0.0.0.0")
    assert (settings.dicom.ae_title, settings.dicom.unknown_peers) == ("PACSGW", "hold")
    assert (settings.web.port, settings.web.host) == (8080, "127.0.0.1")
    assert settings.language == "vi"
    assert settings.index_url.startswith("sqlite:///")
    assert settings.objects_url.startswith("file:")


def test_environment_wins_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('language = "en"\n[dicom]\nport = 104\nae_title = "FILE"\n')
    monkeypatch.setenv("PACS_GATEWAY_DICOM__PORT", "4242")
    settings = load_settings(file)
    assert (settings.dicom.port, settings.dicom.ae_title) == (4242, "FILE")
    assert settings.language == "en"


def test_file_in_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "pacs-gateway.toml").write_text("[web]\nport = 9000\n")
    settings = load_settings(data_dir=tmp_path)
    assert (settings.web.port, settings.data_dir) == (9000, tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PACS_GATEWAY_DICOM__PROT", "1", "Unknown setting dicom.PROT"),
        ("PACS_GATEWAY_COLOUR", "red", "Unknown setting PACS_GATEWAY_COLOUR"),
        ("PACS_GATEWAY_DICOM__PORT", "many", "Setting dicom.PORT"),
        ("PACS_GATEWAY_DICOM__PORT", "70000", "Setting dicom.PORT"),
        ("PACS_GATEWAY_LANGUAGE", "fr", "Setting language"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[dicom\n", "[dicom]\ncolour = 1\n", "\xff"])
def test_a_wrong_file_is_named_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot read"):
        load_settings(tmp_path / "none.toml")


def test_secrets_are_hidden_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS_GATEWAY_ADMIN_PASSWORD", "s3cret-word")
    monkeypatch.setenv("PACS_GATEWAY_OBJECTS__SECRET_KEY", "s3cret-key")
    settings = load_settings()
    assert "s3cret" not in str(settings.model_dump(mode="json"))
    assert "s3cret" not in repr(settings)


def test_settings_cannot_change_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().language = "en"  # type: ignore[misc]
