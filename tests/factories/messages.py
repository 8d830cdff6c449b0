"""A sender of short messages that keeps what it was given, refuses, or does not answer."""

from __future__ import annotations

from thapsang.domain.notifications.types import SmsNotSentError, SmsUnreachableError


class Carrier:
    """Takes messages; `down` for so many tries, `refuses` for ever."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.down = 0
        self.refuses = False
        self.asked = 0

    def send(self, *, phone: str, text: str) -> str:
        self.asked += 1
        if self.refuses:
            raise SmsNotSentError("no such number")
        if self.down:
            self.down -= 1
            raise SmsUnreachableError("no answer")
        self.sent.append((phone, text))
        return f"ref-{len(self.sent)}"
