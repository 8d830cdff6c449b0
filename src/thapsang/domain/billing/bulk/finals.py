"""Final bills: an agreement that ended inside a month is billed up to that day, and the month's run leaves it out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
from django.utils import timezone

from thapsang.domain.billing.bulk.computing import Computed, _rated
from thapsang.domain.billing.bulk.relieving import kept, relieve
from thapsang.domain.billing.types import PERIOD_FACTOR, parts, yymm
from thapsang.domain.customers import bulk as customers
from thapsang.domain.metering import bulk as metering
from thapsang.domain.metering.types import BookPeriod
from thapsang.engines.rating import Rated, TariffBook
from thapsang.kit.bulk.copy import Link, fetch

_FINALS = """
SELECT f.bill_id, f.bill_id % 10000000000 / 10 AS point, f.bill_id % 10 AS sequence, f.agreement_id, b.start, b."end",
       f.policy_version_id AS policy_version, f.relief_version_id AS relief_version, f.issued_at::text AS issued_at
FROM billing_finalbill f JOIN billing_bill b ON b.id = f.bill_id
WHERE f.bill_id BETWEEN {low} AND {high} ORDER BY f.bill_id
"""
_FINAL = {
    "bill_id": pl.Int64, "point": pl.Int64, "sequence": pl.Int64, "agreement_id": pl.Int64, "start": pl.Date,
    "end": pl.Date, "policy_version": pl.Int64, "relief_version": pl.Int64, "issued_at": pl.String,
}  # fmt: skip
_KEEP = """
INSERT INTO billing_finalbill
    (bill_id, agreement_id, ended_on, policy_version_id, relief_version_id, reason, document, issued_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


def compute_final(
    link: Link, *, book: TariffBook, point: int, book_id: int, agreement_id: int, dates: BookPeriod
) -> Computed:
    """Rate one point's days [start, end) under one agreement; reads, computes, writes nothing."""
    points = pl.DataFrame({"point": [point], "book_id": [book_id]})
    usage, issues = metering.usage_between(link, points=points, dates=dates)
    terms = customers.terms_of_points(link, points=points["point"], start=dates.start, end=dates.end)
    return _rated(book, points, usage, issues, terms.filter(pl.col("agreement_id") == agreement_id))


def finals_of_points(link: Link, *, period: date, points: pl.Series) -> pl.DataFrame:
    """Return a month's final bills of some supply points, in order of number.

    Columns: bill_id, point, sequence, agreement_id, start, end, policy and relief version, the moment of issue (text).
    """
    low = yymm(period) * PERIOD_FACTOR
    found = fetch(link, _FINALS.format(low=low, high=low + PERIOD_FACTOR - 1))
    return pl.DataFrame(found, schema=_FINAL).filter(pl.col("point").is_in(points.implode()))


def compute_finals(link: Link, *, finals: pl.DataFrame, books: dict[int, int], book: TariffBook) -> Computed:
    """Derive final bills (rows of `finals_of_points`, one a point) again, relieved by the version each keeps.

    `books` are reading books by point. Reads, computes, writes nothing.
    """
    return joined([_derived_final(link, row, books[row["point"]], book) for row in finals.to_dicts()])


def _derived_final(link: Link, row: dict[str, Any], book_id: int, book: TariffBook) -> Computed:
    computed = compute_final(
        link, book=book, point=row["point"], book_id=book_id, agreement_id=row["agreement_id"],
        dates=BookPeriod(row["start"], row["end"]),
    )  # fmt: skip
    day = timezone.localtime(datetime.fromisoformat(row["issued_at"])).date()
    law = kept(row["relief_version"], book, period=parts(row["bill_id"]).period, invoice_date=day)
    return relieve(link, computed, law, sequence=row["sequence"], again=True) if law else computed


def joined(many: list[Computed]) -> Computed:
    """Put what was computed for single points together, in order of point."""
    found = sorted(many, key=lambda one: int(one.points["point"][0]))
    given = [one.given.with_columns(pl.col("programme", "rule").cast(pl.String)) for one in found
             if one.given is not None]  # fmt: skip
    return Computed(
        points=pl.concat([one.points for one in found]), owners=pl.concat([one.owners for one in found]),
        estimated=pl.concat([one.estimated for one in found]),
        rated=Rated(*(
            pa.concat_tables([getattr(one.rated, name) for one in found]).unify_dictionaries().combine_chunks()
            for name in ("bills", "lines", "problems")
        )),
        exceptions=pl.concat([one.exceptions for one in found]),
        terms=pa.concat_tables([one.terms for one in found]).unify_dictionaries(),
        given=pl.concat(given) if given else None,
    )  # fmt: skip


def insert_final(
    link: psycopg.Connection[Any], *, bill_id: int, agreement_id: int, ended_on: date, version: int,
    relief_version: int | None, reason: str, document: str, at: datetime,
) -> None:  # fmt: skip
    """Keep why a bill is final, in the transaction of the bill; an agreement has one (IntegrityError)."""
    link.execute(_KEEP, [bill_id, agreement_id, ended_on, version, relief_version, reason, document, at])


def final_of(link: psycopg.Connection[Any], *, agreement_id: int) -> int | None:
    """Return the final bill of an agreement, or None; other final bills of it wait until the transaction ends."""
    link.execute("SELECT id FROM customers_supplyagreement WHERE id = %s FOR NO KEY UPDATE", [agreement_id])
    found = link.execute(
        "SELECT bill_id FROM billing_finalbill WHERE agreement_id = %s", [agreement_id]
    ).fetchone()
    return int(found[0]) if found else None
