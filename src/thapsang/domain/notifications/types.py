"""The ports of notifications."""

from __future__ import annotations

from typing import Protocol


class SmsSender(Protocol):
    """Sends one short message. Served by an adapter chosen in config."""

    def send(self, *, phone: str, text: str) -> str:
        """Send `text` to `phone` (E.164); return the provider's reference. Raises SmsNotSentError."""
        ...


class SmsNotSentError(RuntimeError):
    """The provider did not take the message; the text says why."""
