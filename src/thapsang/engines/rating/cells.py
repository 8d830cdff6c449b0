"""Cutting periods into cells: stretches of days with one decision, one set of terms, and their energy.

A cell is what tiers are scaled for. A period with one usage row, one term and one decision is one cell.
Otherwise it is cut where the terms or the decision change; a reading only makes the energy of each side
exact, it never cuts a cell by itself (facts B1, B2).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from thapsang.engines.money import divide_half_up
from thapsang.engines.rating.columns import Terms, Usage, firsts, lasts
from thapsang.engines.rating.problems import Fault
from thapsang.engines.rating.tables import NO_PLAN, Array, Tables

_DAY_BITS = 32
_DAY_ZERO = 2**31


@dataclass
class Cells:
    """Cells in order of bill and start. `bill` is the place of the point in the block."""

    bill: Array
    start: Array
    end: Array
    kwh: Array
    normal: Array
    peak: Array
    offpeak: Array
    kvarh: Array
    plan: Array
    quarters: Array
    reactive: Array
    category: Array

    def take(self, where: Array) -> Cells:
        """Return the cells at an index or a mask."""
        return Cells(**{f.name: getattr(self, f.name)[where] for f in fields(self)})


@dataclass
class Block:
    """Points of a block with their usage and terms rows; `*_bill` is each row's place among the points."""

    points: Array
    usage: Usage
    usage_bill: Array
    terms: Terms
    terms_bill: Array
    fault: Array

    def accuse(self, bills: Array, code: Fault) -> None:
        """Note a fault for points (places, with repeats) that have none yet."""
        fresh = bills[self.fault[bills] == 0]
        self.fault[fresh] = code

    def accuse_all(self, bills: Array, faults: Array) -> None:
        """Take over the faults found in a subset whose points stand at `bills`."""
        self.fault[bills] = np.where(self.fault[bills] == 0, faults, self.fault[bills])

    def subset(self, keep: Array) -> Block:
        """Return the block of the points a mask keeps, with their rows."""
        place = np.cumsum(keep) - 1
        rows, terms = keep[self.usage_bill], keep[self.terms_bill]
        return Block(
            self.points[keep],
            self.usage.take(rows),
            place[self.usage_bill[rows]],
            self.terms.take(terms),
            place[self.terms_bill[terms]],
            np.zeros(int(keep.sum()), np.int8),
        )


def edition_of(tables: Tables, days: Array) -> Array:
    """Return the place of the decision that prices each day, -1 when none does."""
    return lookup(tables.edition_starts, tables.edition_ends, days)


def lookup(starts: Array, ends: Array, days: Array) -> Array:
    """Return the place of the interval [start, end) each day lies in, -1 when in none."""
    if len(days) and days[0] == days[-1] and bool((days == days[0]).all()):
        one = lookup_one(starts, ends, int(days[0]))
        return np.broadcast_to(np.int64(one), days.shape)
    place = np.searchsorted(starts, days, "right") - 1
    found: Array = np.where((place >= 0) & (days < ends[place]), place, -1)
    return found


def lookup_one(starts: Array, ends: Array, day: int) -> int:
    """Return the place of the interval [start, end) a day lies in, -1 when in none."""
    place = int(np.searchsorted(starts, day, "right")) - 1
    return place if place >= 0 and day < int(ends[place]) else -1


def whole_cells(tables: Tables, block: Block, edition: Array) -> Cells:
    """Make one cell a point, for points with one usage row, one term and one decision."""
    usage, terms = block.usage, block.terms
    return _cells(tables, block, np.arange(len(block.points)), usage.start, usage.end, usage, edition, terms)


def cut_cells(tables: Tables, block: Block) -> Cells:
    """Cut every point's period at changes of terms and decision, and share the energy by days.

    The energy up to a cut is what earlier readings say, plus the running stretch's energy × days / days
    of the stretch, half-up; a cell gets the difference, so nothing is lost and each part is the
    published kWh_old / kWh_new. Registers of a three-rate meter are shared one by one.
    """
    terms, owner = _clipped(block)
    _check_tiling(block, terms, owner)
    good = block.fault == 0
    inner = Block(block.points, block.usage, block.usage_bill, terms, owner, block.fault)
    if good.all():
        return _cut(tables, inner)
    inner = inner.subset(good)
    cells = _cut(tables, inner)
    where = np.flatnonzero(good)
    block.accuse_all(where, inner.fault)
    cells.bill = where[cells.bill]
    return cells


def _cut(tables: Tables, block: Block) -> Cells:
    bill, start = _cuts(tables, block)
    end = np.empty_like(start)
    end[:-1] = start[1:]
    end[lasts(bill)] = _period_ends(block)
    term = _row_of(block.terms_bill, block.terms.start, len(block.points), bill, start)
    energy = _shared(block, bill, start)
    return _cells(tables, block, bill, start, end, energy, edition_of(tables, start), block.terms.take(term))


def _row_of(owner: Array, starts: Array, owners: int, bill: Array, start: Array) -> Array:
    """Return the row of `owner` and `starts` that each (bill, day) lies in."""
    if len(owner) == owners:  # one row each
        return bill
    return np.searchsorted(_key(owner, starts), _key(bill, start), "right") - 1


