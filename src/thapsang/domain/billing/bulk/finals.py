"""Final bills: an agreement that ended inside a month is billed up to that day, and the month's run leaves it out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import psycopg

from thapsang.domain.billing.bulk.computing import Computed, _rated
from thapsang.domain.customers import bulk as customers
from thapsang.domain.metering import bulk as metering
from thapsang.domain.metering.types import BookPeriod
from thapsang.engines.rating import TariffBook
from thapsang.kit.bulk.copy import Link

_KEEP = """
INSERT INTO billing_finalbill (bill_id, agreement_id, ended_on, policy_version_id, reason, document, issued_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def compute_final(
    link: Link, *, book: TariffBook, point: int, book_id: int, agreement_id: int, dates: BookPeriod
) -> Computed:
    """Rate one point's days [start, end) under one agreement; reads, computes, writes nothing."""
    points = pl.DataFrame({"point": [point], "book_id": [book_id]})
    usage, issues = metering.usage_between(link, points=points, dates=dates)
    terms = customers.terms_of_points(link, points=points["point"], start=dates.start, end=dates.end)
    return _rated(book, points, usage, issues, terms.filter(pl.col("agreement_id") == agreement_id))


def insert_final(
    link: psycopg.Connection[Any], *, bill_id: int, agreement_id: int, ended_on: date, version: int, reason: str,
    document: str, at: datetime,
) -> None:  # fmt: skip
    """Keep why a bill is final, in the transaction of the bill; an agreement has one (IntegrityError)."""
    link.execute(_KEEP, [bill_id, agreement_id, ended_on, version, reason, document, at])


def final_of(link: psycopg.Connection[Any], *, agreement_id: int) -> int | None:
    """Return the final bill of an agreement, or None; other final bills of it wait until the transaction ends."""
    link.execute("SELECT id FROM customers_supplyagreement WHERE id = %s FOR NO KEY UPDATE", [agreement_id])
    found = link.execute(
        "SELECT bill_id FROM billing_finalbill WHERE agreement_id = %s", [agreement_id]
    ).fetchone()
    return int(found[0]) if found else None
