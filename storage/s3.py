"""The object store on an S3 server, with the calls that every make of server has.

No conditional put and no versioning: servers differ there, and keys that hold the digest need
neither. An ETag is never read as a digest, because it is none after a multipart upload; the
SHA-256 travels as user metadata, and so does the time at which the bytes came to a gateway.
"""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError

from storage.errors import FullError, NotFoundError, StorageError, UnavailableError
from storage.objects import (
    PIECE_BYTES,
    ObjectInfo,
    S3Options,
    check_key,
    check_range,
    modified_at,
)

PART_BYTES = 16 * 1024 * 1024
"""Objects beyond this are sent in parts, one after the other: a put holds no more in memory.

With the 10,000 parts that S3 allows, the largest object is 156 GiB."""

_RETRIES = 1
"""Enough for a kept connection that the server closed. The spool waits out anything longer."""
_RETRY_STATUSES = (500, 502, 503, 504)
_TOO_MANY_REQUESTS = 429
_INSUFFICIENT_STORAGE = 507
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_REFUSED_STATUSES = (401, 403)
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class S3ObjectStore:
    """Objects in one bucket, which is made at first use if it is missing."""

    def __init__(self, bucket: str, options: S3Options) -> None:
        """Describe the server without contacting it.

        Raises ValueError: one sentence about what is missing or wrong.
        """
        if not _BUCKET_NAME.fullmatch(bucket):
            raise ValueError(f"{bucket!r} cannot be the name of an S3 bucket.")
        if not (options.endpoint and options.access_key and options.secret_key):
            raise ValueError(
                "An S3 object store needs an endpoint, an access key and a secret key."
            )
        self._bucket = bucket
        self._client = _client(options)
        self._prepared = False

    def prepare(self) -> None:
        """Make the bucket if it is missing."""
        with _translated():
            if not self._client.bucket_exists(self._bucket):
                self._make_bucket()
        self._prepared = True

    def put(self, key: str, source: Path, *, sha256: str) -> None:
        check_key(key)
        status = source.stat()
        with self._using(), source.open("rb") as stream:
            self._client.put_object(
                self._bucket,
                key,
                stream,
                status.st_size,
                content_type="application/dicom",
                metadata={"sha256": sha256, "received-at": modified_at(status).isoformat()},
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )

    def read(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> Generator[bytes, None, None]:
        check_key(key)
        check_range(offset, length)
        pieces = self._pieces(key, offset, length)
        next(pieces)
        return pieces

    def head(self, key: str) -> ObjectInfo:
        check_key(key)
        with self._using():
            found = self._client.stat_object(self._bucket, key)
        if found.size is None or found.last_modified is None or found.metadata is None:
            raise UnavailableError("The S3 server left out the size or date of an object.")
        return ObjectInfo(
            found.size,
            found.last_modified,
            _received_at(found.metadata.get("x-amz-meta-received-at"), found.last_modified),
            found.metadata.get("x-amz-meta-sha256"),
        )

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._using():
            for found in self._client.list_objects(self._bucket, prefix, recursive=True):
                yield str(found.object_name)

    def delete(self, key: str) -> None:
        check_key(key)
        with self._using():
            self._client.remove_object(self._bucket, key)

    def ping(self) -> None:
        self.prepare()

    def _pieces(self, key: str, offset: int, length: int | None) -> Generator[bytes, None, None]:
        """Yield b"" once the server has answered, so that the caller learns of a missing object.

        A generator that has begun also runs its `finally` when it is dropped; a new one would not.
        """
        with self._using():
            response = self._answer(key, offset, length)
            try:
                yield b""
                # Stored bytes are sent as they are, whatever encoding the server may claim.
                yield from response.stream(PIECE_BYTES, decode_content=False)
            finally:
                # Closing first: what was not read must not be taken for the next answer.
                response.close()
                response.release_conn()

    def _answer(self, key: str, offset: int, length: int | None) -> urllib3.BaseHTTPResponse:
        if length == 0:
            # The client would take 0 for "all".
            self._client.stat_object(self._bucket, key)
            return urllib3.HTTPResponse(BytesIO())
        try:
            return self._client.get_object(self._bucket, key, offset, length or 0)
        except S3Error as error:
            if error.code != "InvalidRange":
                raise
            return urllib3.HTTPResponse(BytesIO())

    @contextmanager
    def _using(self) -> Iterator[None]:
        if not self._prepared:
            self.prepare()
        with _translated():
            yield

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            # Another process was quicker.
            if error.code != "BucketAlreadyOwnedByYou":
                raise


def _received_at(text: str | None, stored_at: datetime) -> datetime:
    """Return the time that travels with an object; what others put there has none, or another."""
    try:
        received_at = datetime.fromisoformat(text or "")
    except ValueError:
        return stored_at
    return received_at if received_at.tzinfo is not None else stored_at


class _BoundedPool(urllib3.PoolManager):
    """Connections of which there are never more than allowed, and for which nobody waits forever."""

    def __init__(self, options: S3Options) -> None:
        super().__init__(
            maxsize=options.max_connections,
            block=True,
            timeout=urllib3.Timeout(
                connect=options.connect_deadline_s, read=options.read_deadline_s
            ),
            retries=urllib3.Retry(
                total=_RETRIES,
                status_forcelist=_RETRY_STATUSES,
                backoff_factor=0.2,
                # A server may ask for hours.
                respect_retry_after_header=False,
            ),
        )
        self._wait_s = options.read_deadline_s

    def urlopen(  # type: ignore[override]  # Its base has the same looser signature.
        self, method: str, url: str, redirect: bool = True, **others: Any
    ) -> urllib3.BaseHTTPResponse:
        return super().urlopen(method, url, redirect, pool_timeout=self._wait_s, **others)


def _client(options: S3Options) -> Minio:
    try:
        return Minio(
            options.endpoint,
            access_key=options.access_key,
            secret_key=options.secret_key,
            region=options.region,
            secure=options.secure,
            http_client=_BoundedPool(options),
        )
    except ValueError as error:
        raise ValueError(
            f"The S3 endpoint {options.endpoint!r} is wrong; write host:port, without http://."
        ) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Translate the faults we understand; no text repeats a URL, as keys name studies."""
    try:
        yield
    except S3Error as error:
        translated = _understood(error)
        if translated is None:
            raise
        raise translated from error
    except (urllib3.exceptions.HTTPError, InvalidResponseError, ServerError, OSError) as error:
        raise UnavailableError(
            f"Talking to the S3 server failed ({type(error).__name__})."
        ) from error


def _understood(error: S3Error) -> StorageError | None:
    status = error.response.status
    if error.code == "NoSuchKey":
        return NotFoundError("There is no object under this key.")
    if error.code in _FULL_CODES or status == _INSUFFICIENT_STORAGE:
        return FullError("The S3 server has no room left.")
    if status in _REFUSED_STATUSES:
        return UnavailableError(f"The S3 server refuses our keys ({error.code}).")
    if status >= 500 or status == _TOO_MANY_REQUESTS or error.code == "NoSuchBucket":  # noqa: PLR2004
        return UnavailableError(f"The S3 server cannot serve now ({error.code}).")
    return None
