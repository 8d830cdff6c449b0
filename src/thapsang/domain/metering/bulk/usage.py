"""Consumption of a period: from dial values to kWh a point, set-based.

Nearly every point has one meter through the whole period and a reading on both boundary days: those take the
plain path, one join and one sum. The few others (a meter replaced, a move-in, an interim reading that splits
the period, a reading a day off) take the careful path.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa
from django.conf import settings

from thapsang.domain.metering.bulk import careful, holding, shapes
from thapsang.domain.metering.operations import fetching
from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.types import (
    BookPeriod,
    book_period,
    dial_use_column,
    reading_policy,
)
from thapsang.kit.bulk.columns import Usual
from thapsang.kit.bulk.copy import Link, fetch
from thapsang.kit.bulk.joining import among, beside, is_ascending

_BOUNDARY = {
    "installation": pl.Int64, "register": pl.Int64, "kind": pl.Int16, "digits": pl.Int16, "multiplier": pl.Int32,
    "start": pl.Date, "finish": pl.Date, "before": pl.Int64, "after": pl.Int64, "estimated": pl.Boolean,
}  # fmt: skip
_MEMBER = {"point": pl.Int64, "book_id": pl.Int64}
_POINTS = "SELECT id AS point, book_id FROM customers_supplypoint WHERE book_id IN ({books}) ORDER BY id"
_ON_DAY = """
SELECT register_id AS register, value{more} FROM metering_reading
WHERE register_id BETWEEN {low} AND {high} AND read_on = '{day:%Y-%m-%d}'
"""
_ESTIMATED = ", quality = 'E' AS estimated"
_READ = Usual("register", {"estimated": False})
# Only who came or went within the period has a day of his own.
_METERS = """
SELECT i.supply_point_id AS point, i.id AS installation, i.multiplier,
       CASE WHEN i.start >= '{start}' THEN i.start END AS start, CASE WHEN i."end" <= '{end}' THEN i."end" END AS finish
FROM metering_installation i
WHERE i.start < '{end}' AND (i."end" IS NULL OR i."end" > '{start}') AND {where}
"""
_WHOLE = Usual("installation", {"multiplier": 1, "start": None, "finish": None})
_DIALS = """
SELECT r.installation_id AS installation, r.id AS register, r.digits,
       CASE r.kind WHEN 'total' THEN 0 WHEN 'normal' THEN 1 WHEN 'peak' THEN 2 WHEN 'offpeak' THEN 3
            WHEN 'reactive' THEN 4 END::int2 AS kind
FROM {source} WHERE {where}
"""
_SINGLE = Usual("register", {"kind": 0})
_OF_STAGED = "metering_register r JOIN wanted_installation w ON w.installation = r.installation_id"
_BY_RANGE = "i.supply_point_id BETWEEN {low} AND {high}"
_BY_BOOK = "i.supply_point_id IN (SELECT id FROM customers_supplypoint WHERE book_id IN ({books}))"
_DAYS = "SELECT id, reading_day FROM network_readingbook WHERE id IN ({books})"
_SPLIT = """
SELECT DISTINCT i.supply_point_id AS point FROM metering_reading s
JOIN metering_register r ON r.id = s.register_id JOIN metering_installation i ON i.id = r.installation_id
JOIN customers_supplypoint p ON p.id = i.supply_point_id AND p.book_id IN ({books})
WHERE s.source = 'price' AND s.read_on > '{start}' AND s.read_on < '{end}'
"""


def period_usage(link: Link, *, book_ids: list[int], period: date) -> tuple[pa.Table, pa.Table]:
    """Return the consumption of every point of some books in a monthly period, and what stood in the way.

    `period` is any day of the month; a book's dates follow its reading day (`types.book_period`).
    usage: point int64, segment int16, start date32, end date32, kwh, kwh_normal, kwh_peak, kwh_offpeak int64
    (the three are 0 without a three-rate meter), banded bool, kvarh int64, estimated bool. One row a point;
    several where an interim reading (source "price") splits the period. kWh and kvarh are multiplied (CT/VT).
    issues: point int64, code string (missing-reading, storm-estimate-held, backwards, no-meter, no-register), detail
    JSON string.
    A point is in one of the two, never in both; one that was not supplied at all is in neither.
    Raises nothing about the data itself.
    """
    days = _books_by_day(link, book_ids)
    points = pl.DataFrame(fetch(link, _POINTS.format(books=_ids(book_ids) or "NULL")), schema=_MEMBER)
    usage, issues = usage_of_points(link, points=points, days=days, period=period)
    return shapes.usage_to_arrow(usage), shapes.issues_to_arrow(issues)


def usage_of_points(
    link: Link, *, points: pl.DataFrame, days: dict[int, list[int]], period: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what `period_usage` returns, for points known already, both in order of point.

    `points`: point, book_id of all points of the books, in order of point; `days`: book ids by reading day.
    """
    parts = []
    for day, books in days.items():
        members = points if len(days) == 1 else points.filter(pl.col("book_id").is_in(books))
        parts.append(_usage_of(link, members.select("point"), books, book_period(period, day)))
    usage = pl.concat([shapes.empty_usage(), *(part[0] for part in parts)])
    issues = pl.concat([shapes.empty_issues(), *(part[1] for part in parts)])
    ordered = is_ascending(usage["point"])
    return usage if ordered else usage.sort("point", "segment"), issues.sort("point")


