"""The sender of short messages: takes them, shows them, delivers nothing."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_KEPT = 500


@dataclass(frozen=True)
class ShortMessage:
    """One message taken."""

    id: str
    to: str
    text: str
    at: str


class Inbox:
    """The last five hundred messages, the newest first."""

    def __init__(self) -> None:
        self._messages: deque[ShortMessage] = deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def take(self, to: str, text: str) -> ShortMessage:
        """Keep one message."""
        now = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%d/%m/%Y %H:%M:%S")
        with self._lock:
            message = ShortMessage(f"SMS{next(self._numbers):06d}", to, text, now)
            self._messages.appendleft(message)
        return message

    def messages(self, to: str = "") -> list[ShortMessage]:
        """Return messages, to one phone or to all."""
        with self._lock:
            return [m for m in self._messages if not to or m.to == to]
