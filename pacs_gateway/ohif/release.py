"""The one release of OHIF that this gateway is tested with.

Another release needs another look at every rule in rewriting.py: its files are not made for a
path below the root, and it may read addresses from places that this one does not.
"""

VERSION = "3.13.2"
FILE_NAME = f"app-{VERSION}.tgz"
PATH = f"@ohif/app/-/{FILE_NAME}"
"""Where every npm registry, public or mirror, keeps the package."""

PUBLIC_REGISTRY = "https://registry.npmjs.org/"
ADDRESS = f"{PUBLIC_REGISTRY}{PATH}"
"""Where any browser gets the package, so that it can be carried to a server without Internet."""

INSTALL = "pacs-gateway ohif install"

INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""As npm writes it (W3C Subresource Integrity): base64 of the SHA-512 of the package file."""
