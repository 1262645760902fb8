"""Sends the digest by e-mail: TLS checked, every wait with a deadline."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage

from pacs_gateway.config import MailSettings
from pacs_gateway.doctor.digest import Digest, digest_of
from pacs_gateway.errors import GatewayError
from storage.digests import Digests
from storage.outbox import Task

Words = Callable[[Digest], tuple[str, str]]
"""Subject and text of a digest."""


class NotSentError(GatewayError):
    """The mail server did not take a message; it may later."""


class MailDigest:
    """Sends the digest of one morning."""

    def __init__(self, digests: Digests, settings: MailSettings, words: Words) -> None:
        self._digests = digests
        self._settings = settings
        self._words = words

    def __call__(self, task: Task) -> None:
        """Send it; raises NotSentError, and is then called again later."""
        stored = self._digests.of(task.about)
        if stored is None or self._settings.host is None:
            return  # Mail was switched off meanwhile.
        message = EmailMessage()
        message["Subject"], text = self._words(digest_of(stored))
        message["From"] = self._settings.sender or f"pacs-gateway@{self._settings.host}"
        message["To"] = ", ".join(self._settings.recipients)
        # The same digest sent twice, after a lost answer, is one message to mail programs.
        message["Message-ID"] = f"<digest-{stored.day}@pacs-gateway>"
        message.set_content(text)
        send(message, self._settings)


def send(message: EmailMessage, settings: MailSettings) -> None:
    """Hand a message to the server; raises NotSentError without the server's own words.

    Its words may repeat an address or a name.
    """
    try:
        with _connected(settings) as server:
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSentError(
            f"The mail server {settings.host}:{settings.port} did not take the digest"
            f" ({type(error).__name__}); check the settings under mail."
        ) from error
    if refused:
        raise NotSentError(f"The mail server refused {len(refused)} of the recipients.")


def _connected(settings: MailSettings) -> smtplib.SMTP:
    assert settings.host is not None
    context = ssl.create_default_context(cafile=settings.ca)
    where, deadline = (settings.host, settings.port), settings.deadline_s
    if settings.security == "tls":
        return smtplib.SMTP_SSL(*where, timeout=deadline, context=context)
    server = smtplib.SMTP(*where, timeout=deadline)
    if settings.security == "starttls":
        try:
            server.starttls(context=context)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
    return server
