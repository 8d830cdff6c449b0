"""Temporary tables of one bulk connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from thapsang.kit.bulk.copy import BATCH_ROWS, execute

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


def stage(link: Connection, name: str, rows: pl.DataFrame) -> None:
    """Put rows into a temporary table of this connection, in place of one of the same name."""
    execute(link, f"DROP TABLE IF EXISTS pg_temp.{name}")
    table = rows.to_arrow()
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    with link.cursor() as cursor:
        cursor.adbc_ingest(
            name,
            pa.RecordBatchReader.from_batches(table.schema, iter(batches)),
            mode="create",
            temporary=True,
        )
    execute(link, f"ANALYZE pg_temp.{name}")
