"""Proving a month's bills after the fact, against readings, terms and ledger, from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing import queries
from thapsang.domain.billing.queries.runs import run_books
from thapsang.domain.billing.types import PERIOD_FACTOR, PeriodError, yymm
from thapsang.domain.customers import queries as customers
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.ledger import queries as accounts
from thapsang.domain.metering import bulk as metering
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.kit.bulk.copy import bulk_connection

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_SHOWN = 20
_BOOKS_AT_ONCE = 25


@dataclass(frozen=True)
class Violation:
    """Something that must never be: what, which bill or point, and the numbers."""

    code: str
    subject: str
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """What was counted and what was wrong (the first twenty of a kind)."""

    period: date
    bills: int
    exceptions: int
    kwh: int
    total: int
    violations: tuple[Violation, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not self.violations


def check(*, period: date, progress: Callable[[int, int], None] | None = None) -> CheckReport:
    """Check a month: one bill or exception a point, kWh as read, lines = net, reliefs as granted, ledger = bills.

    `progress` is called with the steps done and the steps in all. Raises PeriodError when the month was never billed.
    """
    run = queries.run(period=period)
    if run is None:
        raise PeriodError(
            f"{period:%Y-%m} was never billed: run `thapsang bills run --period {period:%Y-%m}`."
        )
    low = yymm(period) * PERIOD_FACTOR
    tell = progress or _nobody
    with bulk_connection() as link:
        bills = pl.DataFrame(billing.month_bills(link, period=period))
        energy = pl.DataFrame(billing.month_energy(link, period=period))
        waiting = pl.Series(billing.exception_points(link, period=period)).cast(pl.Int64)
        taken = pl.DataFrame(billing.relief_lines(link, period=period))
        given = reliefs.carried(link, low=low, high=low + PERIOD_FACTOR - 1)
        wrong = billing.wrong_bills(link, period=period).to_pylist()
        posted = pl.DataFrame(ledger.posted_documents(link, kind="bills", prefix=f"bills:{period:%Y-%m}:"))
        read = _read(link, period, [book for book, _ in run_books(run_id=run.id)], tell)
    found = [
        *(Violation("lines", f"bill {w['id']}", f"net {w['net']}, lines sum to {w['lines']}") for w in wrong),
        *_unbilled(run.status, bills, energy, waiting, read),
        *_misread(energy, read),
        *_misgranted(taken, given),
        *_misposted(bills, posted),
        *_unbalanced(),
    ]
    return CheckReport(
        period, bills.height, len(waiting), int(bills["kwh"].sum()), int(bills["total"].sum()), tuple(found)
    )


def _nobody(done: int, steps: int) -> None:
    """Tell nobody how far it is."""


def _read(link: Connection, period: date, books: list[int], tell: Callable[[int, int], None]) -> pl.DataFrame:
    """Return point, kWh as the readings say, and dates, of all books."""
    parts = [pl.DataFrame(schema={"point": pl.Int64, "kwh": pl.Int64, "start": pl.Date, "end": pl.Date})]
    for at in range(0, len(books), _BOOKS_AT_ONCE):
        tell(at, len(books))
        usage, _ = metering.period_usage(link, book_ids=books[at : at + _BOOKS_AT_ONCE], period=period)
        by_point = pl.DataFrame(usage).group_by("point")
        parts.append(by_point.agg(pl.col("kwh").sum(), pl.col("start").min(), pl.col("end").max()))
    return pl.concat(parts)


def _unbilled(
    status: str, bills: pl.DataFrame, energy: pl.DataFrame, waiting: pl.Series, read: pl.DataFrame
) -> list[Violation]:
    """Points billed twice, and, once the run is finished, points with neither bill nor exception."""
    twice = bills.filter(bills["point"].is_duplicated())["point"].unique()
    found = [Violation("twice", f"point {point}", "more than one regular bill") for point in twice[:_SHOWN]]
    if status == "finished":
        lost = read.join(energy, on="point", how="anti").filter(~pl.col("point").is_in(waiting.implode()))
        lost = pl.concat([lost.filter(pl.col("kwh") > 0), _supplied(lost.filter(pl.col("kwh") == 0))])
        found += [
            Violation("unbilled", f"point {point}", f"{kwh} kWh read, no bill and no exception")
            for point, kwh in lost.select("point", "kwh").head(_SHOWN).iter_rows()
        ]
    return found


def _supplied(points: pl.DataFrame) -> pl.DataFrame:
    """Keep the points that had an agreement at the beginning or the end of their period: nothing used is a bill too."""
    found: set[int] = set()
    for (start, end), group in points.group_by("start", "end"):
        for day in (start, end - timedelta(days=1)):
            found |= {point.id for point in customers.supply_points(ids=group["point"].to_list(), on=day)}
    return points.filter(pl.col("point").is_in(sorted(found)))


def _misread(energy: pl.DataFrame, read: pl.DataFrame) -> list[Violation]:
    """Months whose bills, corrections and final bills included, do not sum to what was read."""
    both = energy.join(read, on="point", how="left", suffix="_read")
    wrong = both.filter(pl.col("kwh").ne_missing(pl.col("kwh_read")))
    return [
        Violation("kwh", f"bill {number}", f"billed {kwh} kWh, read {read_kwh}")
        for number, kwh, read_kwh in wrong.select("id", "kwh", "kwh_read").head(_SHOWN).iter_rows()
    ]


def _misgranted(taken: pl.DataFrame, given: pl.DataFrame) -> list[Violation]:
    """Bills whose lines of kind `relief` are not what the grants say."""
    both = taken.join(given, on="bill_id", how="full", coalesce=True, suffix="_granted")
    wrong = both.filter(pl.col("amount").ne_missing(pl.col("amount_granted")))
    return [
        Violation("relief", f"bill {number}", f"lines take off {amount}, grants say {granted}")
        for number, amount, granted in wrong.select("bill_id", "amount", "amount_granted")
        .head(_SHOWN).iter_rows()
    ]  # fmt: skip


def _misposted(bills: pl.DataFrame, posted: pl.DataFrame) -> list[Violation]:
    """Bills the ledger does not owe exactly once and in full, entries of no bill included."""
    owed = bills.filter(pl.col("total") != 0).select("id", "total")
    both = owed.join(posted, left_on="id", right_on="document", how="full", coalesce=True)
    right = (pl.col("total") == pl.col("amount")) & (pl.col("entries") == 1)
    wrong = both.filter(~right.fill_null(value=False))
    return [
        Violation("ledger", f"bill {number}", f"bill {total}, ledger {amount} in {entries or 0} entries")
        for number, total, amount, entries in wrong.select("id", "total", "amount", "entries")
        .head(_SHOWN).iter_rows()
    ]  # fmt: skip


def _unbalanced() -> list[Violation]:
    found = [
        Violation("journal", reference, f"{count} entries sum to {total}")
        for reference, count, total in accounts.unbalanced_journals(limit=_SHOWN)
    ]
    balance = sum(line.balance for line in accounts.trial_balance())
    return found + ([Violation("trial-balance", "ledger", f"sums to {balance}")] if balance else [])
