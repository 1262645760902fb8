"""Session-wide real servers; each starts when the first test asks for it."""

from collections.abc import Iterator
from functools import partial

import pytest
from argon2 import PasswordHasher, profiles
from hypothesis import HealthCheck, settings
from pynetdicom.transport import AssociationSocket

from pacs_gateway.access import passwords
from pacs_gateway.dimse.closing import ClosingSocket
from tests.servers import PostgresqlServer, S3Server, minio, postgresql, versitygw
from tests.servers.s3 import external_s3

# A machine that does other work is slow, which says nothing about what is tested.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    external = external_s3()
    if external is not None:
        yield external
        return
    with minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session")
def versitygw_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _stock_sockets_are_closed() -> None:
    """Close what the tests' own requestors leave open when their peer goes first.

    A descriptor that the garbage collector finds is a warning, and so an error, in another test.
    """
    AssociationSocket._shutdown_socket = ClosingSocket._shutdown_socket


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """Hash with the same algorithm, but in 1 ms; hundreds of tests log somebody in.

    What a password costs outside the tests is tested in tests/unit/access/test_passwords.py.
    """
    cheap = partial(PasswordHasher.from_parameters, profiles.CHEAPEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", cheap)
        yield
