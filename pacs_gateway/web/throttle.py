"""A pause after too many wrong passwords, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

from pacs_gateway.web.problems import TooManyAttemptsError

MAX_ENTRIES = 10_000
"""Names and addresses remembered; the longest unused is forgotten first."""


class LoginThrottle:
    """Counts tries by user name and address until one of them succeeds."""

    def __init__(
        self, *, attempts: int, pause_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts = attempts
        self._pause_s = pause_s
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def attempt(self, username: str, address: str) -> None:
        """Count one try before it is checked, so that many at once count too.

        Raises TooManyAttemptsError during the pause, which that does not prolong.
        """
        key, now = (username, address), self._clock()
        count, last = self._tries.get(key, (0, now))
        if now - last >= self._pause_s:
            count = 0
        if count >= self._attempts:
            raise TooManyAttemptsError(
                f"Too many wrong passwords; wait {self._pause_s:.0f} seconds and try again."
            )
        self._tries[key] = (count + 1, now)
        self._tries.move_to_end(key)
        while len(self._tries) > MAX_ENTRIES:
            self._tries.popitem(last=False)

    def success(self, username: str, address: str) -> None:
        """Forget the tries before a right password."""
        self._tries.pop((username, address), None)
