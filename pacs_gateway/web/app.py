"""The HTTP application: every route behind its guard, every fault in one table."""

from datetime import timedelta

from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from pacs_gateway import __version__
from pacs_gateway.access.management import Management
from pacs_gateway.config import Settings
from pacs_gateway.web import problems
from pacs_gateway.web.account import AccountEndpoints
from pacs_gateway.web.administration.linkkeys import LinkKeyEndpoints
from pacs_gateway.web.administration.peers import PeerEndpoints
from pacs_gateway.web.administration.tokens import TokenEndpoints
from pacs_gateway.web.administration.users import UserEndpoints
from pacs_gateway.web.arrivals import ArrivalEndpoints
from pacs_gateway.web.audit import AuditEndpoints
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.bulkdata import BulkEndpoints
from pacs_gateway.web.capabilities import CapabilitiesEndpoints
from pacs_gateway.web.commitment import CommitmentEndpoints
from pacs_gateway.web.deletion import DeletionEndpoints
from pacs_gateway.web.displaytest import DisplayTestEndpoints
from pacs_gateway.web.documentation import DocumentationEndpoints
from pacs_gateway.web.errorpages import add_error_pages
from pacs_gateway.web.fhirorders import FhirOrderEndpoints
from pacs_gateway.web.gate import Gate, guard
from pacs_gateway.web.headers import AnswerHeaders
from pacs_gateway.web.health import HealthEndpoints
from pacs_gateway.web.healthpages import HealthPages
from pacs_gateway.web.identity import Identity
from pacs_gateway.web.inbox import InboxPages
from pacs_gateway.web.login import LoginRules, Logins
from pacs_gateway.web.measurements import MeasurementEndpoints
from pacs_gateway.web.neighbours import NeighbourEndpoints
from pacs_gateway.web.ohif import OhifEndpoints
from pacs_gateway.web.orderpages import OrderPages
from pacs_gateway.web.orders import OrderEndpoints
from pacs_gateway.web.packages import PackageEndpoints, Packages
from pacs_gateway.web.pages import PageEndpoints
from pacs_gateway.web.priors import PriorEndpoints
from pacs_gateway.web.qido import SearchEndpoints
from pacs_gateway.web.reading import ReadingEndpoints
from pacs_gateway.web.rendered import RenderedEndpoints
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import SessionEndpoints
from pacs_gateway.web.shared import SharedEndpoints
from pacs_gateway.web.shares import ShareEndpoints
from pacs_gateway.web.sharing import Sharing
from pacs_gateway.web.signin import OIDC_PATH, SignInEndpoints, no_provider
from pacs_gateway.web.stow import StoreEndpoints
from pacs_gateway.web.tags import TagEndpoints
from pacs_gateway.web.templating import Templates
from pacs_gateway.web.view import ViewEndpoints
from pacs_gateway.web.viewing import ViewingEndpoints
from pacs_gateway.web.wado import RetrieveEndpoints
from pacs_gateway.web.wado_uri import WadoUriEndpoints


def create_app(services: Services) -> FastAPI:
    """Return the application.

    Raises LookupError if a route has no entry in the access table.
    """
    settings = services.settings.web
    app = FastAPI(
        title="PACS gateway API",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    identity = Identity(services.settings.hospital)
    templates = Templates(services.settings.language, identity, services.alarms.now)
    access = services.settings.access
    logins = Logins(services.accounts, _login_rules(services.settings))
    authenticator = Authenticator(
        services.accounts,
        services.guests,
        logins,
        scopes=access.scopes,
        idle=timedelta(minutes=access.session_idle_minutes),
    )
    management = Management(services.accounts)
    retrieve, rendered = RetrieveEndpoints(services), RenderedEndpoints(services)
    packages = Packages(services, templates)
    sharing = Sharing(
        services.index,
        services.shares,
        hospital=services.settings.hospital.name,
        other_language="en" if services.settings.language == "vi" else "vi",
    )
    app.router.routes.extend(
        [
            *retrieve.routes(),
            *BulkEndpoints(services).routes(),
            *CapabilitiesEndpoints(services.settings).routes(),
            *rendered.routes(),
            *WadoUriEndpoints(services, retrieve, rendered).routes(),
            *SearchEndpoints(services).routes(),
            *StoreEndpoints(services).routes(),
            *CommitmentEndpoints(services).routes(),
            *DeletionEndpoints(services).routes(),
            *_oidc(services, logins, management, authenticator),
            *SessionEndpoints(services, logins, authenticator).routes(),
            *SignInEndpoints(services, logins, authenticator, templates).routes(),
            *ViewingEndpoints(services).routes(),
            *MeasurementEndpoints(services).routes(),
            *PageEndpoints(services, templates).routes(),
            *ArrivalEndpoints(services.arrivals, settings).routes(),
            *NeighbourEndpoints(services).routes(),
            *identity.routes(),
            *ReadingEndpoints(services, templates).routes(),
            *OrderEndpoints(services).routes(),
            *FhirOrderEndpoints(services).routes(),
            *OrderPages(services, templates).routes(),
            *InboxPages(services, templates).routes(),
            *TagEndpoints(services, templates).routes(),
            *PriorEndpoints(services).routes(),
            *ShareEndpoints(services, sharing, authenticator, templates).routes(),
            *SharedEndpoints(services, sharing, rendered, packages, templates).routes(),
            *PackageEndpoints(packages).routes(),
            *AuditEndpoints(services, templates).routes(),
            *ViewEndpoints(services, authenticator, templates).routes(),
            *UserEndpoints(services, management, authenticator, templates).routes(),
            *TokenEndpoints(services, management, authenticator, templates).routes(),
            *AccountEndpoints(services, logins, management, authenticator, templates).routes(),
            *PeerEndpoints(services, templates).routes(),
            *LinkKeyEndpoints(services, templates).routes(),
            *OhifEndpoints(services.settings, templates).routes(),
            *DisplayTestEndpoints(templates).routes(),
            *HealthEndpoints(services).routes(),
            *HealthPages(services, templates).routes(),
            *DocumentationEndpoints(app).routes(),
        ]
    )
    gate = Gate(
        authenticator,
        services.index,
        services.recorder,
        hours=access.hours,
        behind_proxy=settings.behind_proxy,
    )
    guard(app.routes, gate)
    problems.install(app)
    add_error_pages(app, templates)
    app.add_middleware(
        AnswerHeaders, answered=services.meters.answered, frame_origins=settings.frame_origins
    )
    return app


def _oidc(
    services: Services, logins: Logins, management: Management, authenticator: Authenticator
) -> list[BaseRoute]:
    """Return the routes of the identity provider, which are unknown where there is none."""
    if not services.settings.oidc.issuer:
        return [Route(OIDC_PATH, no_provider), Route(f"{OIDC_PATH}/callback", no_provider)]
    # Its libraries take as much memory as everything else here, and few hospitals have one.
    from pacs_gateway.access.oidc import IdentityProvider  # noqa: PLC0415
    from pacs_gateway.web.oidc import OidcEndpoints  # noqa: PLC0415

    provider = IdentityProvider(services.settings.oidc)
    return OidcEndpoints(services, provider, logins, management, authenticator).routes()


def _login_rules(settings: Settings) -> LoginRules:
    web, access = settings.web, settings.access
    return LoginRules(
        session=timedelta(hours=web.session_hours),
        attempts=web.login_attempts,
        pause_s=web.login_pause_s,
        lock_after=access.lock_after,
        lock=timedelta(minutes=access.lock_minutes),
        behind_proxy=web.behind_proxy,
    )
