"""Relieving whole tables: rate block by block, then the programmes in stacking order over each block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from thapsang.engines.money import share
from thapsang.engines.rating import PROBLEMS, TERMS, USAGE, TariffBook, rate_blocks
from thapsang.engines.rating.columns import Terms, checked, terms_of
from thapsang.engines.rating.tables import Array
from thapsang.engines.relief.amounts import Money, Moved, RatedLines, granted, rate_moved
from thapsang.engines.relief.book import Programme, ReliefBook, Rule, Validity
from thapsang.engines.relief.columns import ADJUSTMENTS, RELIEF_LINES, Facts, batch_of, facts_of, words
from thapsang.engines.relief.conditions import Situation, holding
from thapsang.engines.relief.problems import unpriced_batch

_DAYS = 32


@dataclass(frozen=True)
class Relieved:
    """What relief gives: adjustments, their lines, and problems, each in order of point."""

    adjustments: pa.Table
    lines: pa.Table
    problems: pa.Table


@dataclass(frozen=True)
class Verdict:
    """How one rule met a block: who meets its conditions, who may still have it, who gets kWh and đồng."""

    programme: Programme
    rule: Rule
    at: Situation
    meets: Array
    earlier: Array
    barred: Array
    kwh: Array
    amount: Array


Observer = Callable[[Verdict], None]


def relieve(
    book: TariffBook,
    reliefs: ReliefBook,
    usage: pa.Table,
    terms: pa.Table,
    facts: pa.Table,
    evidence: pa.Table,
    *,
    bill_month: date,
    invoice_date: date,
) -> Relieved:
    """Apply every programme to the bills of one bill month and invoice date.

    Takes usage and terms as `rate` does, FACTS and EVIDENCE tables. Gives tables of the ADJUSTMENTS,
    RELIEF_LINES and PROBLEMS schemas; a point that gets nothing has no row. Problems are those of rating (no
    bill, so no relief) and `relief-no-price` (the other price list has no price for the point: that rule is not
    granted). Raises RatingInputError or ReliefInputError for tables that do not fit.
    """
    parts = list(
        relieve_blocks(
            book, reliefs, usage, terms, facts, evidence, bill_month=bill_month, invoice_date=invoice_date
        )
    )
    return Relieved(
        adjustments=pa.Table.from_batches([a for a, _, _ in parts], ADJUSTMENTS).unify_dictionaries(),
        lines=pa.Table.from_batches([lines for _, lines, _ in parts], RELIEF_LINES).unify_dictionaries(),
        problems=pa.Table.from_batches([problems for _, _, problems in parts], PROBLEMS),
    )


def relieve_blocks(
    book: TariffBook,
    reliefs: ReliefBook,
    usage: pa.Table,
    terms: pa.Table,
    facts: pa.Table,
    evidence: pa.Table,
    *,
    bill_month: date,
    invoice_date: date,
    observer: Observer | None = None,
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]]:
    """Yield (adjustments, lines, problems) of a block of points at a time, so that memory stays bounded."""
    run = Run(book, reliefs, facts_of(facts, evidence, reliefs), bill_month, invoice_date, observer)
    run.prepare(usage, terms)
    for bills, lines, problems in rate_blocks(book, usage, terms):
        adjustments, found, unpriced = run.block(bills, lines)
        yield adjustments, found, _joined(problems, unpriced)


def _joined(problems: pa.RecordBatch, more: pa.RecordBatch | None) -> pa.RecordBatch:
    if more is None:
        return problems
    both = pa.Table.from_batches([problems, more]).sort_by("point").combine_chunks()
    return both.to_batches()[0]


@dataclass
class Run:
    """One bill month and invoice date: which rules can hold at all, and what they need beside the bills."""

    book: TariffBook
    reliefs: ReliefBook
    facts: Facts
    bill_month: date
    invoice_date: date
    observer: Observer | None
    live: list[tuple[Programme, Rule]] = field(default_factory=list)
    moved: dict[int, Moved] = field(default_factory=dict)
    days: tuple[date, date] | None = None
    """No bill has days outside [first, after), when that is known."""
    voltage: tuple[Array, Array] | None = None

    def prepare(self, usage: pa.Table, terms: pa.Table) -> None:
        """Choose the rules, rate again what price lists move, and find voltages when a rule asks for one."""
        usage, terms = checked(usage, USAGE, "usage")[0], checked(terms, TERMS, "terms")[0]
        self.choose()
        for _, rule in self.live:
            if rule.what.kind == "price-list" and self._can_hold(rule.valid):
                self.moved[id(rule)] = rate_moved(self.book, rule, usage, terms, self.candidates(rule))
        if any(group.voltages for _, rule in self.live for group in rule.who):
            self.keep_voltages(terms_of(terms, self.book.tables.categories, self.book.tables.voltages))

    def choose(self) -> None:
        """Choose the rules that can hold; all of them when somebody watches."""
        self.live = [
            (programme, rule)
            for programme in self.reliefs.programmes
            for rule in programme.rules
            if self.observer or (rule.applied and self._can_hold(rule.valid))
        ]

    def keep_voltages(self, rows: Terms) -> None:
        """Remember the voltages of points by day."""
        self.voltage = _keys(rows), rows.voltage

    def candidates(self, rule: Rule) -> Array | None:
        """Return the points whose use a rule names, or None when one of its alternatives asks for no use."""
        if not all(group.uses for group in rule.who):
            return None
        uses = [place for place, use in enumerate(self.reliefs.uses) if any(use in g.uses for g in rule.who)]
        points: Array = self.facts.point[np.isin(self.facts.use, uses)]
        return points

    def _can_hold(self, valid: Validity) -> bool:
        """Tell whether a rule can hold for this bill month, invoice date and days; each bill's own are asked later."""
        day = {"bill-month": self.bill_month, "invoice-date": self.invoice_date}.get(valid.by)
        if day is None:
            return self.days is None or (
                valid.start < self.days[1] and (valid.end is None or self.days[0] < valid.end)
            )
        return valid.start <= day and (valid.end is None or day < valid.end)

    def block(
        self, bills: pa.RecordBatch, lines: pa.RecordBatch
    ) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch | None]:
        """Return adjustments, lines and, where a price is missing, problems of a block of rated bills."""
        at, money = self._situation(bills), _money(bills, lines)
        book = Granting(self, at, money)
        if len(at.points):
            for programme, rule in self.live:
                book.grant(programme, rule)
        return book.adjustments(bills), book.lines(), unpriced_batch(book.unpriced)

    def _situation(self, bills: pa.RecordBatch) -> Situation:
        return self.situation(
            bills["point"].to_numpy(),
            bills["start"].view(pa.int32()).to_numpy(),
            bills["end"].view(pa.int32()).to_numpy(),
            bills["kwh"].to_numpy(),
            bills["category"].indices.to_numpy(),
            bills["household_quarters"].to_numpy().astype(np.int64),
        )

    def situation(
        self, points: Array, start: Array, end: Array, kwh: Array, category: Array, quarters: Array
    ) -> Situation:
        """Put bills' columns beside the facts of their points."""
        use, area = self.facts.of(points)
        return Situation(
            points=points,
            start=start,
            end=end,
            kwh=kwh,
            category=category,
            voltage=self._voltages(points, end),
            quarters=quarters,
            use=use,
            area=area,
            facts=self.facts,
            categories=self.book.tables.categories,
            voltages=self.book.tables.voltages,
            uses=tuple(self.reliefs.uses),
            scopes={code: known.scope for code, known in self.reliefs.lists.items()},
            bill_month=self.bill_month,
            invoice_date=self.invoice_date,
        )

    def _voltages(self, points: Array, end: Array) -> Array:
        """Return the voltage of each point's last billed day."""
        if self.voltage is None:
            return np.full(len(points), -1, np.int16)
        keys, voltage = self.voltage
        last = np.searchsorted(keys, (points.astype(np.int64) << _DAYS) + end, "left") - 1
        return voltage.take(last)


