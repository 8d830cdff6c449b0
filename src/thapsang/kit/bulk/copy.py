"""Arrow in and out of PostgreSQL through ADBC's binary COPY."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from django.db import connection

from thapsang.kit.db.place import libpq_url

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

BATCH_ROWS = 1024
"""Small record batches overlap encoding and sending; a third faster than large ones (docs/adr/0005)."""


def url() -> str:
    """Return the libpq address of the database Django uses now (the test database under test)."""
    return libpq_url({**connection.settings_dict})


@contextlib.contextmanager
def bulk_connection() -> Iterator[Connection]:
    """Open an ADBC connection in a transaction of its own: commit by calling `.commit()`.

    What is not committed when the block ends is rolled back.
    """
    with adbc.connect(url()) as link:
        yield link


def fetch(link: Connection, sql: str) -> pa.Table:
    """Run a query and return its rows as an Arrow table."""
    with link.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def execute(link: Connection, sql: str) -> None:
    """Run a statement that returns no rows."""
    with link.cursor() as cursor:
        cursor.execute(sql)


def copy_rows(link: Connection, table: str, rows: pa.Table) -> int:
    """COPY an Arrow table into an existing table, column by name; return the number of rows.

    All columns of `rows` must exist in `table`; columns left out take their defaults.
    """
    if rows.num_rows == 0:
        return 0
    reader = pa.RecordBatchReader.from_batches(rows.schema, iter(rows.to_batches(max_chunksize=BATCH_ROWS)))
    with link.cursor() as cursor:
        return int(cursor.adbc_ingest(table, reader, mode="append"))
