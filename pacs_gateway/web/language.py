"""Words, numbers and dates in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from viewer import LANGUAGES, catalogue

COOKIE = "language"
COOKIE_SECONDS = 365 * 24 * 3600

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Texts:
    """One language: call it with a key of viewer/locales for that text."""

    language: str
    catalogue: Mapping[str, str]
    date: Callable[[date], str]
    thousands: str

    def __call__(self, key: str, /, **values: str) -> str:
        """Return the text of `key` with its placeholders filled.

        Raises KeyError if the key or a placeholder's value is missing.
        """
        return self.catalogue[key].format(**values)

    def count(self, key: str, number: int) -> str:
        """Return the text `key`.one or `key`.other with the number in it."""
        return self(f"{key}.{'one' if number == 1 else 'other'}", n=self.number(number))

    def number(self, number: int) -> str:
        """Return a whole number with its thousands set apart."""
        return f"{number:,}".replace(",", self.thousands)

    def time(self, value: time) -> str:
        """Return hours and minutes of the 24-hour clock, which both languages read."""
        return f"{value:%H:%M}"

    def moment(self, value: datetime) -> str:
        """Return date and time in this machine's time zone."""
        local = value.astimezone()
        return f"{self.date(local.date())} {self.time(local.time())}"

    def chosen(self, *prefixes: str) -> dict[str, str]:
        """Return the texts whose keys start with one of `prefixes`: what a page's script needs."""
        return {key: text for key, text in self.catalogue.items() if key.startswith(prefixes)}


def texts_of(language: str) -> Texts:
    """Return the texts of `vi` or `en`."""
    if language == "vi":
        return Texts(language, catalogue(language), _day_month_year, ".")
    return Texts(language, catalogue(language), _day_named_month_year, ",")


def reader_language(cookie: str | None, installed: str) -> str:
    """Return the language a person chose, else the installation's.

    `Accept-Language` is not asked: in Vietnamese hospitals it mostly says that somebody installed
    an English browser, not that the reader prefers English.
    """
    return cookie if cookie in LANGUAGES else installed


def _day_month_year(value: date) -> str:
    return f"{value.day:02}/{value.month:02}/{value.year:04}"


def _day_named_month_year(value: date) -> str:
    # 03/04/2026 is two different days to readers of English; the name of the month is one.
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year:04}"
