"""Grants in columns: what a batch gives, what was given before, what one batch gave."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.reliefs.types import IN_BILLS
from thapsang.kit.bulk.copy import Link, copy_rows, fetch

_INT, _SMALL = pa.int64(), pa.int16()
GRANT = pa.schema(
    {
        "bill_id": _INT, "batch_id": _INT, "phase": _SMALL, "line_no": _SMALL, "supply_point_id": _INT,
        "month": pa.date32(), "adjusting_bill_id": _INT, "programme": pa.string(), "rule": pa.string(),
        "kwh": _INT, "amount": _INT, "vat": _INT, "cash": _INT, "reference": _SMALL,
    }
)  # fmt: skip
"""All columns of the table: what customers got in đồng, below zero where it is taken back."""
_SUMMED = {
    "bill_id": pl.Int64, "point": pl.Int64, "programme": pl.String, "kwh": pl.Int64, "amount": pl.Int64,
    "vat": pl.Int64, "cash": pl.Int64,
}  # fmt: skip


def insert_grants(link: Link, *, grants: pa.Table) -> int:
    """COPY grants (GRANT) of a batch at work; the database checks batch, phase, point and month."""
    return copy_rows(link, "reliefs_grant", grants.select(GRANT.names).cast(GRANT))


def earlier(link: Link, *, low: int, high: int, programmes: tuple[str, ...]) -> pl.DataFrame:
    """Return what bills numbered `low` to `high` have from these programmes: bill_id, point, programme, sums."""
    names = ",".join("'" + name.replace("'", "''") + "'" for name in programmes)
    sql = (
        "SELECT bill_id, supply_point_id AS point, programme, sum(kwh)::bigint AS kwh, sum(amount)::bigint AS amount, "  # noqa: S608
        "sum(vat)::bigint AS vat, sum(cash)::bigint AS cash FROM reliefs_grant "
        f"WHERE bill_id BETWEEN {int(low)} AND {int(high)} AND programme IN ({names}) GROUP BY 1, 2, 3"
    )
    return pl.DataFrame(fetch(link, sql), schema=_SUMMED)


def in_bills(link: Link, *, low: int, high: int) -> pl.DataFrame:
    """Return `bill_id` and `amount` (đồng before VAT): what bills `low` to `high` gave themselves.

    Corrections are included. So much was their net larger as rated.
    """
    sql = (
        "SELECT bill_id, sum(amount)::bigint AS amount FROM reliefs_grant "  # noqa: S608 - integers
        f"WHERE bill_id BETWEEN {int(low)} AND {int(high)} AND phase = {IN_BILLS} GROUP BY 1 HAVING sum(amount) <> 0"
    )
    return pl.DataFrame(fetch(link, sql), schema={"bill_id": pl.Int64, "amount": pl.Int64})


def carried(link: Link, *, low: int, high: int) -> pl.DataFrame:
    """Return `bill_id` and `amount`: what the grants for bills `low` to `high` say each bill takes off, by carrier."""
    sql = (
        "SELECT adjusting_bill_id AS bill_id, sum(amount)::bigint AS amount FROM reliefs_grant "  # noqa: S608 - integers
        f"WHERE bill_id BETWEEN {int(low)} AND {int(high)} AND adjusting_bill_id IS NOT NULL GROUP BY 1"
    )
    return pl.DataFrame(fetch(link, sql), schema={"bill_id": pl.Int64, "amount": pl.Int64})


def given_by_batches(link: Link, *, low: int, high: int) -> pl.DataFrame:
    """Return `bill_id` and `programme` where batches gave and the bill itself did not: those stay the batches' own."""
    sql = (
        "SELECT bill_id, programme FROM reliefs_grant "  # noqa: S608 - integers
        f"WHERE bill_id BETWEEN {int(low)} AND {int(high)} GROUP BY 1, 2 "
        f"HAVING NOT bool_or(phase = {IN_BILLS}) "
        f"AND (sum(amount) <> 0 OR sum(cash) <> 0)"
    )
    return pl.DataFrame(fetch(link, sql), schema={"bill_id": pl.Int64, "programme": pl.String})


def bills_grants(link: Link, *, bills: pl.Series) -> pl.DataFrame:
    """Return all grants (GRANT) these regular or final bills of one month gave themselves, corrections included."""
    listed = ",".join(map(str, bills.to_list()))
    sql = (
        f"SELECT {', '.join(GRANT.names)} FROM reliefs_grant WHERE bill_id = ANY('{{{listed}}}'::bigint[]) "  # noqa: S608
        f"AND phase = {IN_BILLS} ORDER BY bill_id, line_no"
    )
    return pl.DataFrame(fetch(link, sql), schema=pl.DataFrame(GRANT.empty_table()).schema)


def granted_by(link: Link, *, batch_id: int, phase: int, low: int, high: int) -> pl.DataFrame:
    """Return the grants of one phase of a batch for bills numbered `low` to `high`: all columns of GRANT."""
    sql = (
        f"SELECT {', '.join(GRANT.names)} FROM reliefs_grant WHERE bill_id BETWEEN {int(low)} AND {int(high)} "  # noqa: S608
        f"AND batch_id = {int(batch_id)} AND phase = {int(phase)} ORDER BY bill_id, line_no"
    )
    return pl.DataFrame(fetch(link, sql), schema=pl.DataFrame(GRANT.empty_table()).schema)


def standing_batches(link: Link, *, month: date) -> pl.DataFrame:
    """Return `version_id` and `batch_id` of the batches a month's bills grant under themselves."""
    sql = (
        "SELECT version_id, id AS batch_id FROM reliefs_batch "  # noqa: S608 - a date
        f"WHERE status = 'standing' AND months = ARRAY['{month:%Y-%m-%d}'::date]"
    )
    return pl.DataFrame(fetch(link, sql), schema={"version_id": pl.Int64, "batch_id": pl.Int64})
