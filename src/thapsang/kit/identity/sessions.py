"""Sessions in the database, read by a prepared statement: every page begins with this one.

No process keeps a copy: a session that ended in one process has ended in all.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from thapsang.kit.db.questions import Question, Rows, answer

_READ = """
SELECT session_data, expire_date FROM django_session
WHERE session_key = %(key)s AND expire_date > %(now)s
"""


class SessionStore(DatabaseStore):
    """Django's sessions in the database; only how one is read differs."""

    def _get_session_from_db(self) -> Session | None:
        key = self.session_key
        found = answer(Question(_READ, {"key": key, "now": timezone.now()}, _first)) if key else None
        if key is None or found is None:
            self._session_key = None
            return None
        return Session(session_key=key, session_data=found[0], expire_date=found[1])


def _first(rows: Rows) -> tuple[str, datetime] | None:
    return (rows[0][0], rows[0][1]) if rows else None
