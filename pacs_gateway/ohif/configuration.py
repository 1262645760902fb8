"""What OHIF is told when it starts: this gateway, and nothing else.

Invariant: there is one data source, its addresses are paths of this host, and none of OHIF's
settings that would take an address from a query string is on.
"""

import json
from typing import Any

from pacs_gateway.ohif.rewriting import BASE

DATA_SOURCE = "dicomweb"

_LANGUAGES = {"vi": "vi", "en": "en-US"}
"""Ours to OHIF's; it asks this cookie before the browser's language."""

_SOURCE: dict[str, Any] = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": DATA_SOURCE,
    "configuration": {
        "friendlyName": "PACS gateway",
        "name": "gateway",
        "qidoRoot": "/dicom-web",
        "wadoRoot": "/dicom-web",
        "wadoUriRoot": "/wado",
        "qidoSupportsIncludeField": True,
        "supportsReject": False,
        "supportsFuzzyMatching": False,
        "supportsWildcard": True,
        "imageRendering": "wadors",
        # A thumbnail of 7 kB each; OHIF would otherwise decode a whole frame for it.
        "thumbnailRendering": "thumbnail",
        "thumbnailRequestStrategy": "fetch",
        "enableStudyLazyLoad": True,
        "omitQuotationForMultipartRequest": True,
        "singlepart": "bulkdata,video,pdf",
        "bulkDataURI": {"enabled": True},
        "dicomUploadEnabled": False,
    },
}
_CONFIG: dict[str, Any] = {
    "name": "pacs-gateway",
    "routerBasename": BASE,
    "extensions": [],
    "modes": [],
    "customizationService": {
        "global": {
            # Eleven steps in English that cover the first image a doctor opens.
            "ohif.tours": {"$set": []},
            # The list of OHIF before 3.13: it says how many studies were found, has filters over
            # every column, and is translated; the new one is in English only.
            "workList.variant": {"$set": "legacy"},
        }
    },
    "showStudyList": True,
    # Some Windows machines have trouble with more than three.
    "maxNumberOfWebWorkers": 3,
    "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
    "showWarningMessageForCrossOrigin": False,
    "showCPUFallbackMessage": True,
    "showLoadingIndicator": True,
    "strictZSpacingForVolumeViewport": True,
    # OHIF is no medical device; a reader is told so and may put that aside for a month.
    "investigationalUseDialog": {"option": "configure", "days": 30},
    "showErrorDetails": "dev",
    "defaultDataSourceName": DATA_SOURCE,
    "dataSources": [_SOURCE],
}

_SCRIPT = """\
console.time("scriptToView");
window.PUBLIC_URL = {base};
window.browserImportFunction = () => Promise.reject(new Error("No code is loaded from elsewhere."));
document.cookie = "i18next={language}; path=/; SameSite=Lax";
window.config = {config};
window.config.httpErrorHandler = error => {{
  if (error.status === 401) {{
    const here = location.pathname + location.search;
    location.assign("/login?next=" + encodeURIComponent(here));
  }}
}};
"""


def script(language: str) -> str:
    """Return app-config.js, which OHIF runs first, for a reader of `vi` or `en`."""
    return _SCRIPT.format(
        base=json.dumps(f"{BASE}/"),
        language=_LANGUAGES[language],
        config=json.dumps(_CONFIG, indent=2),
    )
