"""Estimate what could not be read, by the published rule: mean daily use of the last periods × actual days.

The number of periods and the text the rule comes from are policy (metering/reading.yaml). An estimate is a
reading of quality E; the next real reading for the day takes its place, and bills made from it say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from django.conf import settings
from django.db import connection

from thapsang.domain.metering.operations.importing import ImportInsideTransactionError
from thapsang.domain.metering.operations.months import copy_readings, ensure_months
from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.queries.darkness import DAY_SECONDS, Darkness, held_points, point_darkness
from thapsang.domain.metering.types import (
    BookPeriod,
    ReadingPolicy,
    book_period,
    dial_use_column,
    month_start,
    reading_policy,
)
from thapsang.kit.bulk.copy import bulk_connection, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_DAYS = "SELECT DISTINCT reading_day FROM network_readingbook"
_UNREAD = """
SELECT r.id AS register, p.id AS point, p.code AS point_code, b.code AS book, me.serial, r.kind, r.digits,
       i.multiplier
FROM network_readingbook b JOIN customers_supplypoint p ON p.book_id = b.id AND p.status = 'active'
JOIN metering_installation i ON i.supply_point_id = p.id AND i.start < '{end}'
     AND (i."end" IS NULL OR i."end" > '{end}')
JOIN metering_meter me ON me.id = i.meter_id JOIN metering_register r ON r.installation_id = i.id
WHERE b.reading_day = {day} {books}
  AND EXISTS (SELECT FROM customers_supplyagreement a WHERE a.supply_point_id = p.id AND a.start < '{end}'
              AND (a."end" IS NULL OR a."end" > '{start}'))
  AND NOT EXISTS (SELECT FROM metering_reading m WHERE m.register_id = r.id
                  AND m.read_on BETWEEN '{near}' AND '{far}')
