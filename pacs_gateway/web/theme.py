"""Light or dark: what a reader chose, else what their system shows."""

THEMES = ("light", "dark", "system")
THEME_COOKIE = "theme"


def reader_theme(cookie: str | None) -> str:
    """Return the theme of a cookie, `system` unless it names one."""
    return cookie if cookie in THEMES else "system"