def _keys(rows: Terms) -> Array:
    keys: Array = (rows.point.astype(np.int64) << _DAYS) + rows.start
    return keys


def _money(bills: pa.RecordBatch, lines: pa.RecordBatch) -> Money:
    net = bills["net"].to_numpy()
    rated = RatedLines(
        bills["point"].to_numpy(),
        lines["point"].to_numpy(),
        lines["kind"].indices.to_numpy(),
        lines["tier"].to_numpy(),
        lines["kwh"].to_numpy(),
        lines["price"].to_numpy(),
    )
    return Money(net, net.copy(), bills["vat_rate"].to_numpy().astype(np.int64), rated)


class Granting:
    """The programmes over one block: who has what so far, and what is left of each bill."""

    def __init__(self, run: Run, at: Situation, money: Money) -> None:
        self.run, self.at, self.money = run, at, money
        self.had: dict[str, Array] = {}
        self.cash = np.zeros(len(at.points), np.int64)
        self.given: list[tuple[Programme, Rule, Array, Array, Array, Array]] = []
        self.unpriced: list[tuple[int, Programme, Rule]] = []

    def grant(self, programme: Programme, rule: Rule) -> None:
        """Give one rule to the points that meet it, have no earlier rule of its programme and are not barred."""
        meets = holding(rule, self.at)
        observed = self.run.observer is not None
        if not observed and not meets.any():
            return
        earlier, barred = self._had(programme.code), self._barred(programme.code)
        wins = meets & ~earlier & ~barred if rule.applied else np.zeros(len(meets), np.bool_)
        nothing = np.zeros(len(meets), np.int64)
        kwh, amount = self._worth(programme, rule) if wins.any() else (nothing, nothing)
        self._accuse(wins & (amount < 0), programme, rule)
        wins &= amount >= 0
        if self.run.observer:
            self.run.observer(
                Verdict(programme, rule, self.at, meets, earlier, barred, kwh * wins, amount * wins)
            )
        self.had[programme.code] = earlier | wins
        self._give(programme, rule, np.flatnonzero(wins & (amount > 0)), kwh, amount)

    def _had(self, code: str) -> Array:
        return self.had.get(code, np.zeros(len(self.at.points), np.bool_))

    def _barred(self, code: str) -> Array:
        barred = np.zeros(len(self.at.points), np.bool_)
        for other in self.run.reliefs.barred_by(code):
            barred |= self._had(other)
        return barred

    def _worth(self, programme: Programme, rule: Rule) -> tuple[Array, Array]:
        moved = self.run.moved.get(id(rule))
        return granted(self.run.book, rule.what, programme.base, rule.valid, self.at, self.money, moved)

    def _accuse(self, who: Array, programme: Programme, rule: Rule) -> None:
        self.unpriced += [(int(point), programme, rule) for point in self.at.points[who]]

    def _give(self, programme: Programme, rule: Rule, who: Array, kwh: Array, amount: Array) -> None:
        if not len(who):
            return
        taken, rate = amount[who], self.money.vat_rate[who]
        vat = np.zeros(len(who), np.int64)
        if rule.what.on_bill:
            before = self.money.rest[who]
            self.money.rest[who] = before - taken
            vat = share(before, rate) - share(before - taken, rate)
        else:
            self.cash[who] += taken
        self.given.append((programme, rule, who, kwh[who], taken, vat))

    def adjustments(self, bills: pa.RecordBatch) -> pa.RecordBatch:
        """Return one row a point that got anything."""
        relief = self.money.net - self.money.rest
        who = np.flatnonzero((relief > 0) | (self.cash > 0))
        rows = bills.take(pa.array(who))
        vat = share(self.money.net, self.money.vat_rate) - share(self.money.rest, self.money.vat_rate)
        columns = {name: rows[name] for name in ADJUSTMENTS.names if name in bills.schema.names}
        return batch_of(
            ADJUSTMENTS,
            {
                **columns,
                "relief": relief[who],
                "relief_vat": vat[who],
                "relief_total": (relief + vat)[who],
                "cash": self.cash[who],
            },
        )

    def lines(self) -> pa.RecordBatch:
        """Return one line a granted rule, in order of point and stacking."""
        if not self.given:
            return pa.RecordBatch.from_pylist([], RELIEF_LINES)
        owner = np.concatenate([who for _, _, who, *_ in self.given])
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        number = np.arange(len(owner)) - np.repeat(begins, np.diff(np.append(begins, len(owner)))) + 1
        kwh, amount, vat = (np.concatenate([given[i] for given in self.given])[order] for i in (3, 4, 5))
        return batch_of(
            RELIEF_LINES,
            {
                "point": self.at.points[owner],
                "line_no": number.astype(np.int16),
                "programme": self._words([p.code for p, *_ in self.given], order),
                "rule": self._words([r.code for _, r, *_ in self.given], order),
                "on_bill": self._each(np.array([r.what.on_bill for _, r, *_ in self.given]))[order],
                "kwh": kwh,
                "amount": amount,
                "vat": vat,
                "reference": self._each(np.array([r.reference for _, r, *_ in self.given], np.int16))[order],
            },
        )

    def _each(self, values: Array) -> Array:
        """Repeat one value a grant for each of its points."""
        return np.repeat(values, [len(who) for _, _, who, *_ in self.given])

    def _words(self, values: list[str], order: Array) -> pa.Array:
        place, known = words(values)
        indices = self._each(np.array([place[value] for value in values], np.int16))[order]
        return pa.DictionaryArray.from_arrays(pa.array(indices), known)
