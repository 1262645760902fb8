"""What `doctor` finds, in the words of a person's language: for pages, commands and e-mail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pacs_gateway.config import Settings
from pacs_gateway.doctor.digest import Digest
from pacs_gateway.doctor.findings import Finding, State, Value
from pacs_gateway.web.language import Texts, texts_of


@dataclass(frozen=True, slots=True)
class Said:
    """One finding in words."""

    state: str
    title: str
    """What was looked at."""
    text: str
    remedy: str
    """Empty: nothing is to be done."""


def say(texts: Texts, finding: Finding) -> Said:
    """Return a finding in words; one of a newer version's is told by its name."""
    key, name = finding.text_key, f"health.name.{finding.check}"
    if key not in texts.catalogue:
        # What may happen to every check is said of all of them alike.
        key = f"health.{finding.code}"
    if key not in texts.catalogue or name not in texts.catalogue:
        return Said(finding.state, finding.check, texts("health.unknown", code=finding.code), "")
    values = {name: _text(texts, value) for name, value in finding.values.items()}
    remedy = texts(f"{key}.do", **values) if finding.state is not State.OK else ""
    return Said(finding.state, texts(name), texts(key, **values), remedy)


def mail_words(settings: Settings) -> Callable[[Digest], tuple[str, str]]:
    """Return what puts a digest into the words of an e-mail, in the installation's language."""

    def words(digest: Digest) -> tuple[str, str]:
        texts = texts_of(settings.language)
        hospital = settings.hospital.name or texts("product.name")
        subject = texts("digest.mail.subject", day=day_text(texts, digest.day), hospital=hospital)
        lines = [subject, "", *digest_lines(texts, digest), ""]
        for _, finding in digest.seen():
            said = say(texts, finding)
            lines += [
                f"- {said.title}: {said.text}",
                *([f"  {said.remedy}"] if said.remedy else []),
            ]
        if settings.web.public_url:
            lines += ["", f"{settings.web.public_url.rstrip('/')}/admin/digest"]
        return subject, "\n".join(lines)

    return words


def digest_lines(texts: Texts, digest: Digest) -> Sequence[str]:
    """Return the counts of a digest as lines."""
    by_modality = ", ".join(
        f"{name} {texts.number(n)}" for name, n in sorted(digest.modalities.items())
    )
    arrived = texts.count("digest.studies", digest.studies)
    return [
        f"{arrived}{f' ({by_modality})' if by_modality else ''}",
        texts("digest.incomplete", n=texts.number(digest.incomplete)),
        texts("digest.unread", n=texts.number(digest.unread)),
        texts("digest.unmatched", n=texts.number(digest.unmatched)),
        texts("digest.stuck", n=texts.number(digest.stuck)),
    ]


def day_text(texts: Texts, day: str) -> str:
    """Return a day as a person reads it."""
    return texts.date(date.fromisoformat(day))


def _text(texts: Texts, value: Value) -> str:
    if isinstance(value, datetime):
        return texts.moment(value)
    return texts.number(value) if isinstance(value, int) else value
