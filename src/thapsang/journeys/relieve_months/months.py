"""Months already billed, made ready for the relief engine: book, facts, evidence, and what to read beside the bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
from django.utils import timezone

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.bulk import issued
from thapsang.domain.billing.bulk.relieving import facts_table, known_evidence, last_days, relief_rows
from thapsang.domain.billing.types import PeriodError, month_after
from thapsang.domain.customers import bulk as customers
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief import BilledMonth, BilledRelief, Facts, Needs, ReliefBook, facts_of
from thapsang.kit.bulk.copy import Link

TERMS = (
    "point", "start", "end", "category", "voltage", "household_quarters", "time_of_use", "reactive_charged",
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """point, book_id and commune of every supply point, in order of point."""

    rows: pl.DataFrame
    _made: list[tuple[ReliefBook, pl.DataFrame, pa.Table, Facts]] = field(default_factory=list)

    @classmethod
    def read(cls, link: Link, *, low: int = 0, high: int = 10**9 - 1) -> Places:
        """Read the places of points `low` to `high`."""
        return cls(customers.places_of_points(link, low=low, high=high))

    def facts(self, book: ReliefBook, uses: pl.DataFrame, evidence: pa.Table) -> Facts:
        """Return the facts of all points; several months with the same uses and evidence share them."""
        for other, had, seen, facts in self._made:
            if other is book and had.equals(uses) and seen.equals(evidence):
                return facts
        made = facts_of(facts_table(self.rows, uses), known_evidence(evidence, book), book)
        self._made.append((book, uses, evidence, made))
        return made


@dataclass(frozen=True)
class Month:
    """A billed month under one book of reliefs."""

    period: date
    run_id: int
    high: int
    """The highest billed point."""
    engine: BilledMonth
    tariffs: TariffBook
    book: ReliefBook
    places: Places

    def of_finals(self, link: Link, bills: pl.DataFrame) -> Month:
        """Return the month as it is for final bills: the use on the last day of each one's own counts."""
        uses = reliefs.uses_on(link, days=last_days(bills))
        lying = bills.select("point").join(
            self.places.rows.select("point", "commune"), on="point", how="left"
        )
        facts = facts_of(
            facts_table(lying, uses), known_evidence(reliefs.evidence(link), self.book), self.book
        )
        run = self.engine.run
        engine = BilledMonth(
            self.tariffs, self.book, facts, bill_month=self.period, invoice_date=run.invoice_date
        )
        return replace(self, engine=engine)


def prepare(link: Link, *, period: date, book: ReliefBook, places: Places | None) -> Month:
    """Make a billed month ready. `places` None: they are read as far as the rules need them.

    The bill month of the rules is the month billed, the invoice date the day its run began. Raises PeriodError when
    the month was never billed.
    """
    found, run = issued.billed_range(link, period=period), billing.run(period=period)
    if found is None or run is None:
        raise PeriodError(
            f"{period:%Y-%m} was never billed here: relief is taken off issued bills. Bill the month first, or name "
            "another."
        )
    prices = tariffs.book_of(found[1])
    last = month_after(period) - timedelta(days=1)
    uses = reliefs.uses(link, on=last)
    if places is None:
        places = Places(uses.select("point").with_columns(commune=pl.lit(None, pl.String)))
    engine = BilledMonth(
        prices,
        book,
        places.facts(book, uses, reliefs.evidence(link)),
        bill_month=period,
        invoice_date=timezone.localtime(run.started_at).date(),
    )
    return Month(period, found[0], found[2], engine, prices, book, places)


@dataclass(frozen=True)
class Block:
    """Bills of a range of points with what the rules ask beside them."""

    bills: pl.DataFrame
    lines: pa.Table | None
    terms: pa.Table | None
    engines: dict[int, BilledMonth]
    """By the `id` of the month asked for: final bills have engines of their own."""

    def relieve(self, month: Month, *, near: bool = False) -> tuple[pl.DataFrame, BilledRelief]:
        """Return what every rule gives (RELIEF), and what else the engine found."""
        found = self.engines[id(month)].relieve(self.bills.to_arrow(), self.lines, self.terms, near=near)
        return relief_rows(found), found


def read_block(
    link: Link,
    *,
    months: Sequence[Month],
    low: int,
    high: int,
    columns: tuple[str, ...] = issued.ESSENTIAL,
    sequence: int = 0,
) -> Block:
    """Read the bills of points `low` to `high` of one month, for several books of reliefs at once.

    `sequence` 0 means regular bills, another the final bills of that sequence.
    """
    period, these = months[0].period, list(months)
    if sequence:
        ends = issued.issued_bills(
            link, period=period, low=low, high=high, columns=("point", "end", "kwh"), sequence=sequence
        )
        these = [month.of_finals(link, ends) for month in months]
    needs = [month.engine.needs for month in these]
    rated_again = any(need.lines or need.again is None or len(need.again) for need in needs)
    if not rated_again:  # reactive energy is asked for by those who rate again only
        columns = tuple(name for name in columns if name != "kvarh")
    bills = issued.issued_bills(link, period=period, low=low, high=high, columns=columns, sequence=sequence)
    if not rated_again:
        bills = bills.with_columns(kvarh=pl.lit(0, pl.Int64))
    again = _again(needs, bills["point"])
    terms = lines = None
    if any(need.lines for need in needs):
        lines = issued.issued_lines(link, period=period, low=low, high=high, sequence=sequence).to_arrow()
    elif again is not None and len(again):
        lines = issued.issued_lines(
            link, period=period, low=low, high=high, points=again.to_list(), sequence=sequence
        ).to_arrow()
    wanted = bills["point"] if again is None or any(need.terms for need in needs) else again
    if len(wanted):
        terms = terms_of_bills(link, bills.filter(pl.col("point").is_in(wanted.implode())))
    engines = {id(month): its.engine for month, its in zip(months, these, strict=True)}
    return Block(bills, lines, terms, engines)


def _again(needs: Sequence[Needs], points: pl.Series) -> pl.Series | None:
    """Return the points to rate again, None when that may be any."""
    if any(need.again is None for need in needs):
        return None
    wanted = np.unique(np.concatenate([need.again for need in needs if need.again is not None]))
    return points.filter(pl.Series(np.isin(points.to_numpy(), wanted))) if len(wanted) else points.head(0)


def terms_of_bills(link: Link, bills: pl.DataFrame) -> pa.Table:
    """Return the terms of bills' points, clipped to the days of each bill."""
    if bills.is_empty():
        return customers.terms_of_points(
            link, points=bills["point"], start=date.min, end=date.max
        ).select(TERMS).to_arrow()  # fmt: skip
    first, last = bills["start"].min(), bills["end"].max()
    assert isinstance(first, date) and isinstance(last, date)
    rows = customers.terms_of_points(link, points=bills["point"], start=first, end=last)
    days = bills.select("point", low="start", high="end")
    clipped = rows.join(days, on="point").with_columns(
        start=pl.max_horizontal("start", "low"), end=pl.min_horizontal("end", "high")
    )
    return clipped.filter(pl.col("start") < pl.col("end")).sort("point", "start").select(TERMS).to_arrow()
