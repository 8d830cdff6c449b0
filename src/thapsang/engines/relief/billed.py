"""Relieving bills that are issued already: from the bills' own columns, rating nothing twice that need not be.

The rules, their order and the money are those of `relieve`; only where the bills come from differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.engines.money import divide_half_up
from thapsang.engines.rating import LINES, USAGE, TariffBook
from thapsang.engines.rating.columns import checked, terms_of
from thapsang.engines.rating.tables import KINDS, Array
from thapsang.engines.relief.amounts import Money, Moved, RatedLines, rate_moved
from thapsang.engines.relief.batch import Granting, Run
from thapsang.engines.relief.book import Programme, ReliefBook, Rule, Threshold
from thapsang.engines.relief.columns import Facts
from thapsang.engines.relief.conditions import Situation, holding
from thapsang.engines.relief.problems import unpriced_batch

BILLED = pa.schema(
    {
        "point": pa.int64(),
        "start": pa.date32(),
        "end": pa.date32(),
        "category": pa.string(),
        "household_quarters": pa.int32(),
        "kwh": pa.int64(),
        "kvarh": pa.int64(),
        "net": pa.int64(),
        "vat_rate": pa.int32(),
    }
)
"""Bills as issued, one a point, in order of point; category and households are those of the last day."""
NEAR_PERCENT = 5
"""Who missed a threshold by at most so many percent of it has just missed it."""
_BILLED_LINES = ("point", "kind", "tier", "band", "kwh", "price", "start", "end")


@dataclass(frozen=True)
class Needs:
    """What a month's rules ask beside the bills: `lines` of all bills; `again`: the points to rate again.

    `again` is None when that may be anybody; lines and terms of those points are wanted. `terms`: those of all
    points, when a rule asks for voltages.
    """

    lines: bool
    terms: bool
    again: Array | None


@dataclass(frozen=True)
class Missed:
    """Points that met a rule but for its threshold, by little: their kWh and the limit, grown as the rule says."""

    programme: str
    rule: str
    point: Array
    kwh: Array
    limit: Array


@dataclass(frozen=True)
class BilledRelief:
    """Relief lines of a block of bills, points without a price to move to, and who just missed."""

    lines: pa.RecordBatch
    problems: pa.RecordBatch | None
    missed: tuple[Missed, ...]


class BilledMonth:
    """The programmes over the bills of one bill month and invoice date, a block at a time; safe to share by threads."""

    def __init__(
        self,
        book: TariffBook,
        reliefs: ReliefBook,
        facts: Facts,
        *,
        bill_month: date,
        invoice_date: date,
        days: tuple[date, date] | None = None,
    ) -> None:
        """Choose the rules that can hold; `days`: no bill has days outside [first, after)."""
        self.run = Run(book, reliefs, facts, bill_month, invoice_date, None, days=days)
        self.run.choose()

    @property
    def empty(self) -> bool:
        """Whether no rule can hold at all in this month."""
        return not self.run.live

    @property
    def needs(self) -> Needs:
        """Tell what the rules that can hold ask beside the bills."""
        kinds = [rule.what.kind for _, rule in self.run.live]
        moving = [rule for _, rule in self.run.live if rule.what.kind == "price-list"]
        candidates = [self.run.candidates(rule) for rule in moving]
        known = [points for points in candidates if points is not None]
        again = np.unique(np.concatenate([np.empty(0, np.int64), *known]))
        voltages = any(group.voltages for _, rule in self.run.live for group in rule.who)
        anybody = len(known) < len(candidates)
        return Needs(
            "percent-off-prices" in kinds or anybody, voltages or anybody, None if anybody else again
        )

    def relieve(
        self, bills: pa.Table, lines: pa.Table | None, terms: pa.Table | None, *, near: bool = False
    ) -> BilledRelief:
        """Apply the programmes to a block of bills (BILLED); `lines` and `terms` as `needs` tells.

        `lines`: point, kind, tier, band, kwh, price, start, end, in order of point, all lines of a bill or none.
        `terms` as rating takes them. `near`: tell who just missed a threshold. Raises RatingInputError for tables
        that do not fit.
        """
        block, _ = checked(bills, BILLED, "bills")
        nobody = Moved(np.empty(0, np.int64), np.empty(0, np.int64))
        moving = {id(rule): nobody for _, rule in self.run.live if rule.what.kind == "price-list"}
        run = replace(self.run, moved=moving, voltage=None)
        if terms is not None and terms.num_rows:
            tables = run.book.tables
            run.keep_voltages(terms_of(terms, tables.categories, tables.voltages))
            if lines is not None:
                self._rate_again(run, block, lines, terms)
        at = self._situation(run, block)
        book = Granting(run, at, _money(block, lines))
        missed: list[Missed] = []
        if len(at.points):
            for programme, rule in run.live:
                before = book.had.get(programme.code)
                book.grant(programme, rule)
                if near and rule.threshold:
                    missed += _missed(programme, rule, rule.threshold, at, before)
        return BilledRelief(book.lines(), unpriced_batch(book.unpriced), tuple(missed))

    def _rate_again(self, run: Run, bills: pa.Table, lines: pa.Table, terms: pa.Table) -> None:
        points = pc.unique(terms["point"])
        mine = bills.filter(pc.is_in(bills["point"], points))
        usage = usage_of_lines(mine, lines.filter(pc.is_in(lines["point"], points)))
        for _, rule in run.live:
            if rule.what.kind == "price-list":
                run.moved[id(rule)] = rate_moved(run.book, rule, usage, terms, run.candidates(rule))

    def _situation(self, run: Run, bills: pa.Table) -> Situation:
        tables = run.book.tables
        category = bills["category"].combine_chunks().dictionary_encode()
        known = np.array([tables.categories.index(word) if word in tables.categories else -1
                          for word in category.dictionary.to_pylist()] + [-1], np.int16)  # fmt: skip
        start, end = (bills[name].combine_chunks().view(pa.int32()).to_numpy() for name in ("start", "end"))
        return run.situation(
            bills["point"].to_numpy(), start, end, bills["kwh"].to_numpy(),
            known.take(category.indices.to_numpy()), bills["household_quarters"].to_numpy().astype(np.int64),
        )  # fmt: skip


def _money(bills: pa.Table, lines: pa.Table | None) -> Money:
    net, points = bills["net"].to_numpy(), bills["point"].to_numpy()
    if lines is None:
        lines = pa.table({name: pa.array([], LINES.field(name).type) for name in _BILLED_LINES})
    kind = lines["kind"].combine_chunks()
    coded = kind if pa.types.is_dictionary(kind.type) else kind.dictionary_encode()
    places = np.array([KINDS.index(word) for word in coded.dictionary.to_pylist()] + [0], np.int8)
    rated = RatedLines(
        points,
        lines["point"].to_numpy(),
        places.take(coded.indices.to_numpy()),
        lines["tier"].to_numpy(),
        lines["kwh"].to_numpy(),
        lines["price"].to_numpy(),
    )
    return Money(net, net.copy(), bills["vat_rate"].to_numpy().astype(np.int64), rated)


def _missed(
    programme: Programme, rule: Rule, threshold: Threshold, at: Situation, before: Array | None
) -> list[Missed]:
    """Tell who meets a rule but for its threshold, within NEAR_PERCENT, and had no earlier rule of the programme."""
    others = holding(replace(rule, threshold=None), at)
    if before is not None:
        others &= ~before
    found = []
    for monthly, over in ((threshold.up_to, True), (threshold.above, False)):
        if monthly is None or not rule.applied:
            continue
        limit = at.scaled(monthly, threshold.scaled_by)
        band = divide_half_up(limit * NEAR_PERCENT, 100)
        near = (
            (at.kwh > limit) & (at.kwh <= limit + band)
            if over
            else (at.kwh <= limit) & (at.kwh > limit - band)
        )
        who = np.flatnonzero(others & near)
        if len(who):
            found.append(Missed(programme.code, rule.code, at.points[who], at.kwh[who], limit[who]))
    return found


def usage_of_lines(bills: pa.Table, lines: pa.Table) -> pa.Table:
    """Return usage (USAGE) as bills and their lines have it: a row for each stretch of days at one set of prices.

    A bill whose lines leave days out (nothing was used on them) gets one row for all its days.
    """
    energy = pl.DataFrame(lines.select(_BILLED_LINES)).filter(pl.col("kind").cast(pl.String) != "reactive")
    band = pl.col("band").cast(pl.String)
    sums = {
        "kwh": pl.col("kwh").sum(),
        **{f"kwh_{name}": pl.col("kwh").filter(band == name).sum() for name in ("normal", "peak", "offpeak")},
        "banded": (band != "").any(),
    }
    parts = energy.group_by("point", "start", "end").agg(**sums).sort("point", "start")
    whole = pl.DataFrame(bills.select(["point", "start", "end", "kvarh"]))
    covered = parts.group_by("point").agg(
        days=(pl.col("end") - pl.col("start")).dt.total_days().sum(), first=pl.col("start").min(),
        last=pl.col("end").max(), banded=pl.col("banded").any(),
    )  # fmt: skip
    full = whole.join(covered, on="point", how="inner").filter(
        (pl.col("first") == pl.col("start"))
        & (pl.col("last") == pl.col("end"))
        & (pl.col("days") == (pl.col("end") - pl.col("start")).dt.total_days())
    )
    kept = parts.join(full.select("point"), on="point", how="semi")
    rest = whole.join(full, on="point", how="anti")
    once = rest.select("point", "start", "end").join(
        energy.group_by("point").agg(**sums), on="point", how="left"
    )
    rows = pl.concat([kept, once.select(kept.columns)]).sort("point", "start")
    rows = rows.with_columns(pl.col("^kwh.*$").fill_null(0), pl.col("banded").fill_null(value=False))
    rows = rows.with_columns(segment=pl.int_range(pl.len()).over("point").cast(pl.Int16)).join(
        whole.select("point", "kvarh"), on="point", how="left", maintain_order="left"
    )
    rows = rows.with_columns(kvarh=pl.when(pl.col("segment") == 0).then("kvarh").otherwise(0))
    return rows.select(USAGE.names).to_arrow().cast(USAGE)
