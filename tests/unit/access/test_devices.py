"""Protects: no entry of a device is kept that could never let it in, or that breaks a page."""

from dataclasses import replace
from typing import Any

import pytest

from pacs_gateway.access.devices import check_device, plain_digest
from pacs_gateway.errors import BadRequestError
from storage.peers import Peer

CT1 = Peer(ae_title="CT1", host="10.0.0.7", port=104)


@pytest.mark.parametrize(
    "right",
    [
        {"ae_title": "A"},
        {"ae_title": "SIXTEEN LETTERS!"},
        {"host": "10.0.0.0/24"},
        {"host": "fd00::7"},
        {"host": "ct-1.hospital.vn"},
        {"services": "echo store find move get"},
        {"sop_classes": "1.2.840.10008.5.1.4.1.1.2 1.2.840.10008.5.1.4.1.1.4"},
        {"certificate_sha256": plain_digest("AB:" * 31 + "CD")},
        {"max_associations": 1, "max_instances_per_minute": 600},
    ],
)
def test_what_is_taken(right: dict[str, Any]) -> None:
    check_device(replace(CT1, **right))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": ""},
        {"ae_title": " CT1"},
        {"ae_title": "SEVENTEEN LETTERS"},
        {"ae_title": "A\\B"},
        {"ae_title": "CT\n1"},
        {"host": ""},
        {"host": "10.0.0.0/33"},
        {"host": "http://10.0.0.7"},
        {"port": 0},
        {"port": 65536},
        {"services": "echo everything"},
        {"sop_classes": "CT"},
        {"certificate_sha256": "ab"},
        {"certificate_sha256": "g" * 64},
        {"max_associations": 0},
        {"max_instances_per_minute": 100_000},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        check_device(replace(CT1, **wrong))
