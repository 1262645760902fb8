"""Who may do what over HTTP: ONE table from route to permission and studies, default deny.

Invariant: a route without an entry here cannot be served, because the application refuses to be
made with it (web.gate), and no handler runs before the gate has admitted the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import HTTPConnection

from pacs_gateway.access.roles import Caller, Permission

SESSION_COOKIE = "pacs_gateway_session"
GUEST_COOKIE = "pacs_gateway_guest"
"""The session of a link or share, which may be there beside that of a login."""


class Studies(StrEnum):
    """Which studies a route shows, and so who makes sure that its caller may see them."""

    NONE = "none"
    NAMED = "named"
    """The one in its path: the gate checks, and records the look."""
    GLANCED = "glanced"
    """The one in its path, as small as lists show it: the gate checks, and records the look only
    when a larger picture is asked for; the list itself is a recorded search."""
    ASKED = "asked"
    """The one in its parameter `studyUID` (PS3.18 9.4.1.2): likewise."""
    SEARCHED = "searched"
    """Those it finds: the handler searches within the caller's reach; the gate records it."""


CHECKED = frozenset({Studies.NAMED, Studies.GLANCED, Studies.ASKED})
"""Ways by which the gate itself knows the study."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of its caller."""

    permission: Permission
    studies: Studies = Studies.NONE


PUBLIC = Rule(Permission.PUBLIC)
LOGGED_IN = Rule(Permission.LOGGED_IN)
LOOK = Rule(Permission.VIEW, Studies.NAMED)
GLANCE = Rule(Permission.VIEW, Studies.GLANCED)
SEARCH = Rule(Permission.VIEW, Studies.SEARCHED)
STORE = Rule(Permission.STORE)
ANNOTATE = Rule(Permission.ANNOTATE, Studies.NAMED)
DELETE = Rule(Permission.DELETE)
SHARE = Rule(Permission.SHARE)
ORDER = Rule(Permission.ORDER)
MATCH = Rule(Permission.MATCH)
ADMINISTER = Rule(Permission.ADMINISTER)

_STUDY = "/dicom-web/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"

