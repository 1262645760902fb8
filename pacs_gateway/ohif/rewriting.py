"""Fits OHIF's prebuilt files to a path of this gateway, by a closed list of replacements.

Invariant: every replacement is made exactly as often as in the release that was tested. A count
that differs means other files than those, and nothing is installed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from pacs_gateway.ohif import release
from pacs_gateway.ohif.errors import PackageError

BASE = "/ohif"
"""Where the gateway serves the viewer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Replace `pattern` by `replacement` in the top files named like `files`: `count` times in all."""

    files: str
    pattern: str
    replacement: str
    count: int


RULES = (
    # The scripts inside the page; what they did is in the configuration that we serve, so that
    # the content security policy needs no exception for them.
    Rule("index.html", r"<script>[^<]*window\.PUBLIC_URL=\"/\"</script>", "", 2),
    # Another gateway may change this file under the same name, which browsers keep for a year.
    Rule("index.html", r'src="(/app\.bundle\.[0-9a-f]{16}\.js)"', r'src="\1?RECIPE"', 1),
    # Browsers fetch it without the session and only get a refusal.
    Rule("index.html", r'<link rel="manifest" href="/manifest\.json">', "", 1),
    Rule("index.html", r'(href|src|content)="/(?=[a-z])', rf'\1="{BASE}/', 32),
    # Chunks, style sheets, workers, WebAssembly and pictures are all found through this.
    Rule("*.js", r'__webpack_require__\.p = "/";', f'__webpack_require__.p = "{BASE}/";', 8),
    # Microscopy is a viewer of its own inside of the package, which is not installed.
    Rule("app.bundle.*.js", r'pluginImports_modes\.push\("@ohif/mode-microscopy"\);', "", 1),
    Rule("app.bundle.css", r"url\(/(?=[0-9a-f]{16}\.woff2\))", f"url({BASE}/", 5),
    # Both would load code from a public server. The page names the first, so they stay, empty.
    Rule("init-service-worker.js", r"(?s)\A.+\Z", "", 1),
    Rule("sw.js", r"(?s)\A.+\Z", "", 1),
)

LEFT_OUT = (
    "*.map",
    "_headers",
    "_redirects",
    "app-config.js",
    "customizations/*",
    "dicom-microscopy-viewer/*",
    "google.js",
    "manifest.json",
    "oidc-client.min.js",
    "ort/*",
    "serve.json",
    "silent-refresh.html",
)
"""Source maps, optional parts of 150 MB, and configurations for other servers and logins."""


def recipe() -> str:
    """Return what tells apart two ways of making an installation from a package."""
    facts = repr((release.INTEGRITY, RULES, LEFT_OUT))
    return sha256(facts.encode()).hexdigest()[:8]


def is_wanted(path: str) -> bool:
    """Return whether a file of the package's folder is installed."""
    return not any(fnmatchcase(path, pattern) for pattern in LEFT_OUT)


def rewrite(folder: Path, rules: Sequence[Rule] = RULES) -> None:
    """Change the files of an unpacked package, one at a time.

    Raises PackageError if anything is not as in the release that was tested; the folder is of no
    use then.
    """
    made: Counter[Rule] = Counter()
    for path in folder.iterdir():
        applying = [rule for rule in rules if fnmatchcase(path.name, rule.files)]
        if not applying:
            continue
        text = before = _text(path)
        for rule in applying:
            text, times = re.subn(rule.pattern, rule.replacement, text)
            made[rule] += times
        if text != before:
            path.write_text(text.replace("?RECIPE", f"?{recipe()}"), "utf-8", newline="")
    for rule in rules:
        if made[rule] != rule.count:
            raise PackageError(
                f"This is not the OHIF {release.VERSION} that the gateway knows: {rule.pattern} is"
                f" found {made[rule]} times in {rule.files}, not {rule.count}. Nothing is changed."
            )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise PackageError(f"{path.name} in this package of OHIF is no text.") from error