def _books_by_day(link: Link, book_ids: list[int]) -> dict[int, list[int]]:
    if not book_ids:
        return {}
    rows = fetch(link, _DAYS.format(books=_ids(book_ids)))
    found: dict[int, list[int]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["reading_day"], []).append(row["id"])
    return found


def _ids(numbers: list[int]) -> str:
    return ",".join(str(int(number)) for number in numbers)


def _usage_of(
    link: Link, points: pl.DataFrame, books: list[int], dates: BookPeriod
) -> tuple[pl.DataFrame, pl.DataFrame]:
    policy = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, dates.start)
    names = {"start": f"{dates.start:%Y-%m-%d}", "end": f"{dates.end:%Y-%m-%d}", "books": _ids(books)}
    rows = _boundaries(link, points, dates, names).with_columns(
        use=dial_use_column(pl.col("before"), pl.col("after"), pl.col("digits"), policy.dial_share)
    )
    split = pl.DataFrame(fetch(link, _SPLIT.format(**names)))
    odd = _odd_points(rows, split, dates)
    if odd.is_empty():
        return _plain(rows, dates), shapes.empty_issues()
    is_odd = among(rows["point"], odd)
    usage = _plain(rows.filter(~is_odd), dates)
    more, issues = careful.usage(link, rows.filter(is_odd).drop("use"), dates, policy)
    return shapes.in_order(usage, more), holding.told(link, issues, dates)


def _boundaries(link: Link, points: pl.DataFrame, dates: BookPeriod, names: dict[str, str]) -> pl.DataFrame:
    """Return every register of the books' points with its values on the two boundary days, where there are.

    `start` and `finish` are null for a meter that was there before the period, or stayed after it.
    """
    if points.is_empty():
        return points.with_columns(**{name: pl.lit(None, kind) for name, kind in _BOUNDARY.items()})
    where = _BY_BOOK
    if fetching.is_dense(points["point"]):
        where = _BY_RANGE.format(**dict(zip(("low", "high"), fetching.bounds(points["point"]), strict=True)))
    meters = pl.DataFrame(fetch(link, _METERS.format(where=where.format(**names), **names), usual=_WHOLE))
    rows = beside(points, meters, on="point")
    hung = rows["installation"].drop_nulls().unique()
    rows = beside(rows, _dials(link, hung), on="installation").with_columns(
        pl.col("installation").fill_null(0)
    )
    first, last = _values(link, rows["register"].drop_nulls(), dates)
    return beside(beside(rows, first, on="register"), last, on="register")


def _values(link: Link, registers: pl.Series, dates: BookPeriod) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings of registers on the first day (before) and on the last (after, estimated)."""
    if registers.len() and fetching.is_dense(registers):
        low, high = fetching.bounds(registers)
        first = fetch(link, _ON_DAY.format(low=low, high=high, day=dates.start, more=""))
        last = fetch(link, _ON_DAY.format(low=low, high=high, day=dates.end, more=_ESTIMATED), usual=_READ)
        return pl.DataFrame(first).rename({"value": "before"}), pl.DataFrame(last).rename({"value": "after"})
    there = fetching.readings_of(link, registers, fetching.on_days(dates.start, dates.end))
    first_rows = there.filter(pl.col("read_on") == dates.start).select("register", before="value")
    last_rows = there.filter(pl.col("read_on") == dates.end)
    return first_rows, last_rows.select("register", after="value", estimated=pl.col("quality") == "E")


def _dials(link: Link, installations: pl.Series) -> pl.DataFrame:
    if installations.is_empty():
        return pl.DataFrame(
            schema={"installation": pl.Int64, **{n: _BOUNDARY[n] for n in ("register", "digits", "kind")}}
        )
    if fetching.is_dense(installations):
        low, high = fetching.bounds(installations)
        where = f"r.installation_id BETWEEN {low} AND {high}"
        return pl.DataFrame(
            fetch(link, _DIALS.format(source="metering_register r", where=where), usual=_SINGLE)
        )
    stage(link, "wanted_installation", installations.to_frame())
    return pl.DataFrame(fetch(link, _DIALS.format(source=_OF_STAGED, where="true")))


def _odd_points(rows: pl.DataFrame, split: pl.DataFrame, dates: BookPeriod) -> pl.Series:
    """Return the points that are not plain: a boundary missing or backwards, a meter not always there."""
    odd = rows.filter(
        pl.col("register").is_null()
        | pl.col("use").is_null()
        | (pl.col("start") > dates.start).fill_null(value=False)
        | (pl.col("finish") < dates.end).fill_null(value=False)
    )
    return pl.concat([odd["point"], split["point"].cast(pl.Int64)]).unique()


def _plain(rows: pl.DataFrame, dates: BookPeriod) -> pl.DataFrame:
    counted = rows.with_columns(
        use=pl.col("use") * pl.col("multiplier"),
        segment=pl.lit(0, pl.Int16),
        start=pl.lit(dates.start),
        end=pl.lit(dates.end),
    )
    alone = (pl.col("kind") == shapes.TOTAL) & ~_repeats(rows["point"])
    by_total = shapes.only_total(counted.filter(alone))
    rest = counted.filter(~alone)
    return by_total if rest.is_empty() else shapes.in_order(by_total, shapes.sum_registers(rest))


def _repeats(points: pl.Series) -> pl.Series:
    """Tell which rows share their point with another; rows of a point stand together."""
    same = (points == points.shift(1)).fill_null(value=False)
    return same | same.shift(-1).fill_null(value=False)
