"""Rating whole tables: blocks of points through checks, cutting and the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from thapsang.engines.money import share
from thapsang.engines.rating.book import TariffBook
from thapsang.engines.rating.cells import Block, Cells, cut_cells, edition_of, lookup, whole_cells
from thapsang.engines.rating.columns import (
    BILLS,
    LINES,
    PROBLEMS,
    Terms,
    Usage,
    bills_batch,
    firsts,
    lasts,
    lines_batch,
    terms_of,
    usage_of,
)
from thapsang.engines.rating.pricing import price_cells
from thapsang.engines.rating.problems import Fault, check_rows, problems_batch
from thapsang.engines.rating.tables import Array, Tables

BLOCK = 32_768
"""Points priced at a time: few enough for the cache, many enough to hide the calls (docs/adr/0002)."""


@dataclass(frozen=True)
class Rated:
    """What rating gives: bills, their lines, and problems, each in order of point."""

    bills: pa.Table
    lines: pa.Table
    problems: pa.Table


def rate(book: TariffBook, usage: pa.Table, terms: pa.Table) -> Rated:
    """Rate every point of `usage` under `terms`.

    Takes tables of the USAGE and TERMS schemas in any order; terms of points without usage are passed
    over. Gives tables of the BILLS, LINES and PROBLEMS schemas: each point has either one bill or one
    problem. Raises RatingInputError for a missing or mistyped column, nothing for bad data of a point.
    """
    parts = list(rate_blocks(book, usage, terms))
    return Rated(
        bills=pa.Table.from_batches([bills for bills, _, _ in parts], BILLS),
        lines=pa.Table.from_batches([lines for _, lines, _ in parts], LINES),
        problems=pa.Table.from_batches([problems for _, _, problems in parts], PROBLEMS),
    )


def rate_blocks(
    book: TariffBook, usage: pa.Table, terms: pa.Table, *, block: int = BLOCK
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]]:
    """Yield (bills, lines, problems) of `block` points at a time, so that memory stays bounded."""
    tables = book.tables
    rows = usage_of(usage)
    agreed = terms_of(terms, tables.categories, tables.voltages)
    first = np.flatnonzero(firsts(rows.point))
    bounds = np.append(first, len(rows))
    for low in range(0, len(first), block):
        high = min(low + block, len(first))
        yield _rate_block(tables, _block(rows, agreed, bounds[low : high + 1]))


def _block(rows: Usage, agreed: Terms, bounds: Array) -> Block:
    usage = rows.take(slice(int(bounds[0]), int(bounds[-1])))
    points = rows.point[bounds[:-1]]
    begin = np.searchsorted(agreed.point, points[0], "left")
    finish = np.searchsorted(agreed.point, points[-1], "right")
    terms = agreed.take(slice(int(begin), int(finish)))
    if len(terms) == len(points) and bool((terms.point == points).all()):
        owner = np.arange(len(points))
    else:
        owner = np.searchsorted(points, terms.point)
        known = points[owner] == terms.point
        terms, owner = terms.take(known), owner[known]
    places = np.arange(len(points))
    usage_owner = places if len(usage) == len(points) else np.repeat(places, np.diff(bounds))
    return Block(points, _registers(usage), usage_owner, terms, owner, np.zeros(len(points), np.int8))


def _registers(usage: Usage) -> Usage:
    """A single register counts as the normal band: that is the price a point without three rates pays."""
    if usage.banded.any():
        usage.normal = np.where(usage.banded, usage.normal, usage.kwh)
        usage.peak, usage.offpeak = usage.peak * usage.banded, usage.offpeak * usage.banded
    else:
        usage.normal, usage.peak, usage.offpeak = (
            usage.kwh,
            *(np.broadcast_to(np.int64(0), usage.kwh.shape),) * 2,
        )
    return usage


def _rate_block(tables: Tables, block: Block) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]:
    check_rows(block)
    cells = _block_cells(tables, block)
    begin, finish, vat_rate = _periods(tables, block)
    good = block.fault == 0
    if not good.all():
        cells = cells.take(good[cells.bill])
        cells.bill = (np.cumsum(good) - 1)[cells.bill]
        begin, finish, vat_rate = begin[good], finish[good], vat_rate[good]
    points = block.points if good.all() else block.points[good]
    lines, net = price_cells(tables, cells, points, begin, finish)
    bills = _bills(cells, points, begin, finish, net, tables.vat_rate.take(vat_rate))
    return (
        bills_batch(bills, tables.categories),
        lines_batch(lines),
        problems_batch(block, lambda c, v: (_word(tables.categories, c), _word(tables.voltages, v))),
    )


def _word(words: tuple[str, ...], place: int) -> str:
    return words[place] if place >= 0 else "unknown"


def _block_cells(tables: Tables, block: Block) -> Cells:
    """Return the cells of the points without a fault, the plain points the short way."""
    plain = _plain(tables, block)
    sound = block.fault == 0
    parts = []
    for mask, make in ((plain & sound, _whole), (~plain & sound, cut_cells)):
        if mask.any():
            if mask.all():
                return make(tables, block)
            inner = block.subset(mask)
            cells = make(tables, inner)
            where = np.flatnonzero(mask)
            block.accuse_all(where, inner.fault)
            cells.bill = where[cells.bill]
            parts.append(cells)
    return (
        _merged(parts) if parts else whole_cells(tables, block.subset(plain & sound), np.zeros(0, np.int64))
    )


def _whole(tables: Tables, block: Block) -> Cells:
    return whole_cells(tables, block, edition_of(tables, block.usage.start))


def _merged(parts: list[Cells]) -> Cells:
    if len(parts) == 1:
        return parts[0]
    both = Cells(*(np.concatenate([getattr(p, name) for p in parts]) for name in Cells.__dataclass_fields__))
    return both.take(np.argsort(both.bill, kind="stable"))


def _plain(tables: Tables, block: Block) -> Array:
    """Tell which points have one usage row, one term that covers it, and one decision throughout."""
    usage, terms, count = block.usage, block.terms, len(block.points)
    if len(usage) == len(terms) == count and bool((block.terms_bill == np.arange(count)).all()):
        covered = (terms.start <= usage.start) & (terms.end >= usage.end)
        steady = edition_of(tables, usage.start) == edition_of(tables, usage.end - 1)
        plain: Array = covered & steady
        return plain
    one_row = np.bincount(block.usage_bill, minlength=count) == 1
    single: Array = one_row & (np.bincount(block.terms_bill, minlength=count) == 1)
    if single.any():
        single[np.flatnonzero(single)] = _plain(tables, block.subset(single))
    return single


def _periods(tables: Tables, block: Block) -> tuple[Array, Array, Array]:
    """Return first day, end and place of the VAT rate of every point; a day without a rate is accused."""
    owner = block.usage_bill
    begin, finish = block.usage.start, block.usage.end
    if len(owner) != len(block.points):
        begin, finish = begin[firsts(owner)], finish[lasts(owner)]
    rate = lookup(tables.vat_starts, tables.vat_ends, finish - 1)
    block.accuse(np.flatnonzero(rate < 0), Fault.NO_VAT)
    return begin, finish, rate


def _bills(
    cells: Cells, points: Array, begin: Array, finish: Array, net: Array, vat_rate: Array
) -> dict[str, Array]:
    vat = share(net, vat_rate.astype(np.int64))
    if len(cells.bill) == len(points):
        kwh, kvarh, category, quarters = cells.kwh, cells.kvarh, cells.category, cells.quarters
    else:
        last, first = lasts(cells.bill), np.flatnonzero(firsts(cells.bill))
        kwh, kvarh = np.add.reduceat(cells.kwh, first), np.add.reduceat(cells.kvarh, first)
        category, quarters = cells.category[last], cells.quarters[last]
    return {
        "point": points,
        "start": begin,
        "end": finish,
        "kwh": kwh,
        "kvarh": kvarh,
        "category": category,
        "quarters": quarters,
        "net": net,
        "vat_rate": vat_rate,
        "vat": vat,
        "total": net + vat,
    }
