"""One month of some points of one reading book derived again, set against what stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from thapsang.domain.billing.bulk.comparing import Compared, compare
from thapsang.domain.billing.bulk.computing import compute
from thapsang.domain.billing.bulk.standing import standing
from thapsang.domain.billing.queries.runs import run as run_of
from thapsang.domain.billing.types import BillingError, PeriodError
from thapsang.domain.tariffs import queries as tariffs
from thapsang.domain.tariffs.queries import UnreadablePolicyVersionError
from thapsang.engines.rating import Reference, TariffBook
from thapsang.kit.bulk.copy import Link


@dataclass(frozen=True)
class Looked:
    """A month and book looked at: what was compared, and the policy version that rated it."""

    period: date
    book_id: int
    version: int
    run_id: int
    compared: Compared

    @property
    def key(self) -> str:
        """The name of this unit among a correction's digests."""
        return unit_key(self.period, self.book_id)


def unit_key(period: date, book_id: int) -> str:
    """Return the name of a month and book among a correction's digests: 2026-10:17."""
    return f"{period:%Y-%m}:{book_id}"


def derive(
    link: Link, *, period: date, book_id: int, reading_day: int, points: pl.Series, version: int | None
) -> Looked:
    """Derive a month of some points of one book again and compare it with what stands; writes nothing.

    `version` is the policy version to rate with, None for the run's own. Raises PeriodError when the month was
    never billed, BillingError when the version cannot be read by this release.
    """
    run = run_of(period=period)
    if run is None:
        raise PeriodError(
            f"{period:%Y-%m} was never billed: there is nothing to correct. Leave the month out."
        )
    rating = version or run.policy_version_id
    book = _book(rating, period)
    computed = compute(link, book=book, period=period, books={reading_day: [book_id]})
    stands = standing(link, period=period, points=points)
    others = set(stands.bills["version"].unique().to_list()) - {rating}
    found = compare(
        points=points, computed=computed, standing=stands, version=rating,
        references={other: _translated(other, book) for other in others},
    )  # fmt: skip
    return Looked(period, book_id, rating, run.id, found)


def _book(version: int, period: date) -> TariffBook:
    try:
        return tariffs.book_of(version)
    except UnreadablePolicyVersionError as error:
        raise BillingError(
            f"{period:%Y-%m}: {error} Or derive it by today's tariffs: `--tariff current`."
        ) from error


def _translated(version: int, book: TariffBook) -> dict[int, int]:
    """Return the references of a version in the numbers of a book that cites the same law; others are left out."""
    try:
        told = tariffs.book_of(version).references
    except UnreadablePolicyVersionError:
        return {}
    exact = {_law(item): item.number for item in _last_first(book.references)}
    loose = {_law(item)[:2]: item.number for item in _last_first(book.references)}
    found = {item.number: exact.get(_law(item)) or loose.get(_law(item)[:2]) for item in told}
    return {number: there for number, there in found.items() if there}


def _last_first(references: Iterable[Reference]) -> list[Reference]:
    return sorted(references, key=lambda item: -item.number)


def _law(item: Reference) -> tuple[str, str, str]:
    return item.code, item.article, item.doubt
