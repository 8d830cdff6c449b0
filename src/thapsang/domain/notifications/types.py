"""The ports of notifications, how often a message is tried, and the limits of one-time codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class SmsSender(Protocol):
    """Sends one short message, within `RETRY_AFTER`. Served by an adapter chosen in config."""

    def send(self, *, phone: str, text: str) -> str:
        """Send `text` to `phone` (E.164); return the provider's reference.

        Raises SmsNotSentError when it is refused, SmsUnreachableError when another try may help.
        """
        ...


class SmsNotSentError(RuntimeError):
    """The provider refused the message, and would refuse it again; the text says why."""


class SmsUnreachableError(SmsNotSentError):
    """The provider did not answer or is overloaded: worth another try."""


@dataclass(frozen=True)
class NewSms:
    """A message to be queued. One that is `about` the same thing as an earlier one is not sent again."""

    phone: str
    template: str
    text: str
    about: str


@dataclass(frozen=True)
class WaitingSms:
    """A message in one sender's hands until its next try is due; `tries` counts this one."""

    id: int
    phone: str
    text: str
    tries: int
    expires_at: datetime | None


@dataclass(frozen=True)
class Attachment:
    """A file that goes with an e-mail."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """What an e-mail says: subject, plain text, and the same words as HTML."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True)
class Email:
    """One e-mail to one address. The same `message_id` in every try lets the receiver know a repeated one."""

    to: str
    subject: str
    text: str
    message_id: str
    attachments: tuple[Attachment, ...] = ()
    html: str = ""


class EmailSender(Protocol):
    """Sends e-mails. Served by an adapter chosen in config."""

    def send(self, email: Email) -> None:
        """Hand an e-mail to the mail server; returning means that it took it.

        Raises EmailRefusedError when it refuses, EmailUnreachableError when another try may help. Neither
        names the address.
        """
        ...


class EmailRefusedError(RuntimeError):
    """The mail server refused this e-mail for good; the text is its code and what to do."""


class EmailUnreachableError(RuntimeError):
    """The mail server did not answer, or asks to try later."""


@dataclass(frozen=True)
class NewEmail:
    """An e-mail to be queued: to whom, and what it tells; its text is made when it is sent."""

    address: str
    about: str


@dataclass(frozen=True)
class WaitingEmail:
    """An e-mail in one sender's hands until its next try is due; `tries` counts this one."""

    id: int
    address: str
    about: str
    message_id: str
    tries: int
    letter: Letter | None = None
    """What it says, where that was kept; else it is made from `about`."""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class EmailRules:
    """How fast and how often e-mails are sent (policies/<distributor>/templates/email.yaml)."""

    per_minute: int
    tries: int
    first_pause: timedelta
    longest_pause: timedelta
    attach_limit: int
    """Bytes of attachments at most; a larger mail goes without them, with the way to the portal."""

    def pause_after(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries: each pause is three times the one before."""
        return min(self.first_pause * int(3 ** (tries - 1)), self.longest_pause)


SEND_TRIES = 6
RETRY_AFTER = timedelta(seconds=10)
"""A message still queued after this time was interrupted, or is due for its second try."""


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries: 10 s, 30 s, 90 s, 4.5 min, 13.5 min."""
    return RETRY_AFTER * int(3 ** (tries - 1))


class UnknownTemplateError(LookupError):
    """There is no such text in policies/<distributor>/templates/sms.yaml."""


class TooManyCodesError(RuntimeError):
    """Too many codes were asked for this phone or from this address; `wait` says how long to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"Too many codes: wait {wait}.")
        self.wait = wait


@dataclass(frozen=True)
class Limit:
    """At most `count` codes in `window`."""

    count: int
    window: timedelta


CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
EMAIL_CODE_LIFE = timedelta(minutes=15)
"""Mail is slower than a short message: a server that has never heard of us may ask us to come again."""
PER_PHONE = (Limit(3, timedelta(minutes=10)), Limit(10, timedelta(days=1)))
PER_SENDER = (Limit(20, timedelta(hours=1)),)
"""A guesser gets at most 50 tries a day at one phone: 1 chance in 20,000."""
