"""Writing the audit log."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from thapsang.kit.audit.chain import GENESIS, entry_hash, head_seal, plain
from thapsang.kit.audit.models import AuditEntry, AuditHead
from thapsang.kit.db.transactions import transaction_required

SYSTEM = "system"
"""The actor of what no person did."""


class Person(Protocol):
    """Whoever acts: a user, as far as the log needs to know one."""

    @property
    def pk(self) -> Any:
        """The person's number."""

    def get_username(self) -> str:
        """Return the name the person signs in with."""


class ChainBrokenError(RuntimeError):
    """The log's head does not carry our seal: nothing more is written until somebody looks."""


@transaction_required
def record(
    *,
    actor: Person | str | None,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> int:
    """Append one entry in the caller's transaction and return its place in the chain.

    `actor` is a user, or the name of what acted without one (None: the system). `action` is
    `app.verb` ("customers.note-added"), `subject` is `kind:code` ("customer:PA13VH0000001"), never
    a phone or an ID number; `before` and `after` hold only what changed, as text, integers and dates.

    Writers queue on the head's row until their transactions end: record last, so that no other
    lock is asked for while this one is held.
    Raises ChainBrokenError when the head was changed behind our back, TypeError for a float.
    """
    head = _locked_head()
    person = None if isinstance(actor, str) else actor
    entry: dict[str, Any] = {
        "at": at, "actor_id": person.pk if person else None,
        "actor_name": person.get_username() if person else (actor or SYSTEM),
        "action": action, "subject": subject, "before": plain(before), "after": plain(after),
        "reason": reason.replace("\x00", "").strip(), "request_id": request_id,
    }  # fmt: skip
    previous = bytes(head.hash)
    place = head.entries + 1
    last = entry_hash(entry, previous)
    AuditEntry.objects.create(id=place, previous_hash=previous, hash=last, **entry)
    AuditHead.objects.filter(pk=1).update(
        entries=place, hash=last, seal=head_seal(key=settings.SECRET_KEY, entries=place, last=last)
    )
    return place


def seal_holds(*, entries: int, last: bytes, seal: bytes) -> bool:
    """Tell whether a head carries our seal, by the secret key or one it followed (SECRET_KEY_FALLBACKS)."""
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return any(hmac.compare_digest(seal, head_seal(key=key, entries=entries, last=last)) for key in keys)


def _locked_head() -> AuditHead:
    locked = AuditHead.objects.select_for_update().filter(pk=1)
    head = locked.first()
    if head is None:
        if not AuditEntry.objects.exists():
            AuditHead.objects.bulk_create([_empty_head()], ignore_conflicts=True)
        head = locked.first()  # the very first writers race: another may have made it meanwhile
    if head is None or not seal_holds(entries=head.entries, last=bytes(head.hash), seal=bytes(head.seal)):
        raise ChainBrokenError(
            "The audit log's head does not carry this installation's seal: run `thapsang audit verify`, "
            "and see docs/adr/0012-audit-log.md about a changed secret key."
        )
    return head


def _empty_head() -> AuditHead:
    return AuditHead(
        id=1, entries=0, hash=GENESIS, seal=head_seal(key=settings.SECRET_KEY, entries=0, last=GENESIS)
    )
