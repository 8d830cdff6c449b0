"""A mail server over SMTP (RFC 5321): one connection a thread, kept from mail to mail."""

from __future__ import annotations

import smtplib
import ssl
import threading
from dataclasses import dataclass, field
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from thapsang.domain.notifications.types import Email, EmailRefusedError, EmailUnreachableError

_LATER = range(400, 500)
_CLOSED = (421, 454)


@dataclass(frozen=True)
class SmtpSender:
    """The mail server at `host`. Neither address nor text ever stands in an error.

    `security`: `tls` from the first byte, `starttls`, or `none` (only for a server on this machine).
    """

    host: str
    port: int
    sender: str
    security: str = "none"
    user: str = ""
    password_file: Path | None = None
    seconds: float = 20.0
    _kept: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    def send(self, email: Email) -> None:
        """Hand an e-mail over; returning means that the server took it.

        Raises EmailRefusedError for what it refuses for good, EmailUnreachableError when another try may help: no
        connection, a 4xx code, or a connection lost before its answer (the same Message-ID then goes again).
        """
        content = _written(email, self.sender)
        try:
            server = self._server()
            server.sendmail(self.sender, [email.to], content)
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise self._failed(code, words) from None
        except smtplib.SMTPResponseException as error:
            raise self._failed(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            self._forget()
            raise EmailUnreachableError(
                f"The mail server does not answer ({type(error).__name__})."
            ) from None

    def _server(self) -> smtplib.SMTP:
        """Return the thread's connection, made anew when the server has closed it."""
        server: smtplib.SMTP | None = getattr(self._kept, "server", None)
        if server is not None:
            try:
                if server.noop()[0] == 250:
                    return server
            except (OSError, smtplib.SMTPException):
                pass
            self._forget()
        server = self._kept.server = self._connected()
        return server

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.seconds, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.seconds)
        if self.security == "starttls":
            server.starttls(context=context)
        if self.user:
            server.login(self.user, self._password())
        return server

    def _password(self) -> str:
        if self.password_file is None:
            raise EmailUnreachableError(
                "THAPSANG_EMAIL_PASSWORD_FILE is not set: name the file with the password."
            )
        try:
            return self.password_file.read_text(encoding="utf-8").splitlines()[0]
        except (OSError, IndexError) as error:
            raise EmailUnreachableError(
                f"THAPSANG_EMAIL_PASSWORD_FILE cannot be read ({type(error).__name__})."
            ) from None

    def _forget(self) -> None:
        server: smtplib.SMTP | None = getattr(self._kept, "server", None)
        self._kept.server = None
        if server is not None:
            server.close()

    def _failed(self, code: int, words: bytes | str) -> Exception:
        """Return the error for a code; of the server's words only the enhanced status code, never an address."""
        if code in _CLOSED or code < 0:
            self._forget()
        text = words.decode(errors="replace") if isinstance(words, bytes) else words
        status = text.split(" ", 1)[0]
        shown = f"{code} {status}" if status.replace(".", "").isdigit() else str(code)
        if code in _LATER or code < 0:
            return EmailUnreachableError(f"The mail server asks to try later ({shown}).")
        return EmailRefusedError(
            f"The mail server refused the message ({shown}): check the address with the customer."
        )


def _written(email: Email, sender: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"] = sender, email.to
    made["Message-ID"] = email.message_id
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(email.text)
    if email.html:
        made.add_alternative(email.html, subtype="html")
    for part in email.attachments:
        main, _, sub = part.media_type.partition("/")
        made.add_attachment(part.content, maintype=main, subtype=sub, filename=part.name)
    # Python 3.11 loses the space where it folds a subject with diacritics; the older way of encoding keeps it.
    subject = Header(email.subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {subject}\r\n".encode("ascii") + made.as_bytes()
