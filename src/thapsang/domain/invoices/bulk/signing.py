"""Which invoices wait for their signature, and where the signed file of each is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg

from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_UNSIGNED = """
SELECT i.id, i.bill_id, i.number, i.issued_on, i.look_up_code, i.relation, i.reason, i.relates_to_id, i.series_id
FROM invoices_invoice i WHERE i.status = 'numbered' AND i.id BETWEEN {low} AND {high} ORDER BY i.id
"""
_SERIES = "SELECT id AS series_id, form, code AS series FROM invoices_series"
_RELATED = """
SELECT o.id AS relates_to_id, o.number AS related_number, o.issued_on AS related_on, s.form AS related_form,
       s.code AS related_series
FROM invoices_invoice o JOIN invoices_series s ON s.id = o.series_id WHERE o.id = ANY('{{{ids}}}'::bigint[])
"""
_RELATED_SCHEMA = {
    "relates_to_id": pl.Int64, "related_number": pl.Int32, "related_on": pl.Date, "related_form": pl.String,
    "related_series": pl.String,
}  # fmt: skip


def unsigned(link: Connection, *, low: int, high: int) -> pl.DataFrame:
    """Return numbered, unsigned invoices of bills from `low` to `high` (bill numbers), in order of bill.

    Columns: id, bill_id, number, issued_on, look_up_code, relation, reason, relates_to_id, series_id, form, series,
    and of the invoice it relates to related_number, related_on, related_form, related_series.
    """
    rows = pl.DataFrame(fetch(link, _UNSIGNED.format(low=low * 10, high=high * 10 + 9)))
    rows = rows.join(pl.DataFrame(fetch(link, _SERIES)), on="series_id", how="left", maintain_order="left")
    ids = rows["relates_to_id"].drop_nulls().unique().to_list()
    if not ids:
        missing = [pl.lit(None, kind).alias(name) for name, kind in _RELATED_SCHEMA.items()]
        return rows.with_columns(missing)
    related = pl.DataFrame(fetch(link, _RELATED.format(ids=",".join(map(str, ids)))))
    return rows.join(related, on="relates_to_id", how="left", maintain_order="left")


@dataclass(frozen=True)
class NewPack:
    """A pack whose file is kept; `first` and `last` are its invoices' numbers of ours."""

    batch_book_id: int
    series_id: int
    sha256: str
    name: str
    invoices: int
    size: int
    first: int
    last: int


def add_packs(link: psycopg.Connection[Any], *, packs: list[NewPack], at: datetime) -> list[int]:
    """Write the rows of packs whose files are kept; return their ids, in order."""
    numbers = []
    with link.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO invoices_pack (batch_book_id, series_id, sha256, name, invoices, size, made_at, "
            "first_invoice, last_invoice, in_messages) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, false) RETURNING id",
            [
                (p.batch_book_id, p.series_id, p.sha256, p.name, p.invoices, p.size, at, p.first, p.last)
                for p in packs
            ],
            returning=True,
        )
        while True:
            row = cursor.fetchone()
            assert row is not None
            numbers.append(int(row[0]))
            if not cursor.nextset():
                return numbers


def packs_of_books(link: psycopg.Connection[Any], *, batch_books: list[int]) -> dict[int, int]:
    """Return how many packs each of some books has; none is not named."""
    rows = link.execute(
        "SELECT batch_book_id, count(*) FROM invoices_pack WHERE batch_book_id = ANY(%s) GROUP BY 1",
        [batch_books],
    )
    return dict(rows.fetchall())


def mark_signed(
    link: psycopg.Connection[Any], *, at: datetime, ids: list[int], packs: list[int], hashes: list[bytes],
    positions: list[int], sizes: list[int],
) -> None:  # fmt: skip
    """Note each invoice's file: its pack, its hash, and where it lies. All must still be unsigned."""
    # Whole numbers as one text and hashes as one block: psycopg's lists cost more than all the rest of this.
    done = link.execute(
        "UPDATE invoices_invoice i SET status = 'signed', steps = i.steps + 1, signed_at = %s, pack_id = v.pack, "
        "sha256 = substring(%b::bytea FROM v.n::int * 32 - 31 FOR 32), position = v.position, size = v.size "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) WITH ORDINALITY "
        "AS v(id, pack, position, size, n) WHERE i.id = v.id AND i.status = 'numbered'",
        [at, b"".join(hashes), _array(ids), _array(packs), _array(positions), _array(sizes)],
    ).rowcount
    if done != len(ids):
        raise RuntimeError(
            f"{len(ids) - done} of {len(ids)} invoices were signed by somebody else meanwhile."
        )


def _array(numbers: list[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"
