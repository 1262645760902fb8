"""`/healthz`, `/readyz` and `/metrics`: for supervisors, proxies and Prometheus."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.measuring.scraping import scrape
from pacs_gateway.web.services import Services
from storage.errors import StorageError

PROBE_DEADLINE_S = 5.0
"""Load balancers give up after about this long themselves."""

_log = structlog.get_logger(__name__)


class HealthEndpoints:
    """What tells machines how the gateway is."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._probes: dict[str, Callable[[], None]] = {
            "index": services.index.ping,
            "objects": services.store.ping,
            "spool": services.ingest.spool.capacity.check_instance,
        }

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.measurements),
        ]

    async def healthz(self, request: Request) -> Response:
        """Answer as long as the process lives."""
        del request
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Answer 200 if every part the gateway rests on works, else 503 and which does not."""
        del request
        states = await asyncio.gather(*(self._state(name) for name in self._probes))
        ready = all(state == "ok" for state in states)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(dict(zip(self._probes, states, strict=True)), status)

    async def measurements(self, request: Request) -> Response:
        """Answer with the counts of all processes of this host in Prometheus' text format."""
        del request
        services = self._services
        text = await run_in_threadpool(
            scrape, services.meters, services.settings.metrics_dir, services.states
        )
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _state(self, name: str) -> str:
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                await run_in_threadpool(self._probes[name])
        except TimeoutError:
            return "silent"
        except StorageError as error:
            _log.warning("not ready", part=name, reason=str(error))
            return "failed"
        return "ok"
