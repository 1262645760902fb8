"""Real programs that tests talk to, started on free loopback ports with throw-away data."""

from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.servers.processes import free_port, running, wait_until
from tests.servers.programs import require_program
from tests.servers.s3 import S3Server, minio, versitygw

__all__ = [
    "PostgresqlServer",
    "S3Server",
    "free_port",
    "minio",
    "postgresql",
    "require_program",
    "running",
    "versitygw",
    "wait_until",
]
