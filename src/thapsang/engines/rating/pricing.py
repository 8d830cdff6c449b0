"""The kernel: cells in, priced lines and nets out. Integers only, no loop over points."""

from __future__ import annotations

import math

import numpy as np

from thapsang.engines.money import share
from thapsang.engines.periods import days_in_month
from thapsang.engines.rating.cells import Cells
from thapsang.engines.rating.tables import BAND, FLAT, OPEN, REACTIVE, Array, Tables

_ENDLESS = 2**62


def price_cells(
    tables: Tables, cells: Cells, points: Array, start: Array, end: Array
) -> tuple[dict[str, Array], Array]:
    """Price the cells of a block.

    Takes cells sorted by bill and start, and the period [start, end) of each bill. Returns the line
    columns in order, and the net amount (đồng) of each bill.
    """
    plan = cells.plan.astype(np.int64)
    reactive = bool(cells.reactive.any())
    month = days_in_month(start)
    energy = _energy(tables, cells, plan, month if len(month) == len(plan) else month[cells.bill], reactive)
    charge = _reactive(tables, cells, energy, len(points)) if reactive else None
    if charge is not None:
        energy[charge.cell, tables.slots] = 1  # marks the line; its energy is taken out again below
    width = energy.shape[1]
    found = np.flatnonzero(energy.ravel() != 0)
    cell = found // width
    # A line's place in a plan's row: its place in the cell's row, moved from the one table to the other.
    place = found + (plan * (tables.slots + 1) - np.arange(0, len(plan) * width, width)).take(cell)
    kwh, price = energy.ravel().take(found), tables.price.ravel().take(place)
    lines = {
        "kwh": kwh,
        "amount": kwh * price,
        "price": price.astype(np.int32),
        "kind": tables.line_kind.ravel().take(place),
        "tier": tables.tier.ravel().take(place),
        "band": tables.band.ravel().take(place),
        "reference": tables.reference.ravel().take(place),
        "start": spread(cells.start, cell),
        "end": spread(cells.end, cell),
    }
    if charge is not None:
        charge.put(lines, start, end)
    return lines, _numbered(lines, cells, cell, points)


def _energy(tables: Tables, cells: Cells, plan: Array, month: Array, reactive: bool) -> Array:
    """Return the kWh of every cell in every slot of its plan, with an empty slot for a reactive line."""
    slots = tables.slots
    energy = np.zeros((len(plan), slots + reactive), np.int64)
    quarter_days = np.subtract(cells.end, cells.start, dtype=np.int64) * cells.quarters
    rest, widths = cells.kwh, _widths(tables, plan, quarter_days, month)
    for slot in range(slots - 1):
        used = np.minimum(rest, widths[slot])
        energy[:, slot] = used
        rest = rest - used
    energy[:, slots - 1] = rest
    kind = tables.kind.take(plan)
    if kind.any():
        _fill_untiered(energy, cells, kind)
    return energy


def _fill_untiered(energy: Array, cells: Cells, kind: Array) -> None:
    """Put the energy of cells without tiers into their one slot, or their three bands."""
    single, banded = np.flatnonzero(kind == FLAT), np.flatnonzero(kind == BAND)
    energy[single] = 0
    energy[single, 0] = cells.kwh[single]
    energy[banded] = 0
    for slot, register in enumerate((cells.normal, cells.peak, cells.offpeak)):
        energy[banded, slot] = register[banded]


def _widths(tables: Tables, plan: Array, quarter_days: Array, month: Array) -> list[Array]:
    """Return the scaled width of every tier but the last; tiers of one monthly width share an array."""
    widths = tables.common_widths
    if widths is None:
        monthly = [tables.width[plan, slot] for slot in range(tables.slots - 1)]
        return [np.where(m == OPEN, _ENDLESS, _scaled(m, quarter_days, month)) for m in monthly]
    by_width = {m: _scaled(np.int64(m), quarter_days, month) for m in set(widths)}
    endless = np.broadcast_to(np.int64(_ENDLESS), plan.shape)
    return [by_width[m] for m in widths] + [endless] * (tables.slots - 1 - len(widths))


