"""The operations of administration: devices and the audit trail."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    one_of,
    parameter,
    text,
)
from pacs_gateway.web.description.pages import form, page
from pacs_gateway.web.description.parameters import EXAMPLE_STUDY, UID

_STUDY = parameter(
    "study_uid",
    text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
    "Study Instance UID",
    place="path",
)
_USER = parameter("username", text(most=64), "User name", place="path")
_ACT = parameter(
    "act",
    one_of("profile", "password", "disable", "enable", "reset-second-factor"),
    "What to change",
    place="path",
)
_TITLE = text(most=16)
_HOST = text(most=253)

ADMINISTRATION: Mapping[str, Described] = {
    "GET /admin/users": page("List accounts"),
    "POST /admin/users": form(
        "Add an account", public=False, username=text(most=64), password=text(most=1000)
    ),
    "GET /admin/users/{username}": page("Show an account", _USER),
    "POST /admin/users/{username}/{act}": form("Change an account", _USER, _ACT, public=False),
    "GET /admin/tokens": page("List API tokens"),
    "POST /admin/tokens": form("Make an API token", public=False, name=text(most=128)),
    "POST /admin/tokens/revoke": form("Revoke an API token", public=False, id=text(most=26)),
    "GET /account": page("Show one's own account"),
    "POST /account/password": form(
        "Change one's own password", public=False, old=text(most=1000), new=text(most=1000)
    ),
    "POST /account/second-factor": form(
        "Turn on a second factor", public=False, code=text(most=10)
    ),
    "GET /admin/peers": page("List DICOM devices"),
    "POST /admin/peers": form(
        "Accept, add or change a device",
        public=False,
        ae_title=_TITLE,
        host=_HOST,
        port=text(most=5),
        service=text(most=8),
    ),
    "POST /admin/peers/forget": form(
        "Dismiss a device that waits", public=False, ae_title=_TITLE, host=_HOST
    ),
    "POST /admin/peers/remove": form("Forget a device", public=False, ae_title=_TITLE),
    "GET /admin/health": page("Show what is wrong with the gateway"),
    "GET /admin/digest": page("Show the newest morning digest"),
    "GET /admin/digest/{day}": page(
        "Show the digest of one morning",
        parameter("day", text(most=10, examples=["2026-11-23"]), "The morning", place="path"),
    ),
    "GET /admin/audit": page(
        "Read the audit trail",
        parameter("actor", text(most=128), "Who"),
        parameter("verb", text(most=128), "What"),
        parameter("since", text(most=10), "From this day"),
        parameter("until", text(most=10), "To this day"),
    ),
    "GET /studies/{study_uid}/audit": page("Show who has seen a study", _STUDY),
}
"""Descriptions by method and path."""