"""
_HISTORY = """
SELECT u.register, m.read_on, m.value FROM unread_register u
JOIN metering_reading m ON m.register_id = u.register WHERE m.read_on BETWEEN '{first}' AND '{last}'
"""


@dataclass(frozen=True)
class NotEstimated:
    """A register without the history an estimate needs: somebody has to read it or decide."""

    book: str
    point_code: str
    serial: str
    register: str


@dataclass(frozen=True)
class EstimateOutcome:
    """What was estimated (or would be, in a dry run), and by which rule."""

    period: date
    dry_run: bool
    registers: int
    points: int
    kwh: int
    not_estimated: list[NotEstimated]
    reference: Mapping[str, Any]
    held: int
    """Points whose estimate is held back because of a storm: released there, or read anew."""
    storm: int
    """Points estimated by their hours with supply, since a storm took some of the time."""
    storm_reference: Mapping[str, Any]


def estimate_missing(
    *, period: date, book_codes: list[str] | None = None, dry_run: bool = False
) -> EstimateOutcome:
    """Estimate the closing readings a period still lacks, for some books or all, in one transaction.

    `period` is any day of the month. A second call finds nothing to do. Points under storm mode are held back;
    of those released, the hours with supply count instead of the days. Raises ImportInsideTransactionError
    inside a transaction, since it commits on its own.
    """
    if connection.in_atomic_block:
        raise ImportInsideTransactionError("Estimating commits on its own: call it outside a transaction.")
    made, lacking, held = [], [], 0
    policy = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, month_start(period))
    with bulk_connection() as link:
        for day in sorted(fetch(link, _DAYS).column("reading_day").to_pylist()):
            rows, kept_back = _estimates(link, period, day, book_codes, policy)
            held += kept_back
            made.append(rows.filter(pl.col("value").is_not_null()))
            lacking.append(rows.filter(pl.col("value").is_null()))
            if not dry_run and made[-1].height:
                _store(link, made[-1])
        if not dry_run:
            link.commit()
    return _outcome(period, made, lacking, policy, held=held, dry_run=dry_run)


def _estimates(
    link: Connection, period: date, day: int, book_codes: list[str] | None, policy: ReadingPolicy
) -> tuple[pl.DataFrame, int]:
    """Return what can be estimated for books of one reading day, and how many points are held back."""
    dates, slack = book_period(period, day), timedelta(days=policy.tolerance_days)
    codes = ",".join("'" + code.replace("'", "''") + "'" for code in book_codes or [])
    unread = pl.DataFrame(
        fetch(link, _UNREAD.format(
            start=dates.start, end=dates.end, day=int(day), books=f"AND b.code IN ({codes})" if codes else "",
            near=dates.end - slack, far=dates.end + slack,
        ))
    )  # fmt: skip
    bounds = [
        book_period(month_start(period, months=-n), day).start for n in range(policy.estimate_periods + 1)
    ]
    stage(link, "unread_point", unread.select("point").unique())
    held = held_points(link, closing=dates.end, among="unread_point")["point"]
    unread = unread.filter(~pl.col("point").is_in(held.implode()))
    stage(link, "unread_register", unread.select("register"))
    history = pl.DataFrame(fetch(link, _HISTORY.format(first=bounds[-1] - slack, last=bounds[0] + slack)))
    dark = point_darkness(link, since=bounds[-1], until=dates.end) if unread.height else None
    return estimated(unread, history, bounds, dates, policy, dark), held.len()


def estimated(
    unread: pl.DataFrame,
    history: pl.DataFrame,
    bounds: list[date],
    dates: BookPeriod,
    policy: ReadingPolicy,
    dark: Darkness | None = None,
) -> pl.DataFrame:
    """Add `value` (null without history), `use`, `read_on` and `storm` to unread registers. No database.

    `bounds`: the start of this period, of the one before, and so on. Of the periods before, those that
    follow each other without a gap count, from the newest; mean = Σ use / Σ days, rounded half up once.
    `dark`, by point: time without supply counts neither in the mean nor in what is estimated.
    """
    rows = dark.joined(unread, "point") if dark else unread
    for number, bound in enumerate(bounds):
        rows = rows.join(
            _at(history, bound, policy).rename({"value": f"v{number}"}), on="register", how="left"
        )
    use, days, on, whole = pl.lit(0, pl.Int64), pl.lit(0, pl.Int64), pl.lit(0, pl.Int64), pl.lit(value=True)
    rows = _with_supply(rows, "on0", dates.start, dates.end, dark)
    for number in range(1, len(bounds)):
        rows = _with_supply(rows, f"on{number}", bounds[number], bounds[number - 1], dark)
        stretch = dial_use_column(
            pl.col(f"v{number}"), pl.col(f"v{number - 1}"), pl.col("digits"), policy.dial_share
        )
        whole = whole & stretch.is_not_null()
        use += pl.when(whole).then(stretch).otherwise(0)
        days += pl.when(whole).then((bounds[number - 1] - bounds[number]).days).otherwise(0)
        on += pl.when(whole).then(pl.col(f"on{number}")).otherwise(0)
    enough = days >= pl.lit((bounds[0] - bounds[policy.estimate_minimum_periods]).days)
    guess = pl.when(enough & (on > 0)).then((2 * use * pl.col("on0") + on) // (2 * on))
    dial = pl.lit(10, pl.Int64).pow(pl.col("digits")).cast(pl.Int64)
    actual = (dates.end - dates.start).days * DAY_SECONDS
    return rows.with_columns(use=guess, storm=pl.col("on0") < actual).with_columns(
        value=(pl.col("v0") + pl.col("use")) % dial, read_on=pl.lit(dates.end)
    )


def _with_supply(
    rows: pl.DataFrame, name: str, start: date, end: date, dark: Darkness | None
) -> pl.DataFrame:
    """Add the seconds of [start, end) with supply."""
    seconds = (end - start).days * DAY_SECONDS
    if dark is None:
        return rows.with_columns(pl.lit(seconds, pl.Int64).alias(name))
    gone = dark.between(rows, start, end, "gone")
    return gone.with_columns((seconds - pl.col("gone")).alias(name)).drop("gone")


def _at(history: pl.DataFrame, bound: date, policy: ReadingPolicy) -> pl.DataFrame:
    """Return the reading that stands for a boundary, as `bulk.period_usage` chooses it."""
    away = (pl.col("read_on") - pl.lit(bound)).dt.total_days().abs()
    near = history.with_columns(away=away).filter(pl.col("away") <= policy.tolerance_days)
    near = near.sort("register", "away", "read_on").unique("register", keep="first", maintain_order=True)
    return near.select("register", "value")


def _store(link: Connection, rows: pl.DataFrame) -> None:
    ensure_months(rows["read_on"][0], rows["read_on"][0])
    readings = rows.select(
        "read_on", "value", register_id="register", quality=pl.lit("E"), source=pl.lit("estimate")
    )
    copy_readings(link, readings)


def _outcome(
    period: date,
    made: list[pl.DataFrame],
    lacking: list[pl.DataFrame],
    policy: ReadingPolicy,
    *,
    held: int,
    dry_run: bool,
) -> EstimateOutcome:
    rows, none = pl.concat(made), pl.concat(lacking)
    active = rows.filter(pl.col("kind") != "reactive")
    return EstimateOutcome(
        period=month_start(period), dry_run=dry_run, registers=rows.height, points=rows["point"].n_unique(),
        kwh=int((active["use"] * active["multiplier"]).sum()),
        not_estimated=[
            NotEstimated(row["book"], row["point_code"], row["serial"], row["kind"])
            for row in none.sort("book", "point_code").iter_rows(named=True)
        ],
        reference=policy.estimate_reference, held=held,
        storm=rows.filter("storm")["point"].n_unique(), storm_reference=policy.storm.estimate_reference,
    )  # fmt: skip
