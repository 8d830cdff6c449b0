"""Relief engine against its floor: rating the same points without any relief, in the same run.

1.1 million points of three bill months (August to October 2021: rounds 3, 4, 5 and the 30-kWh support), as a
simulation before a resolution is applied needs it. One thread, timed by the processor time it takes. The relief
engine rates every point, asks every rule, rates hotels again under the other price list, and gives adjustments
and lines as Arrow tables; the floor only rates.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from bench.rating import ROOT, energy, kernel, tables
from thapsang.engines.rating import load_book
from thapsang.engines.relief import EVIDENCE, FACTS, load_reliefs, relieve_blocks

POINTS = 1_100_000
COMMUNES = 130
MONTHS = [(date(2021, m, 1), date(2021, m + 1, 1)) for m in (7, 8, 9)]
MIX = ["residential", "tenant", "production", "business", "hospital-school", "lighting-admin"]
SHARES = [0.89, 0.01, 0.03, 0.05, 0.01, 0.01]
USES = ["hotel", "storage", "hospital", "isolation-site"]


def facts(count: int) -> tuple[pa.Table, pa.Table]:
    """A commune for every point, a use for one in fifty; half the communes under Directive 16, 5 % poor."""
    rng = np.random.default_rng(13)
    point = np.arange(count)
    communes = pa.array([f"xã {n}" for n in range(COMMUNES)])
    used = rng.random(count) < 0.02
    use = pa.DictionaryArray.from_arrays(
        pa.array(rng.integers(0, len(USES), count).astype(np.int8), mask=~used), pa.array(USES)
    )
    area = pa.DictionaryArray.from_arrays(
        pa.array(rng.integers(0, COMMUNES, count).astype(np.int16)), communes
    )
    rows = [_row("directive-16", None, f"xã {n}") for n in range(0, COMMUNES, 2)]
    rows += [_row("round-5-localities", None, f"xã {n}") for n in range(1, COMMUNES, 4)]
    rows += [_row("poor-households", int(n), None) for n in np.flatnonzero(rng.random(count) < 0.05)]
    return pa.table([pa.array(point), use, area], names=FACTS.names), pa.Table.from_pylist(rows, EVIDENCE)


def _row(code: str, point: int | None, area: str | None) -> dict[str, object]:
    return {"list": code, "point": point, "area": area, "start": date(2021, 7, 19), "end": None}


def timed(work: Callable[[], Any], times: int = 3) -> tuple[float, float, Any]:
    """Processor and wall seconds of the fastest of some runs, and the last result."""
    found = []
    for _ in range(times):
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        found.append((time.process_time() - processor, time.perf_counter() - wall))
    return min(found)[0], min(f[1] for f in found), result


def run(count: int = int(os.environ.get("THAPSANG_BENCH_CUSTOMERS", POINTS))) -> Iterable[dict[str, object]]:
    """Yield points relieved a second beside points rated a second, and the seconds of the whole simulation."""
    policies = ROOT / "policies" / "nghe-an"
    book = load_book(policies / "tariffs")
    reliefs = load_reliefs(policies / "reliefs", book)
    known, evidence = facts(count)
    months = [(end, *tables(energy(count, 7 + end.month), start, end, MIX, SHARES)) for start, end in MONTHS]

    def relieve() -> tuple[int, int]:
        lines = taken = 0
        for month, usage, terms in months:
            blocks = relieve_blocks(
                book, reliefs, usage, terms, known, evidence, bill_month=month, invoice_date=month
            )
            for adjustments, found, problems in blocks:
                assert not problems.num_rows
                lines += found.num_rows
                taken += int(adjustments["relief"].to_numpy().sum())
        return lines, taken

    rated, _, _ = timed(lambda: [kernel(book, usage, terms) for _, usage, terms in months])
    relieved, wall, (lines, taken) = timed(relieve)
    assert lines > count and taken > 0
    size = len(months) * count
    yield {
        "name": f"relief: {count:,} points x 3 months rated and relieved, {lines:,} relief lines, one core",
        "value": round(size / relieved),
        "unit": "points/s",
        "floor": round(size / rated),
        "ratio": round(rated / relieved, 3),
    }
    yield {
        "name": f"relief: a simulation over {count:,} points x 3 months, one core, by the clock",
        "value": round(wall, 2),
        "unit": "s",
        "floor": round(rated, 2),
        "ratio": round(rated / wall, 3),
    }


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result))
