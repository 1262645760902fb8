"""A C-STORE user for the demonstration: each file in its own transfer syntax."""

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE, build_context

from pacs_gateway.dimse.server import configure_pynetdicom
from pacs_gateway.errors import UnavailableError

CONNECT_DEADLINE_S = 10.0
RESPONSE_DEADLINE_S = 60.0
SUCCESS = 0x0000


def send_files(
    files: Sequence[Path], *, host: str, port: int, called_ae: str, calling_ae: str = "DEMO"
) -> int:
    """Send every file over one association; return how many were stored.

    Raises UnavailableError if no association is granted.
    """
    configure_pynetdicom()
    data_sets = [dcmread(path) for path in files]
    pairs = {(found.SOPClassUID, found.file_meta.TransferSyntaxUID) for found in data_sets}
    entity = AE(ae_title=calling_ae)
    entity.acse_timeout = entity.connection_timeout = CONNECT_DEADLINE_S
    entity.dimse_timeout = entity.network_timeout = RESPONSE_DEADLINE_S
    contexts = [build_context(*pair) for pair in sorted(pairs)]
    association = entity.associate(host, port, contexts=contexts, ae_title=called_ae)
    if not association.is_established:
        raise UnavailableError(f"{called_ae} at {host}:{port} granted no association.")
    statuses = [association.send_c_store(data_set) for data_set in data_sets]
    association.release()
    return sum(status.get("Status") == SUCCESS for status in statuses)
