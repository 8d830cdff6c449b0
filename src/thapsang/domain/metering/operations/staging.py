"""Temporary tables of one bulk connection."""

from __future__ import annotations

import polars as pl
import psycopg
import pyarrow as pa

from thapsang.kit.bulk.copy import BATCH_ROWS, Link, copy_rows, execute

_TYPES = {
    pa.int64(): "bigint", pa.int32(): "integer", pa.int16(): "smallint", pa.date32(): "date", pa.bool_(): "boolean",
    pa.string(): "text", pa.large_string(): "text",
}  # fmt: skip


def stage(link: Link, name: str, rows: pl.DataFrame) -> None:
    """Put rows into a temporary table of this connection, in place of one of the same name."""
    execute(link, f"DROP TABLE IF EXISTS pg_temp.{name}")
    table = rows.to_arrow()
    if isinstance(link, psycopg.Connection):
        columns = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in table.schema)
        execute(link, f"CREATE TEMP TABLE {name} ({columns})")
        copy_rows(link, name, table)
        execute(link, f"ANALYZE pg_temp.{name}")
        return
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    with link.cursor() as cursor:
        cursor.adbc_ingest(
            name,
            pa.RecordBatchReader.from_batches(table.schema, iter(batches)),
            mode="create",
            temporary=True,
        )
    execute(link, f"ANALYZE pg_temp.{name}")
