"""The operations of links and shares: for the EMR, for patients, and for staff who print slips."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    answers,
    one_of,
    operation,
    parameter,
    text,
    whole,
)
from pacs_gateway.web.description.pages import PAGE, SEE_OTHER, form, page
from pacs_gateway.web.description.parameters import EXAMPLE_STUDY, UID

_STUDY = parameter(
    "study_uid",
    text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
    "Study Instance UID",
    place="path",
)
_SHARE = parameter("share_id", text(most=26), "Identifier of the share", place="path")
_TOKEN = parameter("token", text(most=64), "Secret of the slip", place="path")
_SLIP = answers("The slip, a page of A5.", "application/pdf")


def _fields(**fields: Described) -> Described:
    schema = {"type": "object", "properties": fields}
    return {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}


SHARING: Mapping[str, Described] = {
    "GET /view": operation(
        "Follow a signed link of another system (docs/emr-links.md)",
        "links",
        answers("Only looked at, not followed.", status=204),
        SEE_OTHER,
        answers("No images have arrived yet.", PAGE, status=404),
        answers("The link is not valid; nothing tells why.", PAGE, status=403),
        parameters=[
            parameter("requestType", one_of("STUDY", "PATIENT"), "What is asked for"),
            parameter("studyUID", text(most=400), "UIDs, separated by commas"),
            parameter("accessionNumber", text(most=400), "Numbers, separated by commas"),
            parameter("patientID", text(most=200), "Identifier, or identifier^^^issuer"),
            parameter("keyId", text(most=64), "Key that signed"),
            parameter("nonce", text(pattern="^[A-Za-z0-9_-]{16,128}$"), "Names the link"),
            parameter("signature", text(most=64), "Of everything before it"),
        ],
        refused=(400,),
        public=True,
    ),
    "GET /s/{token}": page("Ask what opens a share", _TOKEN, public=True),
    "POST /s/{token}": form("Open a share", _TOKEN, answer=text(most=20)),
    "GET /shared": page("Show what is shared"),
    "GET /shared/download": operation(
        "Download what is shared",
        "shares",
        answers("All of it.", "application/zip"),
        refused=(404,),
    ),
    "GET /studies/{study_uid}/share": page("Choose what to share", _STUDY),
    "POST /studies/{study_uid}/share": operation(
        "Share studies and print the slip",
        "shares",
        _SLIP,
        parameters=[_STUDY],
        body=_fields(
            study=text(most=64), question=one_of("birth_date", "id_digits"), days=whole(1, 30)
        ),
        refused=(400, 404, 413),
    ),
    "GET /admin/link-keys": page("List the keys that links are signed with"),
    "POST /admin/link-keys": operation(
        "Make a key for a system",
        "pages",
        answers("The page, with the secret for this once.", PAGE),
        body=_fields(issuer=text(most=64)),
        refused=(400, 413),
    ),
    "POST /admin/link-keys/{key_id}/remove": form(
        "Refuse links signed with a key",
        parameter("key_id", text(most=64), "Identifier of the key", place="path"),
        public=False,
    ),
    "GET /admin/shares": page("List shares", parameter("before", text(most=26), "Older than this")),
    "GET /admin/shares/{share_id}": page("Show what became of a share", _SHARE),
    "POST /admin/shares/{share_id}/reprint": operation(
        "Print another slip; the old one ends",
        "shares",
        _SLIP,
        parameters=[_SHARE],
        refused=(404,),
    ),
    "POST /admin/shares/{share_id}/revoke": form("Take a share back", _SHARE, public=False),
}
"""Descriptions by method and path."""