def _cells(
    tables: Tables,
    block: Block,
    bill: Array,
    start: Array,
    end: Array,
    energy: Usage,
    edition: Array,
    terms: Terms,
) -> Cells:
    """Put cells together; points with a cell that has no price are accused."""
    use = terms.time_of_use
    if use.any():
        use = use & (energy.banded | (energy.peak > 0) | (energy.offpeak > 0))
    _, categories, voltages, _ = tables.plan.shape
    place = (edition * categories + terms.category) * voltages + terms.voltage
    plan = tables.plan.ravel().take(2 * place + use, mode="clip")
    unpriced = (plan == NO_PLAN) | (edition < 0)
    if unpriced.any():
        block.accuse(bill[unpriced], Fault.NO_PRICE)
    return Cells(
        bill=bill,
        start=start,
        end=end,
        kwh=energy.kwh,
        normal=energy.normal,
        peak=energy.peak,
        offpeak=energy.offpeak,
        kvarh=energy.kvarh,
        plan=plan,
        quarters=terms.quarters,
        reactive=terms.reactive,
        category=terms.category,
    )


def _key(bill: Array, day: Array) -> Array:
    key: Array = (bill.astype(np.int64) << _DAY_BITS) + (day.astype(np.int64) + _DAY_ZERO)
    return key


def _period_ends(block: Block) -> Array:
    ends: Array = block.usage.end[lasts(block.usage_bill)]
    return ends


def _clipped(block: Block) -> tuple[Terms, Array]:
    """Return the terms that touch the period, cut to it, and whose they are."""
    terms, owner = block.terms, block.terms_bill
    start = np.maximum(terms.start, block.usage.start[firsts(block.usage_bill)][owner])
    end = np.minimum(terms.end, _period_ends(block)[owner])
    keep = end > start
    if not keep.all():
        terms, owner, start, end = terms.take(keep), owner[keep], start[keep], end[keep]
    return replace(terms, start=start, end=end), owner


def _check_tiling(block: Block, terms: Terms, owner: Array) -> None:
    """Accuse points whose segments, or whose terms in the period, do not follow each other exactly."""
    usage, bill = block.usage, block.usage_bill
    inside = ~firsts(bill)[1:]
    block.accuse(bill[1:][inside & (usage.start[1:] != usage.end[:-1])], Fault.SEGMENTS_APART)
    begin, finish = usage.start[firsts(bill)], _period_ends(block)
    first, last = firsts(owner), lasts(owner)
    block.accuse(owner[first & (terms.start != begin[owner])], Fault.TERMS_GAP)
    block.accuse(owner[last & (terms.end != finish[owner])], Fault.TERMS_GAP)
    follows, before, after = ~first[1:], terms.end[:-1], terms.start[1:]
    block.accuse(owner[1:][follows & (after > before)], Fault.TERMS_GAP)
    block.accuse(owner[1:][follows & (after < before)], Fault.TERMS_OVERLAP)
    bare = np.ones(len(block.points), np.bool_)
    bare[owner] = False
    block.accuse(np.flatnonzero(bare), Fault.TERMS_GAP)


def _cuts(tables: Tables, block: Block) -> tuple[Array, Array]:
    """Return (bill, first day) of every cell: period starts, changes of terms, changes of decision."""
    terms, owner = block.terms, block.terms_bill
    changed = firsts(owner)
    for column in (terms.category, terms.voltage, terms.quarters, terms.time_of_use, terms.reactive):
        changed[1:] |= column[1:] != column[:-1]
    keys = [_key(owner[changed], terms.start[changed])]
    begin, finish = block.usage.start[firsts(block.usage_bill)], _period_ends(block)
    for day in tables.edition_starts:
        crossed = np.flatnonzero((begin < day) & (day < finish))
        if len(crossed):
            keys.append(_key(crossed, np.full(len(crossed), day)))
    merged = np.sort(np.concatenate(keys), kind="stable") if len(keys) > 1 else keys[0]
    merged = merged[firsts(merged)]
    return merged >> _DAY_BITS, ((merged & (2**_DAY_BITS - 1)) - _DAY_ZERO).astype(np.int32)


def _shared(block: Block, bill: Array, start: Array) -> Usage:
    """Return the energy of each cell as usage columns."""
    usage = block.usage
    row = _row_of(block.usage_bill, usage.start, len(block.points), bill, start)
    passed = np.subtract(start, usage.start.take(row), dtype=np.int64)
    days = np.subtract(usage.end, usage.start, dtype=np.int64).take(row)

    def share(column: Array) -> Array:
        if not column.any():
            return np.zeros(len(row), np.int64)
        position = (np.cumsum(column) - column).take(row) + divide_half_up(column.take(row) * passed, days)
        return np.diff(position, append=column.sum())

    normal, peak, offpeak = share(usage.normal), share(usage.peak), share(usage.offpeak)
    return Usage(
        point=bill,
        start=start,
        end=start,
        faulty=bill,
        banded=usage.banded.take(row),
        kvarh=share(usage.kvarh),
        kwh=normal + peak + offpeak,
        normal=normal,
        peak=peak,
        offpeak=offpeak,
    )
