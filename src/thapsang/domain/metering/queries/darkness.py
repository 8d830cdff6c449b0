"""Hours without supply, for whole columns: which points a storm covers, and how long they were dark between two days.

A point is covered through its book, its book's team, or its premises' commune. Points under the same areas form
one group; there are few groups however many points, so time is counted by group and joined to the points.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from thapsang.domain.metering.types import BookPeriod, book_period, month_start
from thapsang.kit.bulk.copy import Link, fetch

DAY_SECONDS, HOUR_SECONDS = 86_400, 3_600
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

COVERED = """
SELECT p.id AS point, p.book_id, a.id AS area, a.storm_id, a.began_at, a.ended_at
FROM metering_stormarea a JOIN metering_storm s ON s.id = a.storm_id AND s.withdrawn_at IS NULL
JOIN network_readingbook b ON b.id = a.book_id OR b.area_team_id = a.area_team_id
JOIN customers_supplypoint p ON p.book_id = b.id
UNION ALL
SELECT p.id AS point, p.book_id, a.id AS area, a.storm_id, a.began_at, a.ended_at
FROM metering_stormarea a JOIN metering_storm s ON s.id = a.storm_id AND s.withdrawn_at IS NULL
JOIN customers_premises pr ON pr.commune_id = a.commune_id
JOIN customers_supplypoint p ON p.premises_id = pr.id
"""
"""Points and the areas of storms over them; a point may be under several areas."""

_AMONG = "SELECT z.* FROM ({covered}) z JOIN {among} q ON q.point = z.point"
_AREAS = """
SELECT a.id, extract(epoch FROM a.began_at)::bigint AS began, extract(epoch FROM a.ended_at)::bigint AS ended
FROM metering_stormarea a JOIN metering_storm s ON s.id = a.storm_id AND s.withdrawn_at IS NULL
WHERE a.began_at < '{until}' AND (a.ended_at IS NULL OR a.ended_at > '{since}')
"""
_POINTS = """
SELECT c.point, string_agg(c.area::text, ',' ORDER BY c.area) AS areas FROM ({covered}) c
WHERE c.area IN ({areas}) GROUP BY c.point
"""
_REGISTERS = """
SELECT r.id AS register, q.areas FROM ({points}) q
JOIN metering_installation i ON i.supply_point_id = q.point JOIN metering_register r ON r.installation_id = i.id
"""
FEW = 20_000
"""Up to so many registers, their areas are looked up; for more, the points of the areas are gathered first."""
_OF_FEW = """
SELECT r.id AS register, string_agg(a.id::text, ',' ORDER BY a.id) AS areas
FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id
JOIN customers_supplypoint p ON p.id = i.supply_point_id JOIN network_readingbook b ON b.id = p.book_id
JOIN customers_premises pr ON pr.id = p.premises_id
JOIN metering_stormarea a ON a.book_id = b.id OR a.area_team_id = b.area_team_id OR a.commune_id = pr.commune_id
WHERE r.id IN ({registers}) AND a.id IN ({{areas}}) GROUP BY r.id
"""
_HELD = """
WITH of_point AS (
    SELECT DISTINCT ON (storm_id, supply_point_id) storm_id, supply_point_id, decision FROM metering_stormdecision
    WHERE period = '{period}' AND supply_point_id IS NOT NULL ORDER BY storm_id, supply_point_id, id DESC
), of_book AS (
    SELECT DISTINCT ON (storm_id, book_id) storm_id, book_id, decision FROM metering_stormdecision
    WHERE period = '{period}' AND book_id IS NOT NULL ORDER BY storm_id, book_id, id DESC
)
SELECT c.point, min(c.storm_id) AS storm_id,
       bool_or(coalesce(d.decision, e.decision, '') = 'read') AS anew
FROM ({covered}) c
LEFT JOIN of_point d ON d.storm_id = c.storm_id AND d.supply_point_id = c.point
LEFT JOIN of_book e ON e.storm_id = c.storm_id AND e.book_id = c.book_id
WHERE c.began_at < '{end}' AND (c.ended_at IS NULL OR c.ended_at > '{start}')
  AND CASE coalesce(d.decision, e.decision) WHEN 'read' THEN true WHEN 'estimate' THEN false
      ELSE c.ended_at IS NULL END
GROUP BY c.point
"""


def midnight(day: date) -> datetime:
    """Return 00:00 of a day in Vietnam."""
    return datetime.combine(day, time(), tzinfo=_VIETNAM)


def period_of(closing: date) -> BookPeriod:
    """Return the monthly period a book's regular closing day ends."""
    return book_period(period_month(closing), closing.day)


def period_month(closing: date) -> date:
    """Return the first day of the month a regular closing day belongs to: 1 November closes October."""
    return month_start(closing - timedelta(days=1))


