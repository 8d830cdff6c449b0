"""Storm mode: record a widespread outage, end it, decide for a book or a point while it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.utils import timezone

from thapsang.domain.customers import queries as customers
from thapsang.domain.metering.models import Storm, StormArea, StormDecision
from thapsang.domain.metering.queries.storms import UnknownStormError
from thapsang.domain.metering.types import month_start
from thapsang.domain.network import queries as network
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required

DECISIONS = ("read", "estimate")


class StormRefusedError(ValueError):
    """The storm cannot be recorded so; the message names the field and what to do."""


@transaction_required
def begin_storm(
    *,
    name: str,
    began_at: datetime,
    document: str,
    reason: str,
    actor: Person | str,
    at: datetime,
    team_codes: Iterable[str] = (),
    commune_codes: Iterable[str] = (),
    book_codes: Iterable[str] = (),
) -> int:
    """Record a widespread outage in some areas from a moment on; return its number. Estimates there are held back.

    Recorded in the audit log. Raises StormRefusedError: a text missing, no area, an area nobody knows, a
    beginning in the future.
    """
    _texts(name=name, document=document, reason=reason)
    if began_at > at:
        raise StormRefusedError(f"began_at: {began_at:%Y-%m-%d %H:%M} has not come yet.")
    areas = {
        "area_team": _known("team", team_codes, {team.code: team.id for team in network.area_teams()}),
        "commune": _known("commune", commune_codes, {one.code: one.id for one in network.communes()}),
        "book": _books(book_codes),
    }
    if not any(areas.values()):
        raise StormRefusedError("areas: none is named. Name area teams, communes or reading books.")
    made = Storm.objects.create(
        name=name.strip(), document=document.strip(), reason=reason.strip(), recorded_by=_number(actor),
        recorded_name=_name(actor), recorded_at=at,
    )  # fmt: skip
    StormArea.objects.bulk_create(
        StormArea(storm=made, began_at=began_at, **{f"{kind}_id": number})
        for kind, numbers in areas.items()
        for number in numbers.values()
    )
    audit.record(
        actor=actor, action="metering.storm-begun", subject=f"storm:{made.pk}", before=None,
        after={"name": made.name, "began_at": began_at.isoformat(), "document": made.document,
               "areas": ", ".join(sorted(code for found in areas.values() for code in found))},
        reason=reason, at=at,
    )  # fmt: skip
    return int(made.pk)


@transaction_required
def end_storm(
    *,
    storm_id: int,
    ended_at: datetime,
    reason: str,
    actor: Person | str,
    at: datetime,
    area_ids: Iterable[int] | None = None,
) -> int:
    """Record when supply came back, in some areas or all that still wait; return how many areas ended.

    Estimates there are released from now on. Raises UnknownStormError, StormRefusedError: no reason, an end
    before the beginning or in the future, nothing left to end.
    """
    _texts(reason=reason)
    _open(storm_id)
    areas = StormArea.objects.select_for_update().filter(storm_id=storm_id, ended_at=None).order_by("id")
    if area_ids is not None:
        areas = areas.filter(pk__in=list(area_ids))
    rows = list(areas)
    if not rows:
        raise StormRefusedError(f"Storm {storm_id}: no such area is still without supply.")
    if ended_at > at:
        raise StormRefusedError(f"ended_at: {ended_at:%Y-%m-%d %H:%M} has not come yet.")
    if late := [row for row in rows if row.began_at >= ended_at]:
        raise StormRefusedError(
            f"ended_at: it is not after {late[0].began_at:%Y-%m-%d %H:%M}, when it began."
        )
    StormArea.objects.filter(pk__in=[row.pk for row in rows]).update(
        ended_at=ended_at,
        ended_by=_number(actor),
        ended_name=_name(actor),
        closed_at=at,
        why_ended=reason.strip(),
    )
    audit.record(
        actor=actor, action="metering.storm-ended", subject=f"storm:{storm_id}", before=None,
        after={"ended_at": ended_at.isoformat(), "areas": len(rows)}, reason=reason, at=at,
    )  # fmt: skip
    return len(rows)


@transaction_required
def withdraw_storm(*, storm_id: int, reason: str, actor: Person | str, at: datetime) -> None:
    """Take back a storm recorded by mistake: it holds nothing and counts no hours any more; it stays on record.

    Raises UnknownStormError, StormRefusedError.
    """
    _texts(reason=reason)
    found = _open(storm_id)
    found.withdrawn_at, found.withdrawn_name, found.why_withdrawn = at, _name(actor), reason.strip()
    found.save(update_fields=["withdrawn_at", "withdrawn_name", "why_withdrawn"])
    audit.record(
        actor=actor, action="metering.storm-withdrawn", subject=f"storm:{storm_id}", before=None,
        after={"name": found.name}, reason=reason, at=at,
    )  # fmt: skip


@transaction_required
def decide_held(
    *,
    storm_id: int,
    period: date,
    decision: str,
    reason: str,
    actor: Person | str,
    at: datetime,
    book_code: str = "",
    point_code: str = "",
) -> None:
    """Decide for a book or a point, for one month: `read` it anew, or `estimate` it by its hours with supply.

    `estimate` releases it although the storm lasts; `read` holds it until a reading is in, also afterwards. The
    last decision holds; a point's goes before its book's. Raises UnknownStormError, StormRefusedError.
    """
    _texts(reason=reason)
    if decision not in DECISIONS:
        raise StormRefusedError(f"decision: {decision!r} is neither read nor estimate.")
    if bool(book_code) == bool(point_code):
        raise StormRefusedError("Name a reading book or a supply point, one of the two.")
    _open(storm_id)
    book = _books([book_code]).get(book_code) if book_code else None
    point = _point(point_code, timezone.localdate(at)) if point_code else None
    month = month_start(period)
    StormDecision.objects.create(
        storm_id=storm_id, period=month, book_id=book, supply_point_id=point, decision=decision,
        decided_by=_number(actor), decided_name=_name(actor), decided_at=at, reason=reason.strip(),
    )  # fmt: skip
    audit.record(
        actor=actor, action="metering.storm-decided", subject=f"storm:{storm_id}", before=None,
        after={"decision": decision, "period": month, "for": book_code or point_code}, reason=reason, at=at,
    )  # fmt: skip


def _open(storm_id: int) -> Storm:
    found = Storm.objects.select_for_update().filter(pk=storm_id).first()
    if found is None:
        raise UnknownStormError(f"No storm has the number {storm_id}: see thapsang readings storm list.")
    if found.withdrawn_at:
        raise StormRefusedError(f"Storm {storm_id} was withdrawn: record another.")
    return found


def _texts(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise StormRefusedError(f"{name}: it is empty. It stands in the audit log beside what was done.")


def _books(codes: Iterable[str]) -> dict[str, int]:
    wanted = [code.strip() for code in codes]
    return _known("book", wanted, {book.code: book.id for book in network.books(codes=wanted)})


def _point(code: str, on: date) -> int:
    found = customers.find_supply_point(code=code.strip(), on=on)
    if found is None:
        raise StormRefusedError(f"point: nobody knows {code}. Check the code.")
    return found.id


def _known(kind: str, codes: Iterable[str], there: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of codes. Raises StormRefusedError naming those nobody knows."""
    wanted = {code.strip() for code in codes}
    if unknown := sorted(wanted - there.keys()):
        raise StormRefusedError(f"{kind}: nobody knows {', '.join(unknown)}. Check the code.")
    return {code: there[code] for code in sorted(wanted)}


def _number(actor: Person | str) -> int | None:
    return None if isinstance(actor, str) else actor.pk


def _name(actor: Person | str) -> str:
    return actor if isinstance(actor, str) else actor.get_username()
