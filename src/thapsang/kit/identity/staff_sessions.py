"""A staff member's session: proved by two factors, eight hours long at most, ended by an idle hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.sessions.backends.base import SessionBase

LENGTH = timedelta(hours=8)
IDLE = timedelta(hours=1)
_MARK, _TOUCH_EVERY = "staff", 60


def begin(*, session: SessionBase, at: datetime) -> None:
    """Mark a session, fresh from sign-in with both factors, as a staff member's."""
    session[_MARK] = {"since": at.timestamp(), "seen": at.timestamp()}
    session.set_expiry(int(LENGTH.total_seconds()))


def holds(*, session: SessionBase, at: datetime) -> bool:
    """Tell whether the session was proved by both factors and is neither too old nor idle; note the visit."""
    mark, now = session.get(_MARK), at.timestamp()
    if not mark:
        return False
    if now - mark["since"] >= LENGTH.total_seconds() or now - mark["seen"] >= IDLE.total_seconds():
        return False
    if now - mark["seen"] >= _TOUCH_EVERY:
        session[_MARK] = {**mark, "seen": now}
    return True
