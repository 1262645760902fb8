"""Gateways for the tests of the HTTP edge."""

from collections.abc import Iterator

import pytest

from tests.integration.web.gateway import Gateway, running, sample, settings_for

STUDY = ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "test-SR.dcm")


@pytest.fixture(name="gateway", scope="package")
def fixture_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway shared by tests that do not change its settings."""
    with running(settings_for(tmp_path_factory.mktemp("gateway"))) as gateway:
        yield gateway


@pytest.fixture(name="filled", scope="package")
def fixture_filled(gateway: Gateway) -> Gateway:
    """Return the gateway with some studies in it."""
    answer = gateway.client("device").store(*map(sample, STUDY))
    assert answer.status == 200, answer.body
    return gateway
