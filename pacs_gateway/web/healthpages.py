"""`/admin/health` and `/admin/digest`: what `doctor` says, and what the mornings' digests said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.doctor.digest import Digest, digest_of
from pacs_gateway.doctor.examination import examine, graver_first
from pacs_gateway.doctor.findings import Finding, State, as_dict, from_json, worst
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.alarms import silence
from pacs_gateway.web.healthwords import day_text, digest_lines, say
from pacs_gateway.web.language import Texts
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.records import utc_now


class HostHealth(BaseModel):
    """What was found on one host."""

    host: str
    state: State
    findings: list[dict[str, Any]]


class HealthPages:
    """The routes of what administrators look at in the morning."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._services = services
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/admin/health", self.health, methods=["GET"]),
            APIRoute("/api/health", self.findings, methods=["GET"], tags=["health"]),
            Route("/admin/digest", self.digests, methods=["GET"]),
            Route("/admin/digest/{day}", self.digest, methods=["GET"]),
        ]

    def health(self, request: Request) -> Response:
        """Examine this host now, and show it with what the other hosts have told."""
        texts = self._templates.texts(request)
        found = self._examined()
        hosts = [
            {
                "name": host,
                "state": str(worst(findings)),
                "findings": [say(texts, each) for each in graver_first(findings)],
            }
            for host, findings in found
        ]
        context = {"hosts": hosts, "at": texts.moment(utc_now())}
        return self._templates.page(request, "admin/health.html", context)

    def findings(self) -> list[HostHealth]:
        """Say what is wrong with the gateway, by host."""
        return [
            HostHealth(
                host=host,
                state=worst(findings),
                findings=[as_dict(each) for each in findings],
            )
            for host, findings in self._examined()
        ]

    def digests(self, request: Request) -> Response:
        """Show the newest digest, with links to the earlier ones."""
        most = self._services.settings.guard.keep_digests
        stored = self._services.digests.latest(most)
        days = [each.day for each in stored]
        return self._digest_page(request, days, digest_of(stored[0]) if stored else None)

    def digest(self, request: Request) -> Response:
        """Show the digest of one morning."""
        stored = self._services.digests.of(request.path_params["day"])
        if stored is None:
            raise UnknownError("There is no digest of this day.")
        days = [
            each.day
            for each in self._services.digests.latest(self._services.settings.guard.keep_digests)
        ]
        return self._digest_page(request, days, digest_of(stored), shown=stored.day)

    def _digest_page(
        self, request: Request, days: Sequence[str], digest: Digest | None, *, shown: str = ""
    ) -> Response:
        texts = self._templates.texts(request)
        context: dict[str, Any] = {
            "days": [{"day": each, "text": day_text(texts, each)} for each in days],
            "shown": shown or (days[0] if days else ""),
            "digest": _digest_view(texts, digest) if digest else None,
            "hour": self._services.settings.guard.digest_hour,
        }
        return self._templates.page(request, "admin/digest.html", context)

    def _examined(self) -> list[tuple[str, list[Finding]]]:
        """Return the findings of all hosts by their names; of this one, as they are now."""
        services = self._services
        now = utc_now()
        here = services.subject.host
        found = [(here, examine(replace(services.subject, now=now)))]
        for report in services.health.reports():
            silent = silence(report, now, every_s=services.settings.guard.every_s)
            if report.host == here:
                found[0][1].extend([silent] if silent else [])
            else:
                others = [silent] if silent else list(from_json(report.findings))
                found.append((report.host, others))
        return found


def _digest_view(texts: Texts, digest: Digest) -> dict[str, Any]:
    seen = graver_first([finding for _, finding in digest.seen()])
    return {
        "day": day_text(texts, digest.day),
        "lines": digest_lines(texts, digest),
        "findings": [say(texts, each) for each in seen],
    }
