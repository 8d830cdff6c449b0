"""Why one point got what it did in a month: rule by rule, from the bill itself and the book that was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import pyarrow as pa

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.bulk import issued
from thapsang.domain.billing.types import UnknownBillError, bill_id, month_after
from thapsang.domain.reliefs import bulk, queries
from thapsang.domain.reliefs.types import GrantView
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.relief import FACTS, ReliefBook, Why, why
from thapsang.engines.relief.billed import usage_of_lines
from thapsang.journeys.relieve_months.months import Places, prepare, terms_of_bills
from thapsang.kit.bulk.copy import bulk_connection


@dataclass(frozen=True)
class Explained:
    """The rules of a book for one point and month, the grants made for it, and the version they were asked of.

    `version_id` is None when neither a batch nor the bill asked any, and the programmes in force now are asked.
    """

    bill_id: int
    why: Why
    grants: tuple[GrantView, ...]
    version_id: int | None
    book: ReliefBook


def explain(*, supply_point_id: int, month: date) -> Explained:
    """Tell rule by rule, true or false with the values used, why a point got or did not get relief for a month.

    Asked of the book version that granted last, of the one the bill was made by, or of the programmes in force.
    Raises UnknownBillError when the month has no bill of the point, PeriodError when it was never billed.
    """
    regular = bill_id(month, supply_point_id)
    grants = queries.grants_of_bills(bill_ids=[regular])
    run = billing.run(period=month)
    version = grants[-1].version_id if grants else run.relief_version_id if run else None
    prices = tariffs.current_book()
    book = queries.book_of(version, prices) if version else queries.book_in_force(prices)
    with bulk_connection() as link:
        places = Places.read(link, low=supply_point_id, high=supply_point_id)
        made = prepare(link, period=month, book=book, places=places)
        bills = issued.issued_bills(link, period=month, low=supply_point_id, high=supply_point_id)
        if bills.is_empty():
            raise UnknownBillError(
                f"The supply point has no bill for {month:%Y-%m}: nothing was there to relieve."
            )
        lines = issued.issued_lines(link, period=month, low=supply_point_id, high=supply_point_id)
        terms = terms_of_bills(link, bills)
        evidence = bulk.evidence(link)
        uses = bulk.uses(link, on=month_after(month) - timedelta(days=1))
    facts = places.rows.select("point", area="commune").join(uses, on="point", how="left")
    known = pa.array(list(book.lists), pa.string())
    found = why(
        made.tariffs, book, usage_of_lines(bills.to_arrow(), lines.to_arrow()), terms,
        facts.select(FACTS.names).cast({"area": pl.String}).to_arrow(),
        evidence.filter(pa.compute.is_in(evidence["list"], known)), point=supply_point_id, bill_month=month,
        invoice_date=made.engine.run.invoice_date,
    )  # fmt: skip
    return Explained(regular, found, tuple(grants), version, book)
