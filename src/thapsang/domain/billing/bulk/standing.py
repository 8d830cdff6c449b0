"""What is billed for a month as it stands: the regular bill, or a final one, and the later ones that follow it.

Left out are bills that were cancelled, those that cancelled them, what follows other agreements' bills of the month,
and bills of relief batches, which are only summed: a correction touches no batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import Link, fetch

_BILL = {
    "id": pl.Int64, "point": pl.Int64, "run_id": pl.Int64, "customer_id": pl.Int64, "agreement_id": pl.Int64,
    "category": pl.String, "household_quarters": pl.Int64, "start": pl.Date, "end": pl.Date, "kwh": pl.Int64,
    "kvarh": pl.Int64, "estimated": pl.Boolean, "net": pl.Int64, "vat_rate": pl.Int64, "vat": pl.Int64,
    "total": pl.Int64, "kind": pl.String, "of_bill": pl.Int64, "origin": pl.String, "version": pl.Int64,
    "relief_version_id": pl.Int64,
}  # fmt: skip
_LINE = {
    "bill_id": pl.Int64, "line_no": pl.Int64, "kind": pl.String, "tier": pl.Int64, "band": pl.String,
    "kwh": pl.Int64, "price": pl.Int64, "amount": pl.Int64, "start": pl.Date, "end": pl.Date,
    "reference": pl.Int64,
}  # fmt: skip
_BILLS = """
SELECT b.id, b.supply_point_id AS point, b.run_id, b.customer_id, b.agreement_id, b.category,
       b.household_quarters::bigint AS household_quarters, b.start, b."end", b.kwh, b.kvarh, b.estimated, b.net,
       b.vat_rate::bigint AS vat_rate, b.vat, b.total, l.kind, l.of_bill_id AS of_bill, l.origin,
       coalesce(l.policy_version_id, f.policy_version_id, r.policy_version_id) AS version,
       CASE WHEN b.id % 10 = 0 THEN r.relief_version_id ELSE f.relief_version_id END AS relief_version_id
FROM unnest('{{{points}}}'::bigint[]) AS p(id)
JOIN billing_bill_{month:04d} b ON b.id BETWEEN {base} + p.id * 10 AND {base} + p.id * 10 + 9
JOIN billing_billrun r ON r.id = b.run_id
LEFT JOIN billing_billlink l ON l.bill_id = b.id
LEFT JOIN billing_finalbill f ON f.bill_id = b.id
WHERE b.id % 10 = 0 OR l.bill_id IS NOT NULL OR f.bill_id IS NOT NULL ORDER BY b.id
"""
_LINES = """
SELECT l.bill_id, l.line_no::bigint AS line_no, l.kind, l.tier::bigint AS tier, l.band, l.kwh,
       l.price::bigint AS price, l.amount, l.start, l."end", l.reference::bigint AS reference
FROM unnest('{{{bills}}}'::bigint[]) AS b(id) JOIN billing_billline_{month:04d} l ON l.bill_id = b.id
ORDER BY l.bill_id, l.line_no
"""
RELIEF = "relief"


@dataclass(frozen=True)
class Standing:
    """bills (columns of `_BILL`; relief version as their first bill keeps it) and their lines.

    reliefs: point and `relief_total` (đồng) of relief batches' bills.
    """

    bills: pl.DataFrame
    lines: pl.DataFrame
    reliefs: pl.DataFrame


def standing(link: Link, *, period: date, points: pl.Series, sequence: int = 0) -> Standing:
    """Return what stands of a month's bills of some supply points.

    `sequence` is that of the first bill: 0 for the regular one, another for the final bill of that number. The
    month's partition must exist. Amounts in đồng; `version` is the policy version a bill's lines cite.
    """
    month = yymm(period)
    listed = ",".join(map(str, points.unique().sort().to_list()))
    sql = _BILLS.format(points=listed, month=month, base=month * PERIOD_FACTOR)
    found = _of_chain(_typed(fetch(link, sql), _BILL), sequence)
    is_relief = pl.col("origin").fill_null("").str.starts_with(f"{RELIEF}:")
    cancelled = found.filter(pl.col("kind") == "cancels")["of_bill"]
    gone = (pl.col("kind") == "cancels").fill_null(value=False) | pl.col("id").is_in(cancelled.implode())
    reliefs = found.filter(is_relief & ~gone).group_by("point").agg(relief_total=pl.col("total").sum())
    bills = found.filter(~is_relief & ~gone)
    return Standing(bills, _lines_of(link, month, bills["id"]), reliefs)


def _of_chain(bills: pl.DataFrame, sequence: int) -> pl.DataFrame:
    """Keep the first bills of a sequence and all that follow them, however many bills lie between."""
    of = dict(bills.filter(pl.col("of_bill").is_not_null()).select("id", "of_bill").iter_rows())

    def first(number: int) -> int:
        while number in of:
            number = of[number]
        return number

    later = {number: first(number) for number in of}
    root = pl.col("id").replace(later) if later else pl.col("id")
    versions = bills.select(root="id", relief_version="relief_version_id")
    found = bills.with_columns(root=root).filter(pl.col("root") % 10 == sequence)
    found = found.join(versions, on="root", how="left", maintain_order="left")
    return found.with_columns(relief_version_id="relief_version").drop("root", "relief_version")


def _lines_of(link: Link, month: int, bills: pl.Series) -> pl.DataFrame:
    listed = ",".join(map(str, bills.to_list()))
    return _typed(fetch(link, _LINES.format(bills=listed, month=month)), _LINE)


def _typed(table: pa.Table, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    frame = pl.DataFrame(table)
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