TABLE: Mapping[str, Rule] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": Rule(Permission.MEASURE),
    "GET /login": PUBLIC,
    "POST /login": PUBLIC,
    "POST /logout": PUBLIC,
    "GET /login/oidc": PUBLIC,
    "GET /login/oidc/callback": PUBLIC,
    "GET /static": PUBLIC,
    "POST /language": PUBLIC,
    "POST /theme": PUBLIC,
    "GET /identity/{digest}/{name}": PUBLIC,
    "GET /": SEARCH,
    "GET /studies/{study_uid}": LOOK,
    "GET /read/{study_uid}": LOOK,
    "GET /studies/{study_uid}/tags": LOOK,
    "GET /ohif": Rule(Permission.VIEW),
    "GET /ohif/{path:path}": Rule(Permission.VIEW),
    "GET /display-test": LOGGED_IN,
    "GET /api/docs": LOGGED_IN,
    "GET /api/openapi.json": LOGGED_IN,
    "POST /api/session": PUBLIC,
    "GET /api/session": LOGGED_IN,
    "DELETE /api/session": LOGGED_IN,
    "OPTIONS /dicom-web": LOGGED_IN,
    "OPTIONS /dicom-web/": LOGGED_IN,
    "GET /dicom-web/studies": SEARCH,
    "GET /dicom-web/series": SEARCH,
    "GET /dicom-web/instances": SEARCH,
    f"GET {_STUDY}/series": LOOK,
    f"GET {_STUDY}/instances": LOOK,
    f"GET {_SERIES}/instances": LOOK,
    f"GET {_STUDY}": LOOK,
    f"GET {_SERIES}": LOOK,
    f"GET {_INSTANCE}": LOOK,
    f"GET {_STUDY}/metadata": LOOK,
    f"GET {_SERIES}/metadata": LOOK,
    f"GET {_INSTANCE}/metadata": LOOK,
    f"GET {_INSTANCE}/frames/{{frames}}": LOOK,
    f"GET {_INSTANCE}/bulkdata/{{path:path}}": LOOK,
    f"GET {_STUDY}/bulkdata": LOOK,
    f"GET {_SERIES}/bulkdata": LOOK,
    f"GET {_INSTANCE}/bulkdata": LOOK,
    f"GET {_STUDY}/pixeldata": LOOK,
    f"GET {_SERIES}/pixeldata": LOOK,
    f"GET {_INSTANCE}/pixeldata": LOOK,
    f"GET {_STUDY}/rendered": LOOK,
    f"GET {_SERIES}/rendered": LOOK,
    f"GET {_INSTANCE}/rendered": LOOK,
    f"GET {_INSTANCE}/frames/{{frame}}/rendered": LOOK,
    f"GET {_STUDY}/thumbnail": GLANCE,
    f"GET {_SERIES}/thumbnail": GLANCE,
    f"GET {_INSTANCE}/thumbnail": LOOK,
    f"GET {_INSTANCE}/frames/{{frame}}/thumbnail": LOOK,
    "GET /wado": Rule(Permission.VIEW, Studies.ASKED),
    "POST /dicom-web/studies": STORE,
    f"POST {_STUDY}": STORE,
    "POST /dicom-web/commitment-requests/{transaction}": STORE,
    "GET /dicom-web/commitment-requests/{transaction}": STORE,
    f"DELETE {_STUDY}": DELETE,
    f"DELETE {_SERIES}": DELETE,
    f"DELETE {_INSTANCE}": DELETE,
    "GET /view": PUBLIC,
    "GET /s/{token}": PUBLIC,
    "POST /s/{token}": PUBLIC,
    "GET /shared": Rule(Permission.VIEW),
    "GET /shared/download": Rule(Permission.VIEW),
    "GET /studies/{study_uid}/share": Rule(Permission.SHARE, Studies.NAMED),
    "POST /studies/{study_uid}/share": Rule(Permission.SHARE, Studies.NAMED),
    # They name studies of a list that is on record, within its reader's reach.
    "GET /api/worklist/neighbours": Rule(Permission.VIEW),
    "GET /api/worklist/arrivals": Rule(Permission.VIEW),
    "GET /api/studies/{study}/display": LOOK,
    "GET /api/studies/{study}/priors": LOOK,
    "GET /api/studies/{study}/measurements": LOOK,
    "POST /api/studies/{study}/measurements": ANNOTATE,
    "GET /api/studies/{study}/key-images": LOOK,
    "POST /api/studies/{study}/key-images": ANNOTATE,
    "GET /api/studies/{study}/presentation-states": LOOK,
    "GET /api/studies/{study}/archive": Rule(Permission.DOWNLOAD, Studies.NAMED),
    "GET /admin/shares": SHARE,
    "GET /admin/shares/{share_id}": SHARE,
    "POST /admin/shares/{share_id}/reprint": SHARE,
    "POST /admin/shares/{share_id}/revoke": SHARE,
    "POST /api/shares": SHARE,
    "DELETE /api/shares/{share_id}": SHARE,
    "POST /api/links": Rule(Permission.LINK),
    "DELETE /api/links/{nonce}": Rule(Permission.LINK),
    "GET /orders": Rule(Permission.ORDER, Studies.SEARCHED),
    "GET /orders/new": ORDER,
    "POST /orders": ORDER,
    "GET /orders/today": Rule(Permission.ORDER, Studies.SEARCHED),
    "GET /orders/{order_id}": Rule(Permission.ORDER, Studies.SEARCHED),
    "POST /orders/{order_id}/change": ORDER,
    "POST /orders/{order_id}/{act}": ORDER,
    "POST /orders/{order_id}/merge": MATCH,
    "POST /orders/{order_id}/merge/{merge_id}": MATCH,
    "GET /inbox": Rule(Permission.MATCH, Studies.SEARCHED),
    "POST /inbox/{study_uid}/{act}": MATCH,
    "GET /api/orders": Rule(Permission.ORDER, Studies.SEARCHED),
    "POST /api/orders": ORDER,
    "GET /api/orders/{order_id}": Rule(Permission.ORDER, Studies.SEARCHED),
    "POST /fhir/ServiceRequest": ORDER,
    "POST /fhir/Patient": ORDER,
    "GET /admin/link-keys": ADMINISTER,
    "POST /admin/link-keys": ADMINISTER,
    "POST /admin/link-keys/{key_id}/remove": ADMINISTER,
    "GET /admin/users": ADMINISTER,
    "POST /admin/users": ADMINISTER,
    "GET /admin/users/{username}": ADMINISTER,
    "POST /admin/users/{username}/{act}": ADMINISTER,
    "GET /api/users": ADMINISTER,
    "POST /api/users": ADMINISTER,
    "DELETE /api/users/{username}": ADMINISTER,
    "GET /admin/tokens": ADMINISTER,
    "POST /admin/tokens": ADMINISTER,
    "POST /admin/tokens/revoke": ADMINISTER,
    "GET /api/tokens": ADMINISTER,
    "POST /api/tokens": ADMINISTER,
    "DELETE /api/tokens/{token_id}": ADMINISTER,
    "GET /account": LOGGED_IN,
    "POST /account/password": LOGGED_IN,
    "POST /account/second-factor": LOGGED_IN,
    "GET /admin/peers": ADMINISTER,
    "POST /admin/peers": ADMINISTER,
    "POST /admin/peers/forget": ADMINISTER,
    "POST /admin/peers/remove": ADMINISTER,
    "GET /admin/health": ADMINISTER,
    "GET /api/health": ADMINISTER,
    "GET /admin/digest": ADMINISTER,
    "GET /admin/digest/{day}": ADMINISTER,
    "GET /admin/audit": Rule(Permission.AUDIT),
    "GET /studies/{study_uid}/audit": Rule(Permission.AUDIT, Studies.NAMED),
    "GET /api/audit": Rule(Permission.AUDIT),
    "GET /api/deletions": DELETE,
    "POST /api/deletions/{deletion_id}/restore": DELETE,
}


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who sent a request to a route that only known callers reach."""
    caller = connection.scope["caller"]
    assert isinstance(caller, Caller)
    return caller
