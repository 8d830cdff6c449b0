"""The tariff book as integer arrays: what the kernel gathers prices, widths and references from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from thapsang.engines.periods import LAST_DAY, day_number

if TYPE_CHECKING:
    from thapsang.engines.rating.book import Edition, Tariff, TariffBook

Array = npt.NDArray[Any]

KINDS = ("tier", "band", "flat", "reactive")
BAND_NAMES = ("", "normal", "peak", "offpeak")
TIER, BAND, FLAT, REACTIVE = range(4)
NO_PLAN = -1
OPEN = -1
"""A width that has no upper end."""


@dataclass(frozen=True)
class Tables:
    """Arrays of a book. A plan is one (edition, category, voltage, time-of-use) with its prices.

    Per slot (a plan's tiers, or its bands): `price` in đồng/kWh, `reference`, `tier`, `band`. The last
    column is the reactive line's, the same in every plan. `common_widths` is set when every tiered
    plan has the same widths, which lets the kernel work with scalars.
    """

    categories: tuple[str, ...]
    voltages: tuple[str, ...]
    edition_starts: Array
    edition_ends: Array
    plan: Array
    kind: Array
    price: Array
    reference: Array
    tier: Array
    band: Array
    line_kind: Array
    width: Array
    common_widths: tuple[int, ...] | None
    vat_starts: Array
    vat_ends: Array
    vat_rate: Array
    reactive_k: Array

    @property
    def slots(self) -> int:
        """Number of energy slots of a plan (the reactive column not counted)."""
        return int(self.price.shape[1]) - 1


def compile_tables(book: TariffBook) -> Tables:
    """Turn a book into arrays; every combination a decision prices becomes one plan."""
    plans: list[tuple[int, Tariff]] = []
    index = np.full((len(book.editions), len(book.categories), len(book.voltages), 2), NO_PLAN, np.int16)
    for number, edition in enumerate(book.editions):
        _add_plans(index[number], edition, book, plans)
    slots = max(3, *(len(tariff.prices) for _, tariff in plans))
    return Tables(
        categories=tuple(book.categories),
        voltages=tuple(book.voltages),
        edition_starts=np.array([day_number(e.start) for e in book.editions], np.int32),
        edition_ends=np.array([day_number(e.end) if e.end else LAST_DAY for e in book.editions], np.int32),
        plan=index,
        vat_starts=np.array([day_number(v.start) for v in book.vat], np.int32),
        vat_ends=np.array([day_number(v.end) for v in book.vat], np.int32),
        vat_rate=np.array([v.basis_points for v in book.vat], np.int32),
        reactive_k=_reactive_k(book),
        **_plan_arrays(plans, slots, book.reactive.reference),
    )


def _add_plans(index: Array, edition: Edition, book: TariffBook, plans: list[tuple[int, Tariff]]) -> None:
    categories, voltages = list(book.categories), list(book.voltages)
    known: dict[int, tuple[int, int]] = {}
    for (category, voltage), tariff in edition.tariffs.items():
        if id(tariff) not in known:
            kind = {"tiers": TIER, "flat": FLAT, "bands": FLAT}[tariff.rule]
            plans.append((kind, tariff))
            if tariff.rule == "bands":
                plans.append((BAND, tariff))
            known[id(tariff)] = (len(plans) - (2 if tariff.rule == "bands" else 1), len(plans) - 1)
        index[categories.index(category), voltages.index(voltage)] = known[id(tariff)]


def _plan_arrays(plans: list[tuple[int, Tariff]], slots: int, reactive_reference: int) -> dict[str, Any]:
    shape = (len(plans), slots + 1)
    price, reference = np.zeros(shape, np.int64), np.zeros(shape, np.int16)
    tier, band = np.zeros(shape, np.int16), np.zeros(shape, np.int8)
    line_kind, width = np.full(shape, REACTIVE, np.int8), np.full((len(plans), slots), OPEN, np.int64)
    for row, (kind, tariff) in enumerate(plans):
        count = len(tariff.prices)
        price[row, :count], reference[row, :count] = tariff.prices, tariff.references
        line_kind[row, :slots] = kind
        width[row, : len(tariff.widths)] = tariff.widths
        tier[row, :slots] = np.arange(1, slots + 1) if kind == TIER else tariff.tier
        if tariff.rule == "bands":
            band[row, :3] = (1, 2, 3)
    reference[:, slots] = reactive_reference
    widths = {tariff.widths for kind, tariff in plans if kind == TIER}
    return {
        "kind": np.array([kind for kind, _ in plans], np.int8),
        "price": price,
        "reference": reference,
        "tier": tier,
        "band": band,
        "line_kind": line_kind,
        "width": width,
        "common_widths": widths.pop() if len(widths) == 1 else None,
    }


def _reactive_k(book: TariffBook) -> Array:
    """Return k (hundredths of a percent) for each power factor 0.00 … 1.00 (facts B5)."""
    rule = book.reactive
    factor = np.arange(101, dtype=np.int64)
    k = (2 * 10_000 * (rule.free_from - factor) + factor) // np.maximum(2 * factor, 1)
    k[factor >= rule.free_from] = 0
    k[factor < rule.lowest] = rule.below_lowest
    return k
