"""Why one point got what it did in a month: rule by rule, from the bill itself and the book that was asked."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import pyarrow as pa
from django.utils import timezone

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.bulk import issued
from thapsang.domain.billing.bulk.finals import finals_of_points
from thapsang.domain.billing.bulk.relieving import last_days
from thapsang.domain.billing.queries.corrections import root_of
from thapsang.domain.billing.types import PeriodError, UnknownBillError, bill_id, parts
from thapsang.domain.customers import bulk as customers
from thapsang.domain.reliefs import bulk, queries
from thapsang.domain.reliefs.types import IN_BILLS, GrantView
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief import FACTS, ReliefBook, Why, why
from thapsang.engines.relief.billed import usage_of_lines
from thapsang.journeys.relieve_months.months import terms_of_bills
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.copy import Link, url


@dataclass(frozen=True)
class Explained:
    """The rules of a book for one bill, the grants made for it, and the version they were asked of.

    `bill_id` is the regular or final bill. `version_id` is None when neither a batch nor the bill asked any, and the
    programmes in force now are asked.
    """

    bill_id: int
    why: Why
    grants: tuple[GrantView, ...]
    version_id: int | None
    book: ReliefBook


@dataclass(frozen=True)
class _Law:
    """Under what a bill was issued: tariffs, book of reliefs, the day reliefs count as the invoice's."""

    prices: TariffBook
    version_id: int | None
    invoice_date: date


def explain(*, supply_point_id: int, month: date, sequence: int = 0) -> Explained:
    """Tell rule by rule, true or false with the values used, why a point got or did not get relief for a month.

    `sequence` 0 means its regular bill, another that final bill; corrections are in it, as they are in what reliefs
    are reckoned from. Asked of the book version that granted last, of the one the bill was made by, or of the
    programmes in force. Raises UnknownBillError when the month has no such bill of the point, PeriodError when it was
    never billed.
    """
    first = bill_id(month, supply_point_id, sequence)
    grants = queries.grants_of_bills(bill_ids=[first])
    with closing(ColumnReader.connect(url())) as link:
        law = _law(link, first, month, grants)
        book = _book(law)
        found = _asked(link, supply_point_id, month, sequence, law, book)
    return Explained(first, found, tuple(grants), law.version_id, book)


def explain_bill(*, number: int) -> Explained:
    """Tell why a bill, regular, final, or one that follows another, got or did not get relief; raises as `explain`."""
    first = parts(root_of(bill_id=number))
    return explain(supply_point_id=first.supply_point_id, month=first.period, sequence=first.sequence)


def _law(link: Link, first: int, month: date, grants: list[GrantView]) -> _Law:
    """Return the law of a bill; a final one has its own, but what a batch grants goes by the month's run."""
    run = billing.run(period=month)
    granted = grants[-1].version_id if grants else None
    if first % 10 and (not grants or grants[-1].phase == IN_BILLS):
        point = pl.Series([parts(first).supply_point_id])
        rows = finals_of_points(link, period=month, points=point)
        own = next((row for row in rows.to_dicts() if row["bill_id"] == first), None)
        if own is None:
            raise UnknownBillError(f"There is no final bill {parts(first).sequence} of {month:%Y-%m}.")
        day = timezone.localtime(datetime.fromisoformat(own["issued_at"])).date()
        return _Law(tariffs.book_of(own["policy_version"]), granted or own["relief_version"], day)
    if run is None:
        raise PeriodError(f"{month:%Y-%m} was never billed here: relief is taken off issued bills.")
    day = timezone.localtime(run.started_at).date()
    return _Law(tariffs.book_of(run.policy_version_id), granted or run.relief_version_id, day)


def _book(law: _Law) -> ReliefBook:
    prices = tariffs.current_book()
    return queries.book_of(law.version_id, prices) if law.version_id else queries.book_in_force(prices)


def _asked(
    link: Link, point: int, month: date, sequence: int, law: _Law, book: ReliefBook
) -> Why:  # fmt: skip
    bills = issued.issued_bills(link, period=month, low=point, high=point, sequence=sequence)
    if bills.is_empty():
        raise UnknownBillError(
            f"The supply point has no bill for {month:%Y-%m}: nothing was there to relieve."
        )
    lines = issued.issued_lines(link, period=month, low=point, high=point, sequence=sequence)
    places = customers.places_of_points(link, low=point, high=point).select("point", area="commune")
    facts = places.join(bulk.uses_on(link, days=last_days(bills)), on="point", how="left")
    evidence, known = bulk.evidence(link), pa.array(list(book.lists), pa.string())
    return why(
        law.prices, book, usage_of_lines(bills.to_arrow(), lines.to_arrow()), terms_of_bills(link, bills),
        facts.select(FACTS.names).cast({"area": pl.String}).to_arrow(),
        evidence.filter(pa.compute.is_in(evidence["list"], known)), point=point, bill_month=month,
        invoice_date=law.invoice_date,
    )  # fmt: skip
