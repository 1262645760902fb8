"""Puts the HTTP edge of one process together from the archive's parts, and serves it."""

import socket
import threading
from collections.abc import Callable

from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.pictures import Pictures
from pacs_gateway.archive.previews import Previews
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import Settings
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.web.app import create_app
from pacs_gateway.web.server import serve
from pacs_gateway.web.services import Services
from storage.cache import DiskCache
from storage.index import Index
from storage.lookup import Lookup
from storage.objects import ObjectStore
from storage.registry import Registry


def pictures_of(
    settings: Settings, retrieval: Retrieval, renderer: Renderer, cache: DiskCache
) -> Pictures:
    """Return the maker of pictures under the limits of an installation."""
    return Pictures(
        retrieval,
        renderer,
        cache,
        max_cine_frames=settings.imaging.max_cine_frames,
        max_cine_bytes=settings.imaging.max_cine_bytes,
    )


def serve_web(
    settings: Settings,
    *,
    index: Index,
    store: ObjectStore,
    registry: Registry,
    retrieval: Retrieval,
    lookup: Lookup,
    ingest: Ingest,
    deletion: Deletion,
    cache: DiskCache,
    listener: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` when requests are taken."""
    renderer = Renderer(settings.imaging)
    services = Services(
        settings=settings,
        index=index,
        store=store,
        registry=registry,
        retrieval=retrieval,
        ingest=ingest,
        deletion=deletion,
        renderer=renderer,
        pictures=pictures_of(settings, retrieval, renderer, cache),
    )
    # The first picture should not wait for a decoder to load its libraries, nor the start for it.
    threading.Thread(target=renderer.start, daemon=True, name="renderer-start").start()
    stop = threading.Event()
    previews = Previews(retrieval, lookup, services.pictures, quiet_s=settings.cache.quiet_s)
    threading.Thread(target=previews.run, args=(stop,), daemon=True, name="previews").start()
    try:
        serve(create_app(services), settings.web, sock=listener, on_ready=ready)
    finally:
        stop.set()
        services.pictures.close()
        renderer.close()
