"""Protects: over the network every service is served exactly to those devices whose entry allows it,
in the number and at the rate that it allows; nobody gets more by another's AE title."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    MRImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_gateway.audit import acts
from storage.peers import Peer, PeerService
from tests.integration.dimse.pacs import Pacs, network_address, running, shipped

CONTEXTS = {
    "echo": Verification,
    "store": CTImageStorage,
    "find": StudyRootQueryRetrieveInformationModelFind,
    "move": StudyRootQueryRetrieveInformationModelMove,
    "get": StudyRootQueryRetrieveInformationModelGet,
    "commit": StorageCommitmentPushModel,
    "worklist": ModalityWorklistInformationFind,
    "mpps": ModalityPerformedProcedureStep,
}
NOT_AUTHORIZED = 0x0124
ELSEWHERE = "198.51.100.7"
COMBINATIONS = ["", *PeerService, "echo store", "echo find get", "find move", "store get"]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with running(
        tmp_path_factory.mktemp("pacs"), host=network_address(), max_associations_per_peer=8
    ) as found:
        for number, services in enumerate(COMBINATIONS):
            know(found, Peer(ae_title=f"RULE{number}", host=here(), port=104, services=services))
        know(found, Peer(ae_title="ELSEWHERE", host=ELSEWHERE, port=104))
        yield found


def here() -> str:
    return network_address()


def know(pacs: Pacs, peer: Peer) -> None:
    pacs.archive.peers.add(
        peer, acts.peer_changed(acts.SYSTEM, ae_title=peer.ae_title, change="added")
    )


@contextmanager
def calling(pacs: Pacs, title: str, *sop_classes: str) -> Iterator[Association]:
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    for sop_class in sop_classes or tuple(CONTEXTS.values()):
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = entity.associate(here(), pacs.port)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def ct() -> Dataset:
    return dcmread(BytesIO(shipped("CT_small.dcm")))


@pytest.mark.parametrize(("number", "services"), list(enumerate(COMBINATIONS)))
def test_every_service_of_every_rule(pacs: Pacs, number: int, services: str) -> None:
    allowed = set(services.split()) or set(CONTEXTS)
    with calling(pacs, f"RULE{number}") as association:
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
        served = {name for name, uid in CONTEXTS.items() if uid in accepted}
        # Who may fetch needs the storage context to be sent to, and yet may not store by it.
        assert served - {"store"} == allowed - {"store"}
        assert ("store" in served) is bool(allowed & {"store", "get"})
        if "store" in served:
            status = association.send_c_store(ct()).Status
            assert status == (0 if "store" in allowed else NOT_AUTHORIZED)


@pytest.mark.parametrize("title", ["NOBODY", "ELSEWHERE", "rule0"])
def test_strangers_get_nothing_and_are_listed(pacs: Pacs, title: str) -> None:
    with calling(pacs, title) as association:
        assert association.is_rejected
    assert (title, here()) in {(held.ae_title, held.address) for held in pacs.archive.peers.held()}


def test_who_was_just_accepted_is_let_in_at_the_next_call(pacs: Pacs) -> None:
    with calling(pacs, "FRESH") as refused:
        assert refused.is_rejected
    know(pacs, Peer(ae_title="FRESH", host=here(), port=104))
    time.sleep(0.6)
    with calling(pacs, "FRESH") as association:
        assert association.is_established


def test_only_the_sop_classes_of_the_entry(pacs: Pacs) -> None:
    entry = Peer(ae_title="MR1", host=here(), port=104, sop_classes=MRImageStorage)
    know(pacs, entry)
    time.sleep(0.6)
    with calling(pacs, "MR1", CTImageStorage, MRImageStorage) as association:
        accepted = [str(context.abstract_syntax) for context in association.accepted_contexts]
    assert accepted == [MRImageStorage]


def test_no_more_associations_than_the_entry_allows(pacs: Pacs) -> None:
    know(pacs, Peer(ae_title="TWICE", host=here(), port=104, max_associations=2))
    time.sleep(0.6)
    with calling(pacs, "TWICE") as first:
        with calling(pacs, "TWICE") as second, calling(pacs, "TWICE") as third:
            assert (first.is_established, second.is_established) == (True, True)
            assert third.is_rejected
        # The place of an association that has ended is free again within moments.
        end = time.monotonic() + 5
        established = False
        while not established and time.monotonic() < end:
            with calling(pacs, "TWICE") as again:
                established = again.is_established
        assert established


def test_a_device_with_a_rate_is_slowed_down_and_loses_nothing(pacs: Pacs) -> None:
    know(pacs, Peer(ae_title="SLOW", host=here(), port=104, max_instances_per_minute=150))
    time.sleep(0.6)
    data_set, began = ct(), time.monotonic()
    with calling(pacs, "SLOW", CTImageStorage) as association:
        statuses = [association.send_c_store(data_set).Status for _ in range(5)]
    assert statuses == [0] * 5
    # The first one at once, each of the other four 0.4 s after the one before.
    assert time.monotonic() - began >= 4 * 0.4
