"""Metadata of a study, series or instance as one JSON document (PS3.18 10.4.1.1.2 and annex F).

The headers come as ingest wrote them; only the addresses of bulk data are completed, because they
depend on the name under which the client knows this server.
"""

import zlib
from collections.abc import Iterator, Sequence

from pacs_gateway.web.bodies import Bodies
from storage.lookup import StoredHeader

GZIP_LEVEL = 4
"""Headers of one series are alike: of 2.2 MB of 200 CT headers 1 leaves a tenth, 4 a twentieth."""

# Inside JSON strings quotes are escaped, so these bytes can be nothing but the attribute.
_BULK_DATA = b'"BulkDataURI":"bulkdata/'


def json_array(headers: Iterator[StoredHeader], study_url: str) -> Iterator[bytes]:
    """Yield the pieces of an array of headers; `study_url` is the address of their study."""
    before = b"["
    for header in headers:
        yield before
        yield _located(header, study_url)
        before = b","
    yield b"[]" if before == b"[" else b"]"


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of one gzip stream."""
    gzip = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield gzip.compress(piece)
    yield gzip.flush()


class Remembering:
    """Puts a document into memory once it is complete, if it is what its key says.

    The revision was read before the headers, and an instance may have come between; the header
    of one instance (revision None) never changes.
    """

    def __init__(self, bodies: Bodies, key: str, revision: Sequence[int] | None) -> None:
        self._bodies = bodies
        self._key = key
        self._revision = revision
        self._numbers: list[int] = []

    def noting(self, headers: Iterator[StoredHeader]) -> Iterator[StoredHeader]:
        """Yield headers, noting which they are."""
        for header in headers:
            self._numbers.append(header.number)
            yield header

    def kept(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of the finished document, and keep them if they are not too large."""
        together: list[bytes] = []
        size = 0
        for piece in pieces:
            size += len(piece)
            if size <= self._bodies.largest:
                together.append(piece)
            else:
                together.clear()
            yield piece
        expected = self._revision is None or sorted(self._numbers) == list(self._revision)
        if size <= self._bodies.largest and expected:
            self._bodies.put(self._key, b"".join(together))


def _located(header: StoredHeader, study_url: str) -> bytes:
    model = zlib.decompress(header.metadata)
    if _BULK_DATA not in model:
        return model
    place = f"{study_url}/series/{header.series_uid}/instances/{header.sop_instance_uid}/bulkdata/"
    return model.replace(_BULK_DATA, b'"BulkDataURI":"' + place.encode("ascii"))