def _scaled(monthly: Array | np.int64, quarter_days: Array, month: Array) -> Array:
    """Return a tier's width: monthly width × days × households / days of the first month, half-up (B1)."""
    # Households are in quarters, so the divisor is 4 × T; twice that for rounding half-up.
    divisor = 8 * (month[0] if same(month) else month)
    width: Array = (quarter_days * (2 * monthly) + divisor // 2) // divisor
    return width


def same(column: Array) -> bool:
    """Tell whether all values are equal."""
    return len(column) > 0 and column[0] == column[-1] and bool((column == column[0]).all())


def spread(column: Array, where: Array) -> Array:
    """Return `column` taken at `where`; when all values are equal, without the taking."""
    return np.full(len(where), column[0]) if same(column) else column.take(where)


class _Charge:
    """Reactive-energy charges: the bill, the cell that carries the line, k, amount and reference."""

    def __init__(self, cell: Array, bill: Array, k: Array, amount: Array) -> None:
        self.cell, self.bill, self.k, self.amount = cell, bill, k, amount

    def put(self, lines: dict[str, Array], start: Array, end: Array) -> None:
        """Fill the marked lines: no kWh, k as the price, the whole period's days."""
        where = np.flatnonzero(lines["kind"] == REACTIVE)
        lines["kwh"][where] = 0
        lines["price"][where], lines["amount"][where] = self.k, self.amount
        lines["start"][where], lines["end"][where] = start[self.bill], end[self.bill]


def _reactive(tables: Tables, cells: Cells, energy: Array, bills: int) -> _Charge:
    """Compute the reactive charge of each bill: active money × k of the period's power factor (B5).

    Energy, kvarh and money are those of the cells whose terms charge reactive energy.
    """
    rows = np.flatnonzero(cells.reactive)
    owner = cells.bill[rows]
    active, reactive, money = (np.zeros(bills, np.int64) for _ in range(3))
    np.add.at(active, owner, cells.kwh[rows])
    np.add.at(reactive, owner, cells.kvarh[rows])
    np.add.at(money, owner, (energy[rows] * tables.price[cells.plan[rows]]).sum(axis=1))
    bill = np.flatnonzero((active > 0) & (reactive > 0))
    k = tables.reactive_k[power_factor(active[bill], reactive[bill])]
    amount = share(money[bill], k)
    charged = amount > 0
    last = np.searchsorted(cells.bill, bill[charged], "right") - 1
    return _Charge(last, bill[charged], k[charged], amount[charged])


def power_factor(active: Array, reactive: Array) -> Array:
    """Return the power factor in hundredths, half-up, from kWh (above zero) and kvarh.

    A float root finds it; where that comes near a half the answer is settled in whole numbers.
    """
    exact = 100 * active / np.hypot(active, reactive)
    factor = np.floor(exact + 0.5).astype(np.int64)
    for i in np.flatnonzero(np.abs(exact - np.floor(exact) - 0.5) < 1e-6):
        factor[i] = _exact_power_factor(int(active[i]), int(reactive[i]))
    return factor


def _exact_power_factor(active: int, reactive: int) -> int:
    # half-up of 100·P/S = floor((200·P/S + 1) / 2), and floor(200·P/S) is a whole root.
    return (math.isqrt((200 * active) ** 2 // (active**2 + reactive**2)) + 1) // 2


def _numbered(lines: dict[str, Array], cells: Cells, cell: Array, points: Array) -> Array:
    """Number the lines of each bill from 1 and name their points; return each bill's net."""
    bill = cell if len(cells.bill) == len(points) else cells.bill.take(cell)
    offsets = np.zeros(len(points) + 1, np.int64)
    np.cumsum(np.bincount(bill, minlength=len(points)), out=offsets[1:])
    lines["line_no"] = np.subtract(
        np.arange(1, len(bill) + 1), offsets.take(bill), dtype=np.int16, casting="unsafe"
    )
    lines["point"] = points.take(bill)
    running = np.zeros(len(bill) + 1, np.int64)
    np.cumsum(lines["amount"], out=running[1:])  # may wrap at 64 bits: only differences are used
    net: Array = np.diff(running.take(offsets))
    return net
