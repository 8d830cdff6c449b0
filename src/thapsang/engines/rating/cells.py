"""Cutting periods into cells: stretches of days with one decision, one set of terms, and their energy.

A cell is what tiers are scaled for. A period with one usage row, one term and one decision is one cell.
Otherwise it is cut where the terms or the decision change; a reading only makes the energy of each side
exact, it never cuts a cell by itself (facts B1, B2).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from thapsang.engines.money import divide_half_up
from thapsang.engines.rating.columns import Terms, Usage
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
    _check_tiling(block)
    good = block.fault == 0
    inner = block.subset(good)
    bill, start = _cuts(tables, inner)
    last = np.append(bill[1:] != bill[:-1], True)
    period_end = _period_ends(inner)
    end = np.where(last, period_end[bill], np.append(start[1:], 0)).astype(np.int32)
    term = np.searchsorted(_key(inner.terms_bill, inner.terms.start), _key(bill, start), "right") - 1
    energy = _shared(inner, bill, start)
    cells = _cells(tables, inner, bill, start, end, energy, edition_of(tables, start), inner.terms.take(term))
    block.accuse(np.flatnonzero(good)[inner.fault != 0], Fault.NO_PRICE)
    cells.bill = np.flatnonzero(good)[cells.bill]
    return cells


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
    plan = tables.plan[edition, terms.category, terms.voltage, use.view(np.int8)]
    block.accuse(bill[(plan == NO_PLAN) | (edition < 0)], Fault.NO_PRICE)
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
    return np.add(bill.astype(np.int64) << _DAY_BITS, day.astype(np.int64) + _DAY_ZERO)


def _firsts(bill: Array) -> Array:
    return np.append(True, bill[1:] != bill[:-1]) if len(bill) else np.zeros(0, np.bool_)


def _period_ends(block: Block) -> Array:
    lasts = np.append(block.usage_bill[1:] != block.usage_bill[:-1], True)
    return block.usage.end[lasts]


def _check_tiling(block: Block) -> None:
    """Accuse points whose segments, or whose terms inside the period, do not follow each other exactly."""
    usage, bill = block.usage, block.usage_bill
    inside = ~_firsts(bill)[1:]
    block.accuse(bill[1:][inside & (usage.start[1:] != usage.end[:-1])], Fault.SEGMENTS_APART)
    begin = usage.start[_firsts(bill)]
    finish = _period_ends(block)
    terms = block.terms
    start, end = (
        np.maximum(terms.start, begin[block.terms_bill]),
        np.minimum(terms.end, finish[block.terms_bill]),
    )
    keep = end > start
    block.terms, block.terms_bill = terms.take(keep), block.terms_bill[keep]
    block.terms.start, block.terms.end = start[keep], end[keep]
    start, end, owner = block.terms.start, block.terms.end, block.terms_bill
    first = _firsts(owner)
    last = np.append(first[1:], True)[: len(first)]
    block.accuse(owner[first][start[first] != begin[owner[first]]], Fault.TERMS_GAP)
    block.accuse(owner[last][end[last] != finish[owner[last]]], Fault.TERMS_GAP)
    follows = ~first[1:]
    block.accuse(owner[1:][follows & (start[1:] > end[:-1])], Fault.TERMS_GAP)
    block.accuse(owner[1:][follows & (start[1:] < end[:-1])], Fault.TERMS_OVERLAP)
    covered = np.zeros(len(block.points), np.bool_)
    covered[owner] = True
    block.accuse(np.flatnonzero(~covered), Fault.TERMS_GAP)


def _cuts(tables: Tables, block: Block) -> tuple[Array, Array]:
    """Return (bill, first day) of every cell: period starts, changes of terms, changes of decision."""
    terms, owner = block.terms, block.terms_bill
    same = ~_firsts(owner)
    for column in (terms.category, terms.voltage, terms.quarters, terms.time_of_use, terms.reactive):
        same[1:] &= column[1:] == column[:-1]
    bills, days = [owner[~same]], [terms.start[~same]]
    begin, finish = block.usage.start[_firsts(block.usage_bill)], _period_ends(block)
    for day in tables.edition_starts:
        crossed = np.flatnonzero((begin < day) & (day < finish))
        bills.append(crossed)
        days.append(np.full(len(crossed), day, np.int32))
    keys = np.unique(_key(np.concatenate(bills), np.concatenate(days)))
    return keys >> _DAY_BITS, ((keys & (2**_DAY_BITS - 1)) - _DAY_ZERO).astype(np.int32)


def _shared(block: Block, bill: Array, start: Array) -> Usage:
    """Return the energy of each cell as usage columns."""
    usage = block.usage
    row = np.searchsorted(_key(block.usage_bill, usage.start), _key(bill, start), "right") - 1
    passed = (start - usage.start[row]).astype(np.int64)
    days = (usage.end[row] - usage.start[row]).astype(np.int64)

    def share(column: Array) -> Array:
        before = np.cumsum(column) - column
        position = before[row] + divide_half_up(column[row] * passed, days)
        return np.diff(np.append(position, column.sum()))

    normal, peak, offpeak = share(usage.normal), share(usage.peak), share(usage.offpeak)
    return Usage(
        point=bill,
        start=start,
        end=start,
        faulty=bill,
        banded=usage.banded[row],
        kvarh=share(usage.kvarh),
        kwh=normal + peak + offpeak,
        normal=normal,
        peak=peak,
        offpeak=offpeak,
    )
