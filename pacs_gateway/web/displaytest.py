"""The page that tests a display, and says what displays are for."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.web.templating import Templates


class DisplayTestEndpoints:
    """The route of the display test."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route("/display-test", self.show, methods=["GET"])]

    def show(self, request: Request) -> Response:
        """Show the pattern."""
        return self._templates.page(request, "displaytest.html", {})
