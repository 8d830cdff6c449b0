"""Storms as pages and commands ask for them: areas, points concerned, estimates held back by book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Min
from django.db.transaction import atomic
from django.utils import timezone

from thapsang.domain.metering.models import Storm, StormArea, StormDecision
from thapsang.domain.metering.queries.darkness import COVERED, held_query, midnight, period_month, period_of
from thapsang.domain.metering.types import book_period, month_start, reading_policy

MONTHS_SHOWN = 3
LAST_READING_DAY = 28
"""Books are read on the 1st to the 28th only."""


class UnknownStormError(LookupError):
    """No storm has this number."""


@dataclass(frozen=True)
class AreaView:
    """One area of a storm; `kind` is team, commune or book. `ended_at` is None while storm mode holds there."""

    id: int
    kind: str
    code: str
    name: str
    began_at: datetime
    ended_at: datetime | None
    ended_name: str
    why_ended: str


@dataclass(frozen=True)
class DecisionView:
    """What was decided for a book or a point: `read` it anew, or `estimate` it now."""

    period: date
    subject: str
    decision: str
    decided_name: str
    decided_at: datetime
    reason: str


@dataclass(frozen=True)
class StormView:
    """A storm with its areas."""

    id: int
    name: str
    document: str
    reason: str
    recorded_name: str
    recorded_at: datetime
    withdrawn_name: str
    withdrawn_at: datetime | None
    why_withdrawn: str
    areas: list[AreaView]

    @property
    def state(self) -> str:
        """Return open, ended or withdrawn."""
        if self.withdrawn_at:
            return "withdrawn"
        return "open" if any(area.ended_at is None for area in self.areas) else "ended"

    @property
    def began_at(self) -> datetime:
        """When the first area lost supply."""
        return min(area.began_at for area in self.areas)

    @property
    def ended_at(self) -> datetime | None:
        """When the last area had it back; None while one has not."""
        ends = [area.ended_at for area in self.areas if area.ended_at]
        return max(ends) if len(ends) == len(self.areas) else None


@dataclass(frozen=True)
class BookInStorm:
    """One book in one month of a storm: points covered, points without a closing reading, of them held back."""

    period: date
    closing: date
    book: str
    points: int
    unread: int
    held: int
    anew: int
    """Of the held: those an officer said to read anew."""

    @property
    def released(self) -> int:
        """Points without a reading that may be estimated now."""
        return self.unread - self.held


@dataclass(frozen=True)
class HeldPoint:
    """A point whose estimate is held back."""

    id: int
    code: str
    book: str
    serial: str
    anew: bool


def storms(*, state: str = "", limit: int = 50, offset: int = 0) -> list[StormView]:
    """Return storms, the newest first; `state` open narrows them to those in storm mode."""
    rows = Storm.objects.annotate(first=Min("areas__began_at")).order_by("-first", "-id")
    if state == "open":
        going_on = StormArea.objects.filter(ended_at=None).values("storm")
        rows = rows.filter(withdrawn_at=None, pk__in=going_on)
    return _views(list(rows[offset : offset + limit]))


def storm(*, storm_id: int) -> StormView:
    """Return one storm. Raises UnknownStormError."""
    found = Storm.objects.filter(pk=storm_id).first()
    if found is None:
        raise UnknownStormError(f"No storm has the number {storm_id}: see thapsang readings storm list.")
    return _views([found])[0]


def _views(rows: list[Storm]) -> list[StormView]:
    areas: dict[int, list[AreaView]] = {}
    columns = (
        "storm_id", "id", "began_at", "ended_at", "ended_name", "why_ended", "area_team__code", "area_team__name",
        "commune__code", "commune__name", "book__code",
    )  # fmt: skip
    found = StormArea.objects.filter(storm__in=rows).order_by("id").values(*columns)
    for row in found:
        kind = "team" if row["area_team__code"] else "commune" if row["commune__code"] else "book"
        code = row["area_team__code"] or row["commune__code"] or row["book__code"]
        name = row["area_team__name"] or row["commune__name"] or row["book__code"]
        times = (row["began_at"], row["ended_at"], row["ended_name"], row["why_ended"])
        areas.setdefault(row["storm_id"], []).append(AreaView(row["id"], kind, code, name, *times))
    return [
        StormView(
            row.pk, row.name, row.document, row.reason, row.recorded_name, row.recorded_at, row.withdrawn_name,
            row.withdrawn_at, row.why_withdrawn, areas.get(row.pk, []),
        )
        for row in rows
    ]  # fmt: skip


def decisions(*, storm_id: int, limit: int = 100) -> list[DecisionView]:
    """Return what was decided in a storm, the newest first."""
    rows = StormDecision.objects.filter(storm_id=storm_id).order_by("-id")
    rows = rows.annotate(book_code=F("book__code"), point_code=F("supply_point__code"))
    return [
        DecisionView(
            r.period, r.book_code or r.point_code, r.decision, r.decided_name, r.decided_at, r.reason
        )
        for r in rows[:limit]
    ]


_POINTS = "SELECT count(DISTINCT c.point) FROM ({covered}) c WHERE c.storm_id = %s"
_BOOKS = """
WITH closing AS (
    SELECT * FROM unnest(%(days)s::int[], %(months)s::date[], %(starts)s::date[], %(ends)s::date[],
                         %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS t (reading_day, period, start, "end", since, until)
), area AS MATERIALIZED ({covered}),
mine AS MATERIALIZED (
    SELECT DISTINCT c.point, c.book_id, b.code AS book, t.period, t.start, t."end", t.since, t.until
    FROM area c JOIN network_readingbook b ON b.id = c.book_id JOIN closing t ON t.reading_day = b.reading_day
    WHERE c.storm_id = %(storm)s AND c.began_at < t.until AND (c.ended_at IS NULL OR c.ended_at > t.since)
), read AS ({read}),
unread AS (
    SELECT DISTINCT m.point, m.period FROM mine m
    JOIN customers_supplypoint p ON p.id = m.point AND p.status = 'active'
    JOIN metering_installation i ON i.supply_point_id = m.point AND i.start < m."end"
         AND (i."end" IS NULL OR i."end" > m."end")
    JOIN metering_register r ON r.installation_id = i.id
    LEFT JOIN read x ON x.register_id = r.id AND x."end" = m."end"
    WHERE x.register_id IS NULL
      AND EXISTS (SELECT FROM customers_supplyagreement a WHERE a.supply_point_id = m.point AND a.start < m."end"
                  AND (a."end" IS NULL OR a."end" > m.start))
), of_point AS (
    SELECT DISTINCT ON (storm_id, supply_point_id, period) * FROM metering_stormdecision
    WHERE supply_point_id IS NOT NULL ORDER BY storm_id, supply_point_id, period, id DESC
), of_book AS (
    SELECT DISTINCT ON (storm_id, book_id, period) * FROM metering_stormdecision
    WHERE book_id IS NOT NULL ORDER BY storm_id, book_id, period, id DESC
), held AS (
    SELECT m.point, m.period, bool_or(coalesce(d.decision, e.decision, '') = 'read') AS anew
    FROM mine m JOIN unread u ON u.point = m.point AND u.period = m.period
    JOIN area c ON c.point = m.point AND c.began_at < m.until AND (c.ended_at IS NULL OR c.ended_at > m.since)
    LEFT JOIN of_point d ON d.storm_id = c.storm_id AND d.supply_point_id = m.point AND d.period = m.period
    LEFT JOIN of_book e ON e.storm_id = c.storm_id AND e.book_id = m.book_id AND e.period = m.period
    WHERE CASE coalesce(d.decision, e.decision) WHEN 'read' THEN true WHEN 'estimate' THEN false
          ELSE c.ended_at IS NULL END
    GROUP BY m.point, m.period
)
SELECT m.period, m."end", m.book, count(*), count(u.point), count(h.point), count(h.point) FILTER (WHERE h.anew)
FROM mine m LEFT JOIN unread u ON u.point = m.point AND u.period = m.period
LEFT JOIN held h ON h.point = m.point AND h.period = m.period
GROUP BY m.period, m."end", m.book ORDER BY m.period DESC, m.book
"""
_READ = """
SELECT DISTINCT register_id, date '{end}' AS "end" FROM metering_reading
WHERE read_on BETWEEN date '{end}' - {slack} AND date '{end}' + {slack}
"""
_OF_BOOK = """(SELECT p.id AS point FROM customers_supplypoint p
    JOIN network_readingbook b ON b.id = p.book_id WHERE b.code = %(book)s)"""
_HELD_POINTS = """
SELECT p.id, p.code, b.code, coalesce(min(me.serial), ''), h.anew
FROM ({held}) h JOIN customers_supplypoint p ON p.id = h.point JOIN network_readingbook b ON b.id = p.book_id
JOIN metering_installation i ON i.supply_point_id = p.id AND i."end" IS NULL
JOIN metering_meter me ON me.id = i.meter_id
WHERE h.storm_id = %(storm)s AND (%(book)s = '' OR b.code = %(book)s)
  AND NOT EXISTS (SELECT FROM metering_register r JOIN metering_reading x ON x.register_id = r.id
                  AND x.read_on BETWEEN %(closing)s::date - 1 AND %(closing)s::date + 1 WHERE r.installation_id = i.id)
GROUP BY p.id, p.code, b.code, h.anew ORDER BY b.code, p.code LIMIT %(limit)s
"""


def points_concerned(*, storm_id: int) -> int:
    """Return how many supply points lie in a storm's areas."""
    with connection.cursor() as cursor:
        cursor.execute(_POINTS.format(covered=COVERED), [storm_id])
        return int(cursor.fetchone()[0])


def books_in_storm(*, storm_id: int, today: date) -> list[BookInStorm]:
    """Return the books of a storm by month, for the months whose closing day has come: one statement.

    At most the last MONTHS_SHOWN months of the storm.
    """
    found = storm(storm_id=storm_id)
    closings = _closings(found, today)
    if not closings:
        return []
    # Days are written in, so that only the partitions around a closing day are read.
    slack = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, today).tolerance_days
    ends = sorted({row[3] for row in closings})
    read = " UNION ALL ".join(_READ.format(end=end, slack=int(slack)) for end in ends)
    columns = zip(*((*row, midnight(row[2]), midnight(row[3])) for row in closings), strict=True)
    names = ("days", "months", "starts", "ends", "since", "until")
    values: dict[str, Any] = {"storm": storm_id, **dict(zip(names, map(list, columns), strict=True))}
    with atomic(), connection.cursor() as cursor:
        # The planner cannot tell how many points a storm covers: it would look each of them up, one after the other.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_BOOKS.format(covered=COVERED, read=read), values)
        rows = cursor.fetchall()
        cursor.execute("SET LOCAL enable_nestloop = on")
    return [BookInStorm(*row) for row in rows]


