"""Arrow in and out of PostgreSQL: ADBC's binary COPY, or psycopg with rows encoded by NumPy.

`fetch`, `execute` and `copy_rows` take either kind of connection. ADBC reads large results into columns;
psycopg writes large tables, because `kit.bulk.binary` encodes them at a fraction of the cost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import pyarrow as pa
from django.db import connection
from psycopg import sql

from thapsang.kit.bulk.binary import encode
from thapsang.kit.bulk.columns import ColumnReader, Usual, fetch_columns
from thapsang.kit.db.place import libpq_url

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

Link: TypeAlias = "Connection | psycopg.Connection[Any]"
"""A bulk connection: ADBC's, which reads columns fast, or psycopg's, which writes them fast."""

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
    from adbc_driver_postgresql import dbapi as adbc  # loads Arrow's readers of files: not for every command

    with adbc.connect(url()) as link:
        yield link


def fetch(link: Link, query: str, *, usual: Usual | None = None) -> pa.Table:
    """Run a query and return its rows as an Arrow table.

    `usual` tells a ColumnReader in which columns nearly all rows are alike: those travel for the other rows only.
    """
    if isinstance(link, ColumnReader):
        return fetch_columns(link, query, usual=usual)
    if isinstance(link, psycopg.Connection):
        return _fetch_rows(link, query)
    with link.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def _fetch_rows(link: psycopg.Connection[Any], query: str) -> pa.Table:
    """Fetch by rows: for the few rows a writer asks for."""
    cursor = link.execute(query)
    names = [column.name for column in cursor.description or ()]
    rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table(dict(zip(names, map(pa.array, columns), strict=True)))


def execute(link: Link, statement: str) -> None:
    """Run a statement that returns no rows."""
    if isinstance(link, psycopg.Connection):
        link.execute(statement)
        return
    with link.cursor() as cursor:
        cursor.execute(statement)


def copy_rows(link: Link, table: str, rows: pa.Table) -> int:
    """COPY an Arrow table into an existing table, column by name; return the number of rows.

    All columns of `rows` must exist in `table`; columns left out take their defaults.
    """
    if rows.num_rows == 0:
        return 0
    if isinstance(link, psycopg.Connection):
        return _copy_encoded(link, table, rows)
    reader = pa.RecordBatchReader.from_batches(rows.schema, iter(rows.to_batches(max_chunksize=BATCH_ROWS)))
    with link.cursor() as cursor:
        return int(cursor.adbc_ingest(table, reader, mode="append"))


def _copy_encoded(link: psycopg.Connection[Any], table: str, rows: pa.Table) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), names)
    with link.cursor() as cursor:
        with cursor.copy(statement) as sink:
            for block in encode(rows):
                sink.write(block)
        return cursor.rowcount
