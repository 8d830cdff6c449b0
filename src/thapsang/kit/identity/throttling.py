"""How often something may be tried, counted in the database for all processes together.

Django's caches read, add one and write back, so that attempts made at the same moment count once; here
one statement counts and answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.crypto import salted_hmac

from thapsang.kit.identity.models import Throttle

_COUNT = """
INSERT INTO identity_throttle AS kept (key, since, attempts) VALUES (%(key)s, %(at)s, 1)
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN kept.since <= %(oldest)s THEN 1 ELSE kept.attempts + 1 END,
    since = CASE WHEN kept.since <= %(oldest)s THEN %(at)s ELSE kept.since END
RETURNING since, attempts
"""


@dataclass(frozen=True)
class Limit:
    """At most `attempts` in `window`, counted under a name."""

    name: str
    attempts: int
    window: timedelta


@dataclass(frozen=True)
class Verdict:
    """Whether one more attempt is let through, and if not, when the next one will be."""

    allowed: bool
    wait: timedelta


def attempt(*, limit: Limit, who: str, at: datetime) -> Verdict:
    """Count one attempt by `who` (a name, an address, a phone; kept only as a keyed hash).

    Call it before the thing attempted, outside the transaction that may be rolled back.
    """
    values: dict[str, Any] = {"key": _key(limit, who), "at": at, "oldest": at - limit.window}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        since, attempts = cursor.fetchone()
    if attempts <= limit.attempts:
        return Verdict(allowed=True, wait=timedelta(0))
    return Verdict(allowed=False, wait=since + limit.window - at)


def forget(*, limit: Limit, who: str) -> None:
    """Start counting anew: the attempt was a rightful one."""
    Throttle.objects.filter(key=_key(limit, who)).delete()


def tidy(*, before: datetime) -> int:
    """Delete counters whose window began before a moment; return how many."""
    return Throttle.objects.filter(since__lt=before).delete()[0]


def _key(limit: Limit, who: str) -> bytes:
    return salted_hmac(f"throttle:{limit.name}", who, algorithm="sha256").digest()
