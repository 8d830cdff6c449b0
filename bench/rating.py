"""Rating kernel against its floor: bare six-tier arithmetic over the same energy, in the same run.

One thread, timed by the processor time it takes, so that neighbours on the machine count little. The kernel
gives bills and itemised lines as Arrow tables, with VAT, legal references, dates and all checks; the floor only
computes each bill's net.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from thapsang.engines.rating import TERMS, USAGE, TariffBook, load_book, rate_blocks

POINTS = 1_000_000
ROOT = Path(__file__).resolve().parents[1]


def energy(count: int, seed: int = 7) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A month of household energy, skewed as households are: median about 150 kWh."""
    return np.random.default_rng(seed).lognormal(5.0, 0.6, count).astype(np.int64)


def tables(
    kwh: np.ndarray[Any, Any], start: date, end: date, categories: list[str], shares: list[float]
) -> tuple[pa.Table, pa.Table]:
    """Usage and terms of one month for points of the given categories."""
    rng, count = np.random.default_rng(11), len(kwh)
    point = pa.array(np.arange(count))
    first, last = (
        pa.repeat(pa.scalar(start, pa.date32()), count),
        pa.repeat(pa.scalar(end, pa.date32()), count),
    )
    zero, no = pa.array(np.zeros(count, np.int64)), pa.array(np.zeros(count, bool))
    usage = pa.table(
        [point, pa.array(np.zeros(count, np.int16)), first, last, pa.array(kwh), zero, zero, zero, no, zero],
        names=USAGE.names,
    )
    category = rng.choice(len(categories), count, p=shares).astype(np.int8)
    quarters = np.where(rng.random(count) < 0.03, 8, 4).astype(np.int32)
    terms = pa.table(
        [
            point, first, last, pa.DictionaryArray.from_arrays(pa.array(category), pa.array(categories)),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array(["lt6"])),
            pa.array(quarters), no, no,
        ],
        names=TERMS.names,
    )  # fmt: skip
    return usage, terms


def floor_numpy(kwh: np.ndarray[Any, Any]) -> int:
    """Bare six-tier arithmetic: no lines, no dates, no checks, no VAT."""
    net = np.zeros(len(kwh), np.int64)
    bounds, prices = (0, 50, 100, 200, 300, 400), (1984, 2050, 2380, 2998, 3350, 3460)
    for i, (low, price) in enumerate(zip(bounds, prices, strict=True)):
        part = np.maximum(kwh - low, 0)
        if i < 5:
            np.minimum(part, bounds[i + 1] - low, out=part)
        part *= price
        net += part
    return int(net.sum())


def kernel(book: TariffBook, usage: pa.Table, terms: pa.Table) -> tuple[int, int]:
    """Rate everything block by block; give the net and the number of lines."""
    net = lines = 0
    for bills, itemised, problems in rate_blocks(book, usage, terms):
        assert not problems.num_rows
        net += int(bills["net"].to_numpy().sum())
        lines += itemised.num_rows
    return net, lines


def best(work: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """Processor seconds of the fastest of some runs, and the last result."""
    seconds = []
    for _ in range(times):
        begin = time.process_time()
        result = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), result


def measure(name: str, book: TariffBook, usage: pa.Table, terms: pa.Table, floor: float) -> dict[str, object]:
    seconds, _ = best(lambda: kernel(book, usage, terms))
    value = usage.num_rows / seconds
    return {
        "name": name,
        "value": round(value),
        "unit": "bills/s",
        "floor": round(floor),
        "ratio": round(value / floor, 3),
    }


def run(count: int = POINTS) -> Iterable[dict[str, object]]:
    """Yield the results: households, a province's mix, and a month in which the price changes."""
    book = load_book(ROOT / "policies" / "nghe-an" / "tariffs")
    kwh = energy(count)
    seconds, net = best(lambda: floor_numpy(kwh))
    floor = count / seconds
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    usage, terms = tables(kwh, june, july, ["residential"], [1.0])
    single = terms.set_column(5, "household_quarters", pa.array(np.full(count, 4, np.int32)))
    assert kernel(book, usage, single)[0] == net
    yield measure("rating: residential bills with itemised lines, one core", book, usage, terms, floor)
    mix = ["residential", "tenant", "production", "business", "hospital-school", "lighting-admin"]
    usage, terms = tables(kwh, june, july, mix, [0.89, 0.01, 0.03, 0.05, 0.01, 0.01])
    yield measure("rating: a province's mix of categories, one core", book, usage, terms, floor)
    usage, terms = tables(kwh, date(2025, 5, 1), date(2025, 6, 1), ["residential"], [1.0])
    yield measure(
        "rating: residential bills of a month with a price change, one core", book, usage, terms, floor
    )


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result))
