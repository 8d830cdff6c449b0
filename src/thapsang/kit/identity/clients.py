"""Machine clients of the API: their secrets, tokens and how often they may call.

Secrets and tokens are 256 random bits, so a plain SHA-256 keeps them: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from thapsang.kit.db.statements import row
from thapsang.kit.identity.models import ApiClient, ApiToken

TOKEN_LIFE = timedelta(hours=1)
REMEMBERED = timedelta(seconds=5)
_MOST_KNOWN = 10_000
RESERVED = frozenset({"vnpay", "credit-note", "counter"})
"""Names under which we record money ourselves: a client's id stands beside them in the books."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")
SCOPES = ("bills:read", "payments:write", "statements:read", "readings:write")


class ClientError(ValueError):
    """A client that cannot be made or a token that cannot be given; the text says why."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the holder of a live token."""

    id: int
    client_id: str
    name: str
    scopes: frozenset[str]
    requests_per_minute: int


def add_client(
    *, name: str, scopes: Iterable[str], requests_per_minute: int = 600, client_id: str = ""
) -> tuple[str, str]:
    """Make a client, or give an existing `client_id` a new secret; return its id and the secret, shown once.

    Raises ClientError for a scope that does not exist or an id that is a name of our own.
    """
    if client_id and (client_id in RESERVED or not _ID.fullmatch(client_id)):
        raise ClientError(
            f"{client_id!r} cannot be a client's id: small letters, digits and hyphens, 3 to 40 of them, and none of "
            f"{', '.join(sorted(RESERVED))}, which are names of our own."
        )
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise ClientError(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}.")
    secret = secrets.token_urlsafe(32)
    client_id = client_id or f"c-{secrets.token_hex(8)}"
    values = {"name": name, "secret_hash": _hash(secret).hex(), "scopes": wanted}
    with transaction.atomic():
        client, _ = ApiClient.objects.update_or_create(
            client_id=client_id,
            defaults=values | {"requests_per_minute": requests_per_minute, "is_active": True},
        )
        client.tokens.all().delete()
    _known.clear()
    return client_id, secret


def stop_client(*, client_id: str) -> bool:
    """Lock a client out and end its tokens; tell whether there was one."""
    with transaction.atomic():
        ApiToken.objects.filter(client__client_id=client_id).delete()
        _known.clear()
        return ApiClient.objects.filter(client_id=client_id).update(is_active=False) > 0


def clients() -> list[ApiClient]:
    """Return all clients by name."""
    return list(ApiClient.objects.order_by("name", "client_id"))


def issue_token(
    *, client_id: str, secret: str, scopes: Iterable[str], at: datetime
) -> tuple[str, frozenset[str]] | None:
    """Give a token for an hour; None when client or secret is wrong.

    No scope asked for means all the client has. Raises ClientError for a scope the client does not have.
    """
    client = ApiClient.objects.filter(client_id=client_id, is_active=True).first()
    known = client.secret_hash if client else _hash("").hex()
    if not hmac.compare_digest(known, _hash(secret).hex()) or client is None:
        return None
    wanted = frozenset(scopes) or frozenset(client.scopes)
    if beyond := sorted(wanted - set(client.scopes)):
        raise ClientError(f"This client does not have the scope {beyond[0]!r}.")
    token = secrets.token_urlsafe(32)
    client.tokens.filter(expires_at__lte=at).delete()
    ApiToken.objects.create(
        client=client, token_hash=_hash(token), scopes=sorted(wanted), expires_at=at + TOKEN_LIFE
    )
    return token, wanted


_known: dict[bytes, tuple[Caller, datetime]] = {}

_HOLDER = """
SELECT c.id, c.client_id, c.name, t.scopes, c.requests_per_minute, t.expires_at
FROM identity_apitoken t JOIN identity_apiclient c ON c.id = t.client_id
WHERE t.token_hash = %(hash)s AND t.expires_at > %(at)s AND c.is_active
"""


def token_holder(*, token: str, at: datetime) -> Caller | None:
    """Return who holds a live token, or None.

    A process remembers an answer for five seconds: so long a token that was ended may still be good there.
    """
    digest = _hash(token)
    caller, until = _known.get(digest, (None, at))
    if caller is not None and at < until:
        return caller
    found = row(_HOLDER, {"hash": digest, "at": at})
    if found is None:
        _known.pop(digest, None)
        return None
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    caller = Caller(found[0], found[1], found[2], frozenset(found[3]), found[4])
    _known[digest] = (caller, min(at + REMEMBERED, found[5]))
    return caller


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


# ---- how often: calls of a minute are counted on the client's row, taken from it in small leases

_LEASE = """
UPDATE identity_apiclient
SET window_calls = CASE WHEN "window" = %(minute)s THEN window_calls ELSE 0 END + %(wanted)s,
    "window" = %(minute)s
WHERE id = %(client)s
  AND (CASE WHEN "window" = %(minute)s THEN window_calls ELSE 0 END) + %(wanted)s <= requests_per_minute
RETURNING id
"""
_PER_MINUTE_LEASES = 50
_lock = threading.Lock()
_leases: dict[tuple[int, int, int], int] = {}
"""(process, client, minute) → calls left that this process has taken already."""


def may_call(*, caller: Caller, at: datetime) -> int:
    """Count one call; return 0 when it is allowed, else the seconds until the next minute begins.

    The count is one for all processes: each takes a fiftieth of the minute's calls at a time, so the database
    is asked at one call in many, and never more than the limit is let through.
    """
    minute = int(at.timestamp()) // 60
    mine = (os.getpid(), caller.id, minute)
    with _lock:
        if _leases.get(mine, 0) > 0:
            _leases[mine] -= 1
            return 0
    size = max(1, caller.requests_per_minute // _PER_MINUTE_LEASES)
    for wanted in dict.fromkeys((size, 1)):
        if row(_LEASE, {"client": caller.id, "minute": minute, "wanted": wanted}):
            _keep(mine, wanted - 1)
            return 0
    return 60 - int(at.timestamp()) % 60


def _keep(mine: tuple[int, int, int], calls: int) -> None:
    with _lock:
        for old in [key for key in _leases if key[1] == mine[1] and key[2] < mine[2]]:
            del _leases[old]
        _leases[mine] = _leases.get(mine, 0) + calls