@dataclass(frozen=True)
class Darkness:
    """groups: `areas` of each point or register; steps: seconds dark in all before 00:00 of `day`, by areas."""

    groups: pl.DataFrame
    steps: pl.DataFrame

    def joined(self, rows: pl.DataFrame, key: str) -> pl.DataFrame:
        """Add `areas` to rows by `key` (point or register); null where no storm was."""
        return rows.join(self.groups, on=key, how="left", maintain_order="left")

    def between(self, rows: pl.DataFrame, first: str | date, last: str | date, name: str) -> pl.DataFrame:
        """Add the seconds without supply in [first, last) as `name`; `rows` have `areas`.

        `first` and `last` are columns of days, or days. 0 where no storm was.
        """
        rows = self._before(self._before(rows, first, "dark_first"), last, "dark_last")
        dark = (pl.col("dark_last") - pl.col("dark_first")).cast(pl.Int64)
        return rows.with_columns(dark.alias(name)).drop("dark_first", "dark_last")

    def _before(self, rows: pl.DataFrame, day: str | date, name: str) -> pl.DataFrame:
        rows = rows.with_columns(dark_day=pl.col(day) if isinstance(day, str) else pl.lit(day))
        asked = rows.select("areas", "dark_day").drop_nulls().unique()
        met = asked.join(self.steps, on="areas").filter(pl.col("day") <= pl.col("dark_day"))
        sums = met.group_by("areas", "dark_day").agg(pl.col("dark").max().alias(name))
        found = rows.join(sums, on=["areas", "dark_day"], how="left", maintain_order="left")
        return found.with_columns(pl.col(name).fill_null(0)).drop("dark_day")

    def touched(self, first: date, last: date) -> pl.Series:
        """Return the groups that were dark for some time in [first, last]."""
        near = self.steps.filter((pl.col("day") > first) & (pl.col("day") <= last + timedelta(days=1)))
        return near["areas"].unique()


def point_darkness(link: Link, *, since: date, until: date) -> Darkness | None:
    """Return the hours without supply of all points from 00:00 of `since` to 00:00 of `until`; None without a storm."""
    return _darkness(link, since, until, _POINTS, "point")


def register_darkness(link: Link, *, since: date, until: date, registers: pl.Series) -> Darkness | None:
    """Return the same by register, for these registers at least: a reading of few meters pays for few."""
    query = _REGISTERS.format(points=_POINTS)
    if registers.len() <= FEW:
        query = _OF_FEW.format(registers=",".join(str(int(number)) for number in registers) or "NULL")
    return _darkness(link, since, until, query, "register")


def _darkness(link: Link, since: date, until: date, query: str, key: str) -> Darkness | None:
    window = {"since": midnight(since).isoformat(), "until": midnight(until).isoformat()}
    areas = {
        row["id"]: (row["began"], row["ended"]) for row in fetch(link, _AREAS.format(**window)).to_pylist()
    }
    if not areas:
        return None
    among = ",".join(str(int(area)) for area in areas)
    schema = {key: pl.Int64, "areas": pl.String}
    groups = pl.DataFrame(fetch(link, query.format(covered=COVERED, areas=among)), schema=schema)
    steps: list[tuple[str, date, int]] = []
    for group in groups["areas"].unique():
        spans = [areas[int(area)] for area in group.split(",")]
        steps += [(group, day, dark) for day, dark in dark_steps(spans, since, until)]
    return Darkness(
        groups, pl.DataFrame(steps, {"areas": pl.String, "day": pl.Date, "dark": pl.Int64}, orient="row")
    )


def dark_steps(spans: Iterable[tuple[int, int | None]], since: date, until: date) -> list[tuple[date, int]]:
    """Return the seconds dark since 00:00 of `since`, at each midnight until `until` that added some.

    `spans` are [began, ended) in seconds of the epoch, ended None while it lasts; where several overlap, the
    time counts once.
    """
    low, high = int(midnight(since).timestamp()), int(midnight(until).timestamp())
    days: dict[date, int] = {}
    for began, ended in _united((max(a, low), high if b is None else min(b, high)) for a, b in spans):
        at = began
        while at < ended:
            day = datetime.fromtimestamp(at, _VIETNAM).date()
            end = min(ended, int(midnight(day + timedelta(days=1)).timestamp()))
            days[day + timedelta(days=1)] = days.get(day + timedelta(days=1), 0) + end - at
            at = end
    total, steps = 0, []
    for day in sorted(days):
        total += days[day]
        steps.append((day, total))
    return steps


def _united(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for began, ended in sorted(span for span in spans if span[0] < span[1]):
        if united and began <= united[-1][1]:
            united[-1] = (united[-1][0], max(ended, united[-1][1]))
        else:
            united.append((began, ended))
    return united


def storms_known(link: Link) -> bool:
    """Tell whether any storm was ever declared: where none was, nothing is held back and nobody was dark."""
    return bool(fetch(link, "SELECT id FROM metering_stormarea LIMIT 1").num_rows)


def held_points(link: Link, *, closing: date, among: str = "") -> pl.DataFrame:
    """Return the points whose estimate for a closing day is held back: point, storm_id, anew (to be read).

    Held: in an area of a storm that still lasts and began before the closing day; or an officer said to read
    the point or its book anew. Free: the officer said to estimate it. `among`: a table of this connection with
    a column `point` that narrows the search.
    """
    schema = {"point": pl.Int64, "storm_id": pl.Int64, "anew": pl.Boolean}
    if not storms_known(link):
        return pl.DataFrame(schema=schema)
    dates = period_of(closing)
    query = held_query(dates.start, dates.end, period_month(closing), among=among)
    return pl.DataFrame(fetch(link, query), schema=schema)


def held_query(start: date, end: date, period: date, *, among: str = "") -> str:
    """Return the SQL of `held_points` for a period [start, end) of the month `period`."""
    covered = COVERED if not among else _AMONG.format(covered=COVERED, among=among)
    return _HELD.format(
        covered=covered,
        start=midnight(start).isoformat(),
        end=midnight(end).isoformat(),
        period=period.isoformat(),
    )
