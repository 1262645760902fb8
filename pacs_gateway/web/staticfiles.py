"""What the browser fetches as it is: small over the wire, and never asked for twice.

Large files have a compressed twin beside them, written when they were built; small ones are
compressed here when they are first asked for, and kept: all of them together are some 100 kB.
"""

import gzip
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pacs_gateway.web.negotiation import takes

_TWINS = {"br": ".br", "gzip": ".gz"}
"""Codings by what they are called and what ends the name of a twin, the smaller first."""
_LARGEST_SMALL = 256 * 1024
_COMPRESSIBLE = frozenset({".css", ".js", ".json", ".svg"})
_LEVEL = 9
"""Done once for every file, so as small as it gets."""


class ImmutableFiles(StaticFiles):
    """Static files below a path that names their content, so that browsers never ask again."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._compressed: dict[str, bytes] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, compressed where the browser takes that."""
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.OK and isinstance(response, FileResponse):
            accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
            response = self._smaller(Path(response.path), accepted) or response
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
            response.headers["Vary"] = "Accept-Encoding"
        return response

    def _smaller(self, file: Path, accepted: str) -> Response | None:
        media_type = guess_type(file.name)[0]
        for coding, suffix in _TWINS.items():
            twin = file.with_name(file.name + suffix)
            if takes(coding, accepted) and twin.is_file():
                headers = {"Content-Encoding": coding}
                return FileResponse(twin, headers=headers, media_type=media_type)
        if not takes("gzip", accepted) or file.suffix not in _COMPRESSIBLE:
            return None
        body = self._compressed.get(str(file))
        if body is None:
            if file.stat().st_size > _LARGEST_SMALL:
                return None
            body = self._compressed[str(file)] = gzip.compress(file.read_bytes(), _LEVEL, mtime=0)
        return Response(body, media_type=media_type, headers={"Content-Encoding": "gzip"})
