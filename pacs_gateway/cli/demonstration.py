"""`demo`: the whole gateway on its embedded default, filled over real C-STORE."""

import tempfile
from pathlib import Path
from time import monotonic

from rich.console import Console

from pacs_gateway.cli.serving import ALL_ROLES, serve
from pacs_gateway.config import Settings, load_settings
from pacs_gateway.errors import ConfigurationError

DEMO_RESERVE_BYTES = 256 * 1024 * 1024
"""A trial on a nearly full laptop may go on longer than a hospital's archive would."""


def demonstrate(samples: Path, console: Console) -> None:
    """Serve from a folder that is thrown away, send the samples, print where to look.

    Raises ConfigurationError if the samples are not there.
    """
    files = sorted(samples.rglob("*.dcm"))
    if not files:
        raise ConfigurationError(f"No sample studies in {samples}; run this in the project folder.")
    with tempfile.TemporaryDirectory(prefix="pacs-gateway-demo-") as folder:
        settings = _demo_settings(Path(folder))

        def show(running: Settings, password: str | None) -> None:
            began = monotonic()
            sent = _send(running, files)
            console.print(
                f"{sent} of {len(files)} images received over the network"
                f" in {monotonic() - began:.1f} s.\n\n"
                f"  URL       http://{running.web.host}:{running.web.port}/\n"
                f"  user      admin\n"
                f"  password  {password or '(PACS_GATEWAY_ADMIN_PASSWORD)'}\n"
                f"  DICOM     {running.dicom.ae_title} on port {running.dicom.port}\n\n"
                "Everything is forgotten when you stop it: Ctrl-C.",
                highlight=False,
            )

        serve(settings, wanted=ALL_ROLES, on_ready=show)


def _demo_settings(folder: Path) -> Settings:
    settings = load_settings(data_dir=folder)
    return settings.model_copy(
        update={
            "spool": settings.spool.model_copy(
                update={
                    "reserve_bytes": DEMO_RESERVE_BYTES,
                    "stop_associations_percent": 100.0,
                    "refuse_percent": 100.0,
                }
            )
        }
    )


def _send(settings: Settings, files: list[Path]) -> int:
    """Send files as a modality would; return how many arrived."""
    # Imported here, because nothing else on the command line needs pynetdicom.
    from pacs_gateway.dimse.sending import send_files  # noqa: PLC0415

    return send_files(
        files, host="127.0.0.1", port=settings.dicom.port, called_ae=settings.dicom.ae_title
    )
