"""The ports of notifications, and the limits of one-time codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class SmsSender(Protocol):
    """Sends one short message. Served by an adapter chosen in config."""

    def send(self, *, phone: str, text: str) -> str:
        """Send `text` to `phone` (E.164); return the provider's reference. Raises SmsNotSentError."""
        ...


class SmsNotSentError(RuntimeError):
    """The provider did not take the message; the text says why."""


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
