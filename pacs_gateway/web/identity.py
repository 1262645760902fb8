"""Whose gateway this is, as pages show it: name, logo and colours, from the settings."""

from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.config import HospitalSettings
from pacs_gateway.errors import ConfigurationError, UnknownError
from pacs_gateway.identity import Shades, dark_shades, light_shades, read_logo
from pacs_gateway.web.caching import not_modified

_LOGO, _COLOURS = "logo", "colours.css"
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Their address names their content."""


@dataclass(frozen=True, slots=True)
class _Served:
    content: bytes
    media_type: str


class Identity:
    """What a hospital calls its own; read once, when the application is made.

    Raises ConfigurationError if the logo cannot be used any more.
    """

    def __init__(self, settings: HospitalSettings) -> None:
        self.name = settings.name
        self._files: dict[str, _Served] = {}
        if settings.logo is not None:
            try:
                logo = read_logo(settings.logo)
            except ValueError as error:
                raise ConfigurationError(f"Setting hospital.logo is wrong: {error}.") from error
            self._files[_LOGO] = _Served(logo.content, logo.media_type)
        if settings.accent is not None:
            sheet = _sheet(settings.accent, settings.accent_dark or settings.accent)
            self._files[_COLOURS] = _Served(sheet.encode(), "text/css")

    @property
    def logo(self) -> str:
        """The address of the logo, empty if there is none."""
        return self._address(_LOGO)

    @property
    def colours(self) -> str:
        """The address of the style sheet, empty if the colours are ours."""
        return self._address(_COLOURS)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [Route("/identity/{digest}/{name}", self.file, methods=["GET"])]

    def file(self, request: Request) -> Response:
        """Send the logo, or the colours."""
        served = self._files.get(request.path_params["name"])
        if served is None or request.path_params["digest"] != _digest(served):
            raise UnknownError("There is no such file.")
        headers = {**_HEADERS, "ETag": f'"{_digest(served)}"'}
        unchanged = not_modified(request, headers)
        return unchanged or Response(served.content, headers=headers, media_type=served.media_type)

    def _address(self, name: str) -> str:
        served = self._files.get(name)
        return f"/identity/{_digest(served)}/{name}" if served else ""


def _digest(served: _Served) -> str:
    return sha256(served.content).hexdigest()[:12]


def _sheet(light: str, dark: str) -> str:
    """Return the style sheet; its selectors are those of tokens.css, which it follows."""
    night = _variables(dark_shades(dark))
    return (
        f":root {{ {_variables(light_shades(light))} }}\n"
        '@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) '
        f"{{ {night} }} }}\n"
        f':root[data-theme="dark"] {{ {night} }}\n'
    )


def _variables(shades: Shades) -> str:
    return (
        f"--accent: {shades.accent}; --accent-strong: {shades.strong};"
        f" --on-accent: {shades.on_accent}; --accent-ground: {shades.ground};"
    )
