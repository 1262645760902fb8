"""`serve` and `demo`: the gateway as processes on this host."""

import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

import typer

from pacs_gateway import exposure, roles, safety
from pacs_gateway.access.accounts import ensure_administrator
from pacs_gateway.app import open_archive, prepare_database
from pacs_gateway.config import Settings
from pacs_gateway.dimse import encryption
from pacs_gateway.emr.encryption import tls_context
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.supervisor import Role, Supervisor
from pacs_gateway.telemetry import configure_logs

ALL_ROLES = ("dicom", "web", "work", "hl7")


def serve(
    settings: Settings, *, wanted: Sequence[str], on_ready: Callable[[Settings, str | None], None]
) -> None:
    """Run the wanted roles until stopped.

    `on_ready` gets the settings with the real ports, and the administrator's password when one
    was just made.

    Raises ConfigurationError before anything is started.
    """
    configure_logs(role="serve")
    safety.check_settings(settings, wanted)
    if "dicom" in wanted:
        encryption.check_files(settings.dicom)
    settings = _checked_hl7(settings, wanted)
    exposure.keep_private(settings)
    prepare_database(settings)
    password = _first_administrator(settings)
    settings, held = _reserve_dicom_ports(settings, wanted)
    listener = _web_listener(settings) if "web" in wanted else None
    if listener is not None:
        settings = _with_web_port(settings, listener.getsockname()[1])
    supervisor = Supervisor(_roles(settings, wanted, listener, held))
    supervisor.run(on_ready=partial(on_ready, settings, password))
    for each in (*held, listener):
        if each is not None:
            each.close()


def announce(settings: Settings, password: str | None) -> None:
    """Say on the terminal that everything runs, and where."""
    where = f"http://{settings.web.host}:{settings.web.port}/"
    dicom = f"{settings.dicom.ae_title} port {settings.dicom.port}"
    hl7 = f"  HL7 port {settings.hl7.port}" if settings.hl7.enabled else ""
    typer.echo(f"Ready. Web {where}  DICOM {dicom}{hl7}  data {settings.data_dir.resolve()}")
    if password is not None:
        typer.echo(f"First administrator: admin, password {password} (shown only now)")


def _roles(
    settings: Settings,
    wanted: Sequence[str],
    listener: socket.socket | None,
    held: Sequence[socket.socket],
) -> list[Role]:
    found = []
    if "work" in wanted:
        spare = [*held, *([listener] if listener is not None else [])]
        found.append(Role("work", partial(roles.run_work, settings, spare=spare)))
    if "dicom" in wanted:
        found += [
            Role(f"dicom-{number}", partial(roles.run_dicom, settings))
            for number in range(settings.dicom.processes)
        ]
    if "hl7" in wanted and settings.hl7.enabled:
        found.append(Role("hl7", partial(roles.run_hl7, settings)))
    if listener is not None:
        found.append(Role("web", partial(roles.run_web, settings, listener=listener)))
    return found


def _first_administrator(settings: Settings) -> str | None:
    archive = open_archive(settings)
    try:
        usable = sum(not user.disabled for user in archive.accounts.users())
        safety.check_accounts(settings, usable=usable)
        chosen = settings.admin_password
        return ensure_administrator(archive.accounts, chosen.get_secret_value() if chosen else None)
    finally:
        archive.close()


def _reserve_dicom_ports(
    settings: Settings, wanted: Sequence[str]
) -> tuple[Settings, list[socket.socket]]:
    """Return the settings with the ports that all receiver processes will share.

    The receivers share it by SO_REUSEPORT, which would also let a second gateway in unnoticed;
    so it is first bound without, and then held by a socket that never listens.
    """
    if "dicom" not in wanted:
        return settings, []
    dicom = settings.dicom
    wished = {"port": dicom.port}
    if dicom.tls_certificate is not None:
        wished["tls_port"] = dicom.tls_port
    ports, held = {}, []
    for name, port in wished.items():
        variable = f"DICOM__{name.upper()}"
        with closing(_bound(dicom.host, port, variable=variable, reuse_port=False)) as probe:
            ports[name] = probe.getsockname()[1]
        held.append(_bound(dicom.host, ports[name], variable=variable, reuse_port=True))
    return settings.model_copy(update={"dicom": dicom.model_copy(update=ports)}), held


def _checked_hl7(settings: Settings, wanted: Sequence[str]) -> Settings:
    """Return the settings with the port of the HL7 listener, which its own process opens."""
    hl7 = settings.hl7
    if "hl7" not in wanted or not hl7.enabled:
        return settings
    if hl7.tls_certificate is not None or hl7.tls_key is not None:
        tls_context(hl7)
    with closing(_bound(hl7.host, hl7.port, variable="HL7__PORT", reuse_port=False)) as probe:
        port = probe.getsockname()[1]
    return settings.model_copy(update={"hl7": hl7.model_copy(update={"port": port})})


def _web_listener(settings: Settings) -> socket.socket:
    listener = _bound(settings.web.host, settings.web.port, variable="WEB__PORT", reuse_port=False)
    listener.listen(1024)
    return listener


def _with_web_port(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"web": settings.web.model_copy(update={"port": port})})


def _bound(host: str, port: int, *, variable: str, reuse_port: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"Cannot listen on {host}:{port} ({error.strerror}); stop the program that does,"
            f" or choose another port (PACS_GATEWAY_{variable})."
        ) from error
    return bound
