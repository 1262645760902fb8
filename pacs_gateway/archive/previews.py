"""Small pictures of new studies, made before anyone asks (docs/design/0011-renderings.md).

Losing any of this costs a reader a moment, so nothing here is durable, and nothing is retried.
"""

from datetime import datetime, timedelta
from threading import Event

import structlog

from pacs_gateway.archive.pictures import Pictures, is_image, middle_frame, representative
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.errors import GatewayError
from pacs_gateway.imaging.options import RenderOptions, Viewport
from storage.errors import StorageError
from storage.lookup import Lookup
from storage.records import utc_now

THUMBNAIL = Viewport(columns=160, rows=160)
"""What stands for a study or series in lists; the study list's own size."""
PREVIEW = Viewport(columns=256, rows=256)
"""The tiles of a study's page."""
POLL_S = 2.0
"""How often the index is asked what has arrived; one indexed query."""
SERIES_AT_ONCE = 200
"""Series looked at in one round; the others of a rush are made when they are asked for."""

_log = structlog.get_logger(__name__)


class Previews:
    """Makes thumbnail and first preview of each series that has come and is quiet now."""

    def __init__(
        self, retrieval: Retrieval, lookup: Lookup, pictures: Pictures, *, quiet_s: float
    ) -> None:
        self._retrieval = retrieval
        self._lookup = lookup
        self._pictures = pictures
        self._quiet = timedelta(seconds=quiet_s)

    def run(self, stop: Event) -> None:
        """Work until `stop` is set, beginning with what arrives from now on."""
        after = utc_now() - self._quiet
        while not stop.wait(POLL_S):
            until = utc_now() - self._quiet
            try:
                self.make(after, until, stop)
            except StorageError as error:
                _log.warning("previews are not made just now", reason=str(error))
            after = until

    def make(self, after: datetime, until: datetime, stop: Event) -> None:
        """Make previews of all series of the studies that were last added to in between."""
        found = self._lookup.series_received(after, until, limit=SERIES_AT_ONCE)
        for study_uid, series_uid in found:
            if stop.is_set():
                return
            try:
                self._of_series(study_uid, series_uid)
            except GatewayError as error:
                # Whoever looks at it is told the same; one bad image must not stop the others.
                _log.info("no preview", reason=str(error))

    def _of_series(self, study_uid: str, series_uid: str) -> None:
        instances = self._retrieval.instances(study_uid, series_uid)
        shown = representative(instances)
        if not is_image(shown):
            return
        self._pictures.picture(shown, middle_frame(shown), RenderOptions(viewport=THUMBNAIL))
        first = next(instance for instance in instances if is_image(instance))
        self._pictures.picture(first, 1, RenderOptions(viewport=PREVIEW))
