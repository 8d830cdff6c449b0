"""Reading the audit log, and proving it whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from thapsang.kit.audit.chain import GENESIS, entry_hash
from thapsang.kit.audit.models import AuditEntry, AuditHead
from thapsang.kit.audit.operations import seal_holds

CHUNK = 2000


@dataclass(frozen=True)
class EntryView:
    """One entry, as shown."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    action: str
    subject: str
    before: Any
    after: Any
    reason: str
    request_id: str


@dataclass(frozen=True)
class Problem:
    """What is wrong with the chain at one place.

    `kind`: altered (content differs from its hash), missing (no entry at this place), out-of-place
    (does not follow the entry before it), cut (the log ends before its head), beyond (an entry the
    head does not know), head (no head, or one without our seal), anchor (a hash once noted is gone).
    """

    entry: int
    kind: str
    detail: str


@dataclass(frozen=True)
class Anchor:
    """The end of the chain at a moment: written down elsewhere, it proves the log up to here for ever."""

    entries: int
    hash: str


@dataclass(frozen=True)
class Verification:
    """Outcome of reading the whole chain."""

    entries: int
    head: str
    problems: list[Problem]

    @property
    def whole(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems


def entries(
    *,
    actor: str = "",
    action: str = "",
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[EntryView]:
    """Return the newest entries first: by actor's name, beginning of action, subject, [since, until)."""
    wanted = Q()
    for lookup, value in (
        ("actor_name", actor), ("action__startswith", action), ("subject", subject),
        ("at__gte", since), ("at__lt", until), ("id__lt", before_id),
    ):  # fmt: skip
        if value:
            wanted &= Q(**{lookup: value})
    rows = AuditEntry.objects.filter(wanted).order_by("-id").values(*EntryView.__dataclass_fields__)[:limit]
    return [EntryView(**row) for row in rows]


def count() -> int:
    """Return how many entries the log says it has."""
    head = AuditHead.objects.filter(pk=1).first()
    return head.entries if head else 0


def anchor() -> Anchor:
    """Return the end of the chain now."""
    head = AuditHead.objects.filter(pk=1).first()
    return Anchor(entries=head.entries, hash=bytes(head.hash).hex()) if head else Anchor(0, GENESIS.hex())


def verify(*, anchored: Anchor | None = None) -> Verification:
    """Read the whole log in order and name every place where the chain does not hold.

    Streams: memory does not grow with the log. Entries added meanwhile do no harm, because the head
    is read first and again afterwards. `anchored` is an end noted earlier, outside the database.
    """
    first_head = AuditHead.objects.filter(pk=1).first()
    walk = _Walk(anchored)
    problems = list(walk.problems())
    problems += _head_problems(walk, first_head)
    if anchored and anchored.entries and not walk.met_anchor:
        problems.append(
            Problem(anchored.entries, "anchor", f"entry {anchored.entries} has not the hash once noted")
        )
    return Verification(walk.seen, walk.last_hash.hex(), sorted(problems, key=lambda found: found.entry))


class _Walk:
    """One pass over the chain, keeping where it got to."""

    def __init__(self, anchored: Anchor | None) -> None:
        self.seen = 0
        self.place = 0
        self.last_hash = GENESIS
        self.met_anchor = False
        self._anchored = anchored

    def problems(self) -> Iterator[Problem]:
        rows: Iterator[Any] = AuditEntry.objects.order_by("id").values().iterator(chunk_size=CHUNK)
        for row in rows:
            yield from self._check(row)
            self._advance(row)

    def _check(self, row: dict[str, Any]) -> Iterator[Problem]:
        missing = range(self.place + 1, row["id"])
        for place in missing[:100]:
            yield Problem(place, "missing", f"no entry at place {place}")
        if len(missing) > 100:
            yield Problem(missing[-1], "missing", f"and {len(missing) - 100} more, up to place {missing[-1]}")
        what = f"{row['action']} {row['subject']} at {row['at'].isoformat()}"
        if not _content_holds(row):
            yield Problem(row["id"], "altered", f"the content no longer matches its hash: {what}")
        elif not missing and bytes(row["previous_hash"]) != self.last_hash:
            yield Problem(row["id"], "out-of-place", f"does not follow entry {self.place}: {what}")

    def _advance(self, row: dict[str, Any]) -> None:
        self.seen += 1
        self.place = row["id"]
        self.last_hash = bytes(row["hash"])
        if self._anchored and self.place == self._anchored.entries:
            self.met_anchor = self.last_hash.hex() == self._anchored.hash


def _content_holds(row: dict[str, Any]) -> bool:
    try:
        return entry_hash(row, bytes(row["previous_hash"])) == bytes(row["hash"])
    except TypeError:  # a value we never write, such as a float
        return False


def _head_problems(walk: _Walk, first: AuditHead | None) -> Iterator[Problem]:
    head = AuditHead.objects.filter(pk=1).first()
    if head is None or first is None:
        if walk.seen and head is None:
            yield Problem(walk.place, "head", "the log has entries and no head")
        return
    if not seal_holds(entries=head.entries, last=bytes(head.hash), seal=bytes(head.seal)):
        yield Problem(head.entries, "head", "the head does not carry this installation's seal")
    if walk.place < first.entries:
        yield Problem(walk.place + 1, "cut", f"the log ends at {walk.place}; its head says {first.entries}")
    if walk.place > head.entries:
        yield Problem(head.entries + 1, "beyond", f"entries after {head.entries} are unknown to the head")
    if walk.place == head.entries and walk.last_hash != bytes(head.hash):
        yield Problem(walk.place, "altered", "the last entry's hash is not the head's")
