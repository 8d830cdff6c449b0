"""Sessions in the database, read by a prepared statement: every page begins with this one.

No process keeps a copy: a session that ended in one process has ended in all. In the same round trip comes the
customer it belongs to, and what a page wants to know besides (`ask_along`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from thapsang.kit.db.questions import Question, Rows, answers_to
from thapsang.kit.identity.models import User

CUSTOMERS = "thapsang.kit.identity.backends.CustomerBackend"
_MARK = "~"
"""Ends the user's number that stands before the signed text, for the database to find the user by."""
_COLUMNS = ("id", "password", "username", "is_superuser", "is_staff", "is_active", "phone_cipher", "phone_index",
            "phone_verified", "locale")  # fmt: skip
_READ = f"""
SELECT s.session_data, {", ".join("u." + name for name in _COLUMNS)}
FROM django_session s
LEFT JOIN identity_user u ON u.id = substring(s.session_data FROM '^([0-9]{{1,18}}){_MARK}')::bigint AND u.is_active
WHERE s.session_key = %(key)s AND s.expire_date > %(now)s
"""  # noqa: S608 - our own columns


class SessionStore(DatabaseStore):
    """Django's sessions in the database; only how one is read differs."""

    _along: Sequence[Question[Any]] = ()
    _told: tuple[Any, ...] | None = None
    _user: User | None = None

    def ask_along(self, questions: Sequence[Question[Any]]) -> None:
        """Have these questions asked in the round trip that reads the session, if it is still to be read."""
        self._along = questions

    def told_along(self) -> tuple[Any, ...] | None:
        """Return the answers to what was asked along; None if nothing was."""
        return self._told

    def customer(self) -> User | None:
        """Return the active customer whom the session proves; None for staff, for nobody, after a change of keys.

        What Django checks of a session is checked here; where it does not hold, Django is to decide.
        """
        held, by, number = self.get(HASH_SESSION_KEY), self.get(BACKEND_SESSION_KEY), self.get(SESSION_KEY)
        user = self._user
        if user is None or by != CUSTOMERS or number != str(user.pk):
            return None
        proved = constant_time_compare(held or "", user.get_session_auth_hash())
        return user if proved else None

    def load(self) -> dict[str, Any]:
        """Read the session; empty for one that has ended."""
        read = Question(_READ, {"key": self.session_key or "", "now": timezone.now()}, _first)
        found, *told = answers_to([read, *self._along])
        if self._along:
            self._told = tuple(told)
        if found is None:
            self._session_key = None
            return {}
        data, self._user = found
        return self.decode(data)

    def encode(self, session_dict: Mapping[str, Any]) -> str:
        """Write the session as signed text, the number of its user before it."""
        signed = super().encode(dict(session_dict))
        user = session_dict.get(SESSION_KEY)
        return f"{user}{_MARK}{signed}" if user else signed

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Read the signed text; the number before it proves nothing and is left aside."""
        data: dict[str, Any] = super().decode(str(session_data).rpartition(_MARK)[2])
        return data


def _first(rows: Rows) -> tuple[str, User | None] | None:
    if not rows:
        return None
    data, *values = rows[0]
    return data, User.from_db("default", _COLUMNS, values) if values[0] is not None else None
