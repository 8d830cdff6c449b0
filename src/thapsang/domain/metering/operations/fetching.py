"""Fetch the readings of many registers: by their range of numbers where it is dense, a few by name, else by a join."""

from __future__ import annotations

from datetime import date

import polars as pl

from thapsang.domain.metering.operations.staging import stage
from thapsang.kit.bulk.copy import Link, fetch

DENSE = 2
"""Up to this many numbers for each wanted one, reading the whole range beats a join."""

FEW = 2_000
"""Up to so many registers are named in the query: a table of them for the connection costs more than their readings."""

_RANGE = """
SELECT register_id AS register, read_on, value, quality, source = 'price' AS price FROM metering_reading
WHERE register_id BETWEEN {low} AND {high} AND {days}
"""
_NAMED = """
SELECT register_id AS register, read_on, value, quality, source = 'price' AS price FROM metering_reading
WHERE register_id = ANY('{{{registers}}}'::bigint[]) AND {days}
"""
_JOIN = """
SELECT register_id AS register, read_on, value, quality, source = 'price' AS price
FROM wanted_register w JOIN metering_reading m ON m.register_id = w.register WHERE {days}
"""
SCHEMA = {
    "register": pl.Int64, "read_on": pl.Date, "value": pl.Int64, "quality": pl.String, "price": pl.Boolean,
}  # fmt: skip


def is_dense(numbers: pl.Series) -> bool:
    """Tell whether numbers (distinct, not empty) lie close together, as rows loaded book by book do."""
    low, high = bounds(numbers)
    return high - low < DENSE * len(numbers)


def bounds(numbers: pl.Series) -> tuple[int, int]:
    """Return the smallest and the largest of some numbers."""
    return int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]  # integers by construction


def between(first: date, last: date) -> str:
    """Return the SQL condition for days from first to last, both included."""
    return f"read_on BETWEEN '{first:%Y-%m-%d}' AND '{last:%Y-%m-%d}'"


def on_days(*days: date) -> str:
    """Return the SQL condition for some days."""
    return "read_on IN (" + ",".join(f"'{day:%Y-%m-%d}'" for day in days) + ")"


def readings_of(link: Link, registers: pl.Series, days: str) -> pl.DataFrame:
    """Return readings of distinct registers under a condition on the days (columns SCHEMA)."""
    if registers.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    if is_dense(registers):
        low, high = bounds(registers)
        rows = pl.DataFrame(fetch(link, _RANGE.format(low=low, high=high, days=days)), schema=SCHEMA)
        if high - low + 1 == len(registers):
            return rows
        return rows.join(registers.alias("register").to_frame(), on="register", how="semi")
    if len(registers) <= FEW:
        named = _NAMED.format(registers=",".join(map(str, registers.to_list())), days=days)
        return pl.DataFrame(fetch(link, named), schema=SCHEMA)
    stage(link, "wanted_register", registers.alias("register").to_frame())
    return pl.DataFrame(fetch(link, _JOIN.format(days=days)), schema=SCHEMA)
