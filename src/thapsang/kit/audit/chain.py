"""How entries hang together: canonical JSON, hashes, the seal on the head. No database here."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

GENESIS = bytes(32)
"""What the first entry names as its predecessor."""

FIELDS = ("at", "actor_id", "actor_name", "action", "subject", "before", "after", "reason", "request_id")
"""What an entry's hash covers, besides its predecessor's hash."""


def plain(value: Any) -> Any:
    """Reduce a value to what JSON and PostgreSQL's jsonb give back unchanged.

    Dates and numbers that are not integers become text. Raises TypeError for a float (its
    digits do not survive storage) and for anything else that has no single written form.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value).replace("\x00", "")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    raise TypeError(f"The audit log cannot keep a {type(value).__name__}: give text, an integer or a date.")


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Return the one way an entry is written down for hashing: sorted keys, no spaces, UTC."""
    at = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
    content = {**{name: plain(entry[name]) for name in FIELDS}, "at": at}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def entry_hash(entry: Mapping[str, Any], previous: bytes) -> bytes:
    """Return SHA-256 over the entry and its predecessor's hash."""
    return hashlib.sha256(previous + canonical(entry)).digest()


def head_seal(*, key: str, entries: int, last: bytes) -> bytes:
    """Return the keyed seal on the head: how many entries there are and the last one's hash."""
    return hmac.new(b"audit-head:" + key.encode(), entries.to_bytes(8, "big") + last, hashlib.sha256).digest()
