"""What is given: the kWh and đồng of a benefit for the points of a block. Integers only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from thapsang.engines.money import divide_half_up
from thapsang.engines.rating import TariffBook, rate
from thapsang.engines.rating.cells import lookup
from thapsang.engines.rating.columns import numbers, places
from thapsang.engines.rating.tables import REACTIVE, TIER, Array
from thapsang.engines.relief.book import Benefit, Rule, Validity
from thapsang.engines.relief.conditions import Situation, inside_days

_NO_BILL = -1


@dataclass(frozen=True)
class Moved:
    """Nets (đồng) of points rated again under another price list, sorted by point."""

    point: Array
    net: Array

    def nets(self, points: Array) -> Array:
        """Return the net of each point under the other list, -1 where it could not be rated."""
        if not len(self.point):
            return np.full(len(points), _NO_BILL)
        row = np.minimum(np.searchsorted(self.point, points), len(self.point) - 1)
        return np.where(self.point.take(row) == points, self.net.take(row), _NO_BILL)


@dataclass
class RatedLines:
    """Rated lines of a block in order of point, and the points of its bills."""

    points: Array
    owner: Array
    kind: Array
    tier: Array
    kwh: Array
    price: Array

    @cached_property
    def offsets(self) -> Array:
        """Where each bill's lines begin, and the end of the last."""
        return np.append(np.searchsorted(self.owner, self.points), len(self.owner))

    def sums(self, column: Array) -> Array:
        """Return the sum of a line column for each bill."""
        running = np.zeros(len(column) + 1, np.int64)
        np.cumsum(column, out=running[1:])
        totals: Array = np.diff(running.take(self.offsets))
        return totals


@dataclass
class Money:
    """The bills of a block in đồng: as rated, and what is left of the net after the reliefs so far."""

    net: Array
    rest: Array
    vat_rate: Array
    lines: RatedLines


def rate_moved(
    book: TariffBook, rule: Rule, usage: pa.Table, terms: pa.Table, candidates: Array | None
) -> Moved:
    """Rate again, with the rule's price list, every point that has terms of the categories it moves.

    `candidates` are the points whose use the rule names, or None when it asks for no use.
    """
    words = book.tables.categories
    category = places(terms, "category", words)
    moving = {words.index(name) for group in rule.who for name in group.categories}
    touched = np.array([place in moving for place in range(len(words))] + [False]).take(category, mode="wrap")
    points = np.unique(numbers(terms, "point")[touched])
    if candidates is not None:
        points = np.intersect1d(points, candidates)
    rows = _rows_of(terms, points)
    moved = np.where(touched, words.index(rule.what.category), category)[rows]
    column = pa.DictionaryArray.from_arrays(pa.array(moved, mask=moved < 0), pa.array(words, pa.string()))
    bills = rate(
        book,
        usage.take(pa.array(_rows_of(usage, points))),
        terms.take(pa.array(rows)).set_column(terms.schema.get_field_index("category"), "category", column),
    ).bills
    return Moved(bills["point"].to_numpy(), bills["net"].to_numpy())


def _rows_of(table: pa.Table, points: Array) -> Array:
    """Return the rows of a table that belong to the points, which are in ascending order."""
    owner = numbers(table, "point")
    place = np.searchsorted(points, owner)
    rows: Array = np.flatnonzero(np.append(points, -1).take(place) == owner) if len(points) else place[:0]
    return rows


def granted(
    book: TariffBook,
    what: Benefit,
    base: str,
    valid: Validity,
    at: Situation,
    money: Money,
    moved: Moved | None,
) -> tuple[Array, Array]:
    """Return (kWh, đồng) of a benefit for every point of a block; -1 đồng where no other price is known.

    On a bill the amount is never more than what is left of it.
    """
    kwh, amount = _whole(book, what, money.net if base == "bill" else money.rest, at, money, moved)
    if valid.by == "use":
        inside = inside_days(valid, at.start, at.end)
        days = np.subtract(at.end, at.start, dtype=np.int64)
        kwh, amount = (_share_of_days(part, inside, days) for part in (kwh, amount))
    return kwh, np.minimum(amount, money.rest) if what.on_bill else amount


def _share_of_days(value: Array, inside: Array, days: Array) -> Array:
    """Return value × inside / days, half-up; whole parts first, so that nothing leaves 64 bits."""
    whole, left = np.divmod(np.maximum(value, 0), days)
    share: Array = np.where(value < 0, value, whole * inside + divide_half_up(left * inside, days))
    return share


def _whole(
    book: TariffBook, what: Benefit, base: Array, at: Situation, money: Money, moved: Moved | None
) -> tuple[Array, Array]:
    if what.kind == "cash":
        return _cash(book, what, at)
    if what.kind == "percent-off-prices":
        return _off_prices(what, money.lines)
    if what.kind == "price-list":
        assert moved is not None
        other = moved.nets(at.points)
        return at.kwh, np.where(other < 0, _NO_BILL, np.maximum(money.net - other, 0))
    if what.kind == "free":
        return at.kwh, base
    return at.kwh, divide_half_up(base * what.percent, 100)


def _off_prices(what: Benefit, lines: RatedLines) -> tuple[Array, Array]:
    """Take a percentage off the prices of the named tiers, or of all energy; a reactive line stays as it is."""
    if what.tiers:
        named = np.array([tier in what.tiers for tier in range(max(what.tiers) + 1)] + [False])
        chosen = (lines.kind == TIER) & named.take(lines.tier, mode="clip")
    else:
        chosen = lines.kind != REACTIVE
    kwh = np.where(chosen, lines.kwh, 0)
    price = lines.price.astype(np.int64)
    if what.rounding == "amount-half-up":
        return lines.sums(kwh), divide_half_up(lines.sums(kwh * price) * what.percent, 100)
    reduced = divide_half_up(price * (100 - what.percent), 100)
    return lines.sums(kwh), lines.sums(kwh * (price - reduced))


def _cash(book: TariffBook, what: Benefit, at: Situation) -> tuple[Array, Array]:
    """Return kWh × the tier's price on the last billed day; the kWh grow as the rule says."""
    voltage = next(iter(book.voltages))
    prices = np.array([e.tariffs[what.category, voltage].prices[what.tier - 1] for e in book.editions])
    edition = lookup(book.tables.edition_starts, book.tables.edition_ends, at.end - 1)
    kwh = at.scaled(what.kwh, what.scaled_by)
    return kwh, kwh * prices.take(edition)
