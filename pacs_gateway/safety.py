"""Settings with which the gateway would rather not start, each told in one sentence.

Invariant: an installation that runs is not open by an oversight. What is refused is named by its
setting and comes with the remedy.
"""

import re
import string
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from pacs_gateway.access.passwords import MIN_PASSWORD_CHARACTERS
from pacs_gateway.config import Settings
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.exposure import others_reach, password_in

MIN_SECRET_CHARACTERS = 8
"""Of keys for programs; S3 servers ask for this many."""
MIN_DIGITS = 20
"""Of a secret without letters; shorter ones are dates, telephone numbers and rows of keys."""
KNOWN_WORDS = frozenset(
    (
        "admin",
        "administrator",
        "changeit",
        "changeme",
        "default",
        "demo",
        "dicom",
        "example",
        "gateway",
        "guest",
        "hospital",
        "letmein",
        "matkhau",
        "minio",
        "minioadmin",
        "orthanc",
        "orthancserver",
        "pacs",
        "pacsadmin",
        "password",
        "postgres",
        "qwerty",
        "qwertyuiop",
        "root",
        "secret",
        "service",
        "test",
        "testing",
        "toor",
        "user",
        "welcome",
    )
)
"""What attackers try first; a number or a sign beside one of them makes no difference."""

_ADDRESS = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[^?#\s]*)?")
_SIGNS_FOR_LETTERS = str.maketrans("@$0", "aso")


def check_settings(settings: Settings, wanted: Sequence[str]) -> None:
    """Look at what can be judged before anything is opened.

    `wanted` are the roles that shall run: a web address does not matter to a receiver.
    Raises ConfigurationError.
    """
    if "web" in wanted:
        _check_line(settings)
        _check_addresses(settings)
    if "dicom" in wanted:
        _check_key_file(settings.dicom.tls_key, name="dicom.tls_key")
    if "hl7" in wanted:
        _check_key_file(settings.hl7.tls_key, name="hl7.tls_key")
    if "work" in wanted:
        _check_key_file(settings.audit.syslog_key, name="audit.syslog_key")
    _check_secrets(settings)


def check_accounts(settings: Settings, *, usable: int) -> None:
    """Refuse to show the network a login page for an account that nobody chose the password of.

    `usable` is the number of accounts that may log in; without any, the first is made now.
    Raises ConfigurationError.
    """
    web = settings.web
    reachable = web.behind_proxy or not _is_loopback(web.host)
    if usable == 0 and settings.admin_password is None and reachable:
        where = "web.behind_proxy is true" if web.behind_proxy else f"web.host is {web.host}"
        raise ConfigurationError(
            f"The network will reach the web ({where}), but nobody has an account yet: set"
            " PACS_GATEWAY_ADMIN_PASSWORD, or run `pacs-gateway user add` first."
        )


def _check_line(settings: Settings) -> None:
    web = settings.web
    if not web.behind_proxy and not _is_loopback(web.host):
        raise ConfigurationError(
            f"Setting web.host is {web.host}, and passwords and images would cross the network in"
            " the clear: set PACS_GATEWAY_WEB__HOST=127.0.0.1, or put a TLS proxy in front"
            " (deploy/Caddyfile) and set PACS_GATEWAY_WEB__BEHIND_PROXY=true."
        )


def _check_addresses(settings: Settings) -> None:
    if settings.web.public_url is not None and not _is_secure(settings.web.public_url):
        raise ConfigurationError(
            f"Setting web.public_url is {settings.web.public_url}, and patients' images would"
            " cross the network in the clear: set PACS_GATEWAY_WEB__PUBLIC_URL=https://... with"
            " the proxy's name."
        )
    if settings.oidc.issuer and not _is_secure(settings.oidc.issuer):
        raise ConfigurationError(
            f"Setting oidc.issuer is {settings.oidc.issuer}, and whoever is on the line could log"
            " in as anybody: set PACS_GATEWAY_OIDC__ISSUER to the provider's https address."
        )


def _check_key_file(path: Path | None, *, name: str) -> None:
    # Whoever uses a key that is not there says so.
    if path is not None and path.is_file() and others_reach(path):
        raise ConfigurationError(
            f"The private key {path} (setting {name}) can be read by every user of this machine:"
            f" run `chmod o= {path}`."
        )


def _check_secrets(settings: Settings) -> None:
    if settings.admin_password is not None:
        _check_secret(
            settings.admin_password.get_secret_value(),
            name="admin_password (PACS_GATEWAY_ADMIN_PASSWORD)",
            at_least=MIN_PASSWORD_CHARACTERS,
            remedy="choose another, and if the account `admin` has it already, change it there"
            " with `pacs-gateway user password admin`",
        )
    if settings.objects.secret_key is not None:
        _check_secret(
            settings.objects.secret_key.get_secret_value(),
            name="objects.secret_key (PACS_GATEWAY_OBJECTS__SECRET_KEY)",
            at_least=MIN_SECRET_CHARACTERS,
            remedy="give the S3 server another key",
        )
    password = password_in(settings.index_url)
    if password:
        _check_secret(
            password,
            name="index.url (PACS_GATEWAY_INDEX__URL)",
            at_least=MIN_SECRET_CHARACTERS,
            remedy="give the database user another password",
        )


def _check_secret(secret: str, *, name: str, at_least: int, remedy: str) -> None:
    if len(secret) < at_least:
        fault = f"is shorter than {at_least} characters"
    elif _is_known(secret):
        fault = "is one that attackers try first"
    else:
        return
    raise ConfigurationError(f"The password in setting {name} {fault}: {remedy}.")


def _is_known(secret: str) -> bool:
    """Return whether nothing but digits and signs tells a secret from a well-known word."""
    core = secret.casefold().strip(" 0123456789" + string.punctuation)
    spellings = (core, core.translate(_SIGNS_FOR_LETTERS))
    words = [set(re.findall(r"[^\W\d_]+", spelling)) for spelling in spellings]
    if not core:
        return len(secret) < MIN_DIGITS
    return any(found and found <= KNOWN_WORDS for found in words)


def _is_secure(url: str) -> bool:
    """Return whether nobody on the network can read or change what goes to an address."""
    found = _ADDRESS.fullmatch(url)
    return found is not None and (found["scheme"] == "https" or _is_loopback(found["host"]))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