def _closings(found: StormView, today: date) -> list[tuple[int, date, date, date]]:
    """Return reading day, month, start and end of the periods a storm touched and whose closing day has come."""
    began = timezone.localdate(found.began_at)
    ended = timezone.localdate(found.ended_at) if found.ended_at else today
    last = month_start(min(ended, today), months=1)
    months = [month_start(last, months=-back) for back in range(MONTHS_SHOWN + 1)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT reading_day FROM network_readingbook ORDER BY 1")
        days = [row[0] for row in cursor.fetchall()]
    spans = [(day, month, book_period(month, day)) for month in months for day in days]
    return [
        (day, month, dates.start, dates.end)
        for day, month, dates in spans
        if began < dates.end <= today + timedelta(days=1) and ended >= dates.start
    ]


def held_in_book(*, storm_id: int, closing: date, book: str = "", limit: int = 100) -> list[HeldPoint]:
    """Return points of a storm whose estimate for a closing day is held back, by book and code."""
    dates = period_of(closing)
    held = held_query(dates.start, dates.end, period_month(closing), among=_OF_BOOK if book else "")
    with atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        values: dict[str, Any] = {"storm": storm_id, "book": book, "closing": closing, "limit": limit}
        cursor.execute(_HELD_POINTS.format(held=held), values)
        rows = cursor.fetchall()
        cursor.execute("SET LOCAL enable_nestloop = on")
    return [HeldPoint(*row) for row in rows]


def held_by(*, points: list[int], closing: date) -> dict[int, str]:
    """Return the name of the storm that holds back the estimate of each of some points; others are left out."""
    if not points or closing.day > LAST_READING_DAY or not StormArea.objects.exists():
        return {}
    dates = period_of(closing)
    among = (
        "(SELECT unnest(ARRAY["
        + ",".join(str(int(point)) for point in set(points))
        + "]::bigint[]) AS point)"
    )
    held = held_query(dates.start, dates.end, period_month(closing), among=among)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT h.point, s.name FROM ({held}) h JOIN metering_storm s ON s.id = h.storm_id"  # noqa: S608
        )
        return dict(cursor.fetchall())


def hours_without_supply(*, supply_point_id: int, start: date, end: date) -> int:
    """Return the whole hours a point was without supply in [start, end) by the storms recorded."""
    query = (
        "SELECT sum(extract(epoch FROM upper(span) - lower(span)))::bigint FROM (SELECT unnest(range_agg("  # noqa: S608
        "tstzrange(c.began_at, c.ended_at) * tstzrange(%(start)s, %(end)s))) AS span "
        f"FROM ({COVERED}) c WHERE c.point = %(point)s) spans"
    )
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"start": midnight(start), "end": midnight(end), "point": supply_point_id}
        cursor.execute(query, values)
        return int(cursor.fetchone()[0] or 0) // 3600
