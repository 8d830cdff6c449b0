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
    energy = _energy(tables, cells, days_in_month(start)[cells.bill])
    charge = _reactive(tables, cells, energy, len(points)) if cells.reactive.any() else None
    width = tables.slots + 1
    if charge is not None:
        energy[charge.cell, tables.slots] = 1  # marks the line; its energy is taken out again below
    found = np.flatnonzero(energy.ravel() != 0)
    cell = found // width
    place = (cells.plan.astype(np.int64) * width).take(cell) + (found - cell * width)
    kwh, price = energy.ravel().take(found), tables.price.ravel().take(place)
    lines = {
        "cell": cell,
        "kwh": kwh,
        "amount": kwh * price,
        "price": price.astype(np.int32),
        "kind": tables.line_kind.ravel().take(place),
        "tier": tables.tier.ravel().take(place),
        "band": tables.band.ravel().take(place),
        "reference": tables.reference.ravel().take(place),
        "start": cells.start.take(cell),
        "end": cells.end.take(cell),
    }
    if charge is not None:
        charge.put(lines, start, end)
    return _numbered(lines, cells, points)


def _energy(tables: Tables, cells: Cells, month: Array) -> Array:
    """Return the kWh of every cell in every slot of its plan, and an empty slot for the reactive line."""
    slots = tables.slots
    energy = np.zeros((len(cells.bill), slots + 1), np.int64)
    days = np.subtract(cells.end, cells.start, dtype=np.int64)
    rest = cells.kwh
    for slot in range(slots - 1):
        width = _scaled(tables, cells, slot, days * cells.quarters, month)
        used = np.minimum(rest, width)
        energy[:, slot] = used
        rest = rest - used
    energy[:, slots - 1] = rest
    kind = tables.kind[cells.plan]
    single = np.flatnonzero(kind == FLAT)
    energy[single] = 0
    energy[single, 0] = cells.kwh[single]
    banded = np.flatnonzero(kind == BAND)
    if len(banded):
        energy[banded] = 0
        energy[banded, :3] = np.column_stack(
            [cells.normal[banded], cells.peak[banded], cells.offpeak[banded]]
        )
    return energy


def _scaled(tables: Tables, cells: Cells, slot: int, quarter_days: Array, month: Array) -> Array:
    """Return a tier's width: monthly width × days × households / days of the first month, half-up (B1)."""
    widths = tables.common_widths
    if widths is None:
        monthly = tables.width[cells.plan, slot]
    elif slot < len(widths):
        monthly = np.int64(widths[slot])
    else:
        return np.full(len(quarter_days), _ENDLESS)
    # Households are in quarters, so the divisor is 4 × T; twice that for rounding half-up.
    divisor = 8 * (month[0] if len(month) and (month == month[0]).all() else month)
    width = (quarter_days * (2 * monthly) + divisor // 2) // divisor
    return width if widths is not None else np.where(monthly == OPEN, _ENDLESS, width)


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


def _numbered(lines: dict[str, Array], cells: Cells, points: Array) -> tuple[dict[str, Array], Array]:
    """Number the lines of each bill from 1, name their points and sum the nets."""
    bill = cells.bill.take(lines.pop("cell"))
    ends = np.cumsum(np.bincount(bill, minlength=len(points)))
    begins = np.append(0, ends[:-1])
    running = np.append(
        0, np.cumsum(lines["amount"])
    )  # wraps at 64 bits without harm: only differences are used
    lines["line_no"] = (np.arange(1, len(bill) + 1) - begins.take(bill)).astype(np.int16)
    lines["point"] = points.take(bill)
    return lines, running[ends] - running[begins]
