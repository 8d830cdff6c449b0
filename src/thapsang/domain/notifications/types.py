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
PER_PHONE = (Limit(3, timedelta(minutes=10)), Limit(10, timedelta(days=1)))
PER_SENDER = (Limit(20, timedelta(hours=1)),)
"""A guesser gets at most 50 tries a day at one phone: 1 chance in 20,000."""
