"""The dry run: what a month would come to, against the month before; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from django.utils import timezone

from thapsang.domain.billing import queries
from thapsang.domain.billing.bulk.computing import Computed, compute
from thapsang.domain.billing.bulk.relieving import RELIEF, InForce, in_force, of_run, relieve
from thapsang.domain.billing.types import CategoryTotal, month_before
from thapsang.domain.network import queries as network
from thapsang.domain.network.types import BookView
from thapsang.domain.tariffs import queries as tariffs
from thapsang.journeys.run_billing.running import GROUP_POINTS, demand_billable
from thapsang.kit.bulk.copy import bulk_connection

_SUMS = ("bills", "kwh", "net", "vat", "total")
_MEAN_BOOK = 1_000


@dataclass(frozen=True)
class CategoryPreview:
    """One tariff category: this month as it would be billed, and last month."""

    category: str
    now: CategoryTotal
    before: CategoryTotal


@dataclass(frozen=True)
class ReliefPreview:
    """What one programme takes off a month's bills (đồng before VAT, its VAT), and its cash beside them."""

    programme: str
    bills: int
    net: int
    vat: int
    cash: int


@dataclass(frozen=True)
class DryRun:
    """Totals by category after reliefs (đồng, kWh), exceptions by code, reliefs by programme.

    `before_from` is bills, readings or nothing; computed from readings, the month before is without reliefs.
    """

    period: date
    categories: tuple[CategoryPreview, ...]
    exceptions: dict[str, int]
    before_from: str
    reliefs: tuple[ReliefPreview, ...] = ()

    def sums(self) -> CategoryPreview:
        """Return the totals over all categories."""
        return CategoryPreview(
            "", _total([c.now for c in self.categories]), _total([c.before for c in self.categories])
        )


def dry_run(
    *, period: date, at: datetime | None = None, progress: Callable[[int, int], None] | None = None
) -> DryRun:
    """Compute a month without writing anything, and set it against the month before.

    The month before is taken from its bills, or computed from its readings when it was not billed here.
    `progress` is called with the groups of books done and the groups in all, for each month computed.
    Raises PeriodError as `start` does, PolicyError for the tariffs.
    """
    at = at or timezone.now()
    demand_billable(period, at)
    now, exceptions, reliefs = _computed(period, _law(period, at), progress)
    before, source = {t.category: t for t in queries.category_totals(period=month_before(period))}, "bills"
    if not before:
        before, source = _computed(month_before(period), None, progress)[0], "readings"
    rows = tuple(
        CategoryPreview(name, now.get(name, _none(name)), before.get(name, _none(name)))
        for name in sorted({*now, *before})
    )
    return DryRun(period, rows, exceptions, source if before else "nothing", reliefs)


def _law(period: date, at: datetime) -> InForce | None:
    """Return the reliefs a start of the month now would give by: those its run keeps, or those in force."""
    book, run = tariffs.current_book(), queries.run(period=period)
    if run:
        return of_run(run, book)
    return in_force(book, period=period, invoice_date=timezone.localtime(at).date())


def _computed(
    period: date, law: InForce | None, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, CategoryTotal], dict[str, int], tuple[ReliefPreview, ...]]:
    """Return the totals by category, the exceptions by code and the reliefs by programme a month would have."""
    book, parts, codes = tariffs.current_book(), [], Counter[str]()
    given = [pl.DataFrame(schema=RELIEF)]
    with bulk_connection() as link:
        groups = _groups(network.books())
        for done, group in enumerate(groups):
            if progress:
                progress(done, len(groups))
            days: dict[int, list[int]] = {}
            for view in group:
                days.setdefault(view.reading_day, []).append(view.id)
            computed = compute(link, book=book, period=period, books=days)
            codes.update(computed.exceptions["code"].to_list())
            if law:
                computed = relieve(link, computed, law)
            if computed.given is not None:
                given.append(computed.given.with_columns(pl.col("programme", "rule").cast(pl.String)))
            parts.append(_by_category(computed))
        link.rollback()
    rows = pl.concat(parts).group_by("category").sum().to_dicts() if parts else []
    totals = {row["category"]: CategoryTotal(**row) for row in rows}
    return totals, dict(codes.most_common()), _by_programme(pl.concat(given))


def _by_programme(given: pl.DataFrame) -> tuple[ReliefPreview, ...]:
    sums = given.group_by("programme", maintain_order=True).agg(
        bills=pl.col("point").n_unique(), net=pl.col("amount").sum(), vat=pl.col("vat").sum(), cash=pl.col("cash").sum()
    )  # fmt: skip
    return tuple(ReliefPreview(**row) for row in sums.to_dicts())


def _groups(books: list[BookView]) -> list[list[BookView]]:
    size = max(1, GROUP_POINTS // _MEAN_BOOK)
    return [books[at : at + size] for at in range(0, len(books), size)]


def _by_category(computed: Computed) -> pl.DataFrame:
    bills = pl.DataFrame(computed.rated.bills).with_columns(pl.col("category").cast(pl.String))
    sums = [pl.len().cast(pl.Int64).alias("bills"), *(pl.col(name).sum() for name in _SUMS[1:])]
    return bills.group_by("category").agg(sums)


def _none(category: str) -> CategoryTotal:
    return CategoryTotal(category, 0, 0, 0, 0, 0)


def _total(rows: list[CategoryTotal]) -> CategoryTotal:
    return CategoryTotal("", *(sum(getattr(row, name) for row in rows) for name in _SUMS))
