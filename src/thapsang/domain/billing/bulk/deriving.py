"""One month of some points of one reading book derived again, set against what stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from thapsang.domain.billing.bulk.comparing import Compared, compare
from thapsang.domain.billing.bulk.computing import Computed, compute
from thapsang.domain.billing.bulk.finals import compute_finals, finals_of_points
from thapsang.domain.billing.bulk.relieving import of_run, relieve
from thapsang.domain.billing.bulk.standing import standing
from thapsang.domain.billing.queries.runs import run as run_of
from thapsang.domain.billing.types import BillingError, PeriodError
from thapsang.domain.tariffs import queries as tariffs
from thapsang.domain.tariffs.queries import UnreadablePolicyVersionError
from thapsang.engines.rating import Reference, TariffBook
from thapsang.kit.bulk.copy import Link


@dataclass(frozen=True)
class Looked:
    """A month and book looked at: what was compared, and the policy version that rated it.

    `sequence` is 0 for the regular bills, else that of the final bills looked at.
    """

    period: date
    book_id: int
    version: int
    run_id: int
    compared: Compared
    sequence: int = 0

    @property
    def key(self) -> str:
        """The name of this unit among a correction's digests."""
        return unit_key(self.period, self.book_id, self.sequence)


def unit_key(period: date, book_id: int, sequence: int = 0) -> str:
    """Return the name of a unit among a correction's digests: 2026-10:17, and :1 for final bills of that sequence."""
    return f"{period:%Y-%m}:{book_id}" + (f":{sequence}" if sequence else "")


def derive(
    link: Link,
    *,
    period: date,
    book_id: int,
    reading_day: int,
    points: pl.Series,
    version: int | None,
    sequence: int = 0,
) -> Looked:
    """Derive a month of some points of one book again and compare it with what stands; writes nothing.

    `version` is the policy version to rate with, None for the run's, or the final bill's, own. `sequence` is 0 for
    regular bills, else that of final bills. Reliefs are taken off anew by the version each bill keeps. Raises
    PeriodError when the month was never billed, BillingError when the version cannot be read by this release.
    """
    if sequence:
        return _finals(link, period, book_id, points, version, sequence)
    run = run_of(period=period)
    if run is None:
        raise PeriodError(
            f"{period:%Y-%m} was never billed: there is nothing to correct. Leave the month out."
        )
    rating = version or run.policy_version_id
    book = _book(rating, period)
    computed = compute(link, book=book, period=period, books={reading_day: [book_id]})
    law = of_run(run, book)
    computed = relieve(link, computed, law, again=True) if law else computed
    points = _not_only_final(link, period, points, computed)
    return Looked(
        period, book_id, rating, run.id, _set_against(link, period, points, computed, book, rating, 0)
    )


def _not_only_final(link: Link, period: date, points: pl.Series, computed: Computed) -> pl.Series:
    """Leave out points that have a final bill and nobody after it: they have no regular bill to correct."""
    left = finals_of_points(link, period=period, points=points)["point"]
    idle = left.filter(~left.is_in(pl.Series(computed.rated.bills["point"]).implode()))
    return points.filter(~points.is_in(idle.implode()))


def _finals(
    link: Link, period: date, book_id: int, points: pl.Series, version: int | None, sequence: int
) -> Looked:
    """Derive final bills of one sequence again, by the tariffs of the first of them unless others are asked for."""
    finals = finals_of_points(link, period=period, points=points).filter(pl.col("sequence") == sequence)
    if finals.is_empty():
        raise PeriodError(f"{period:%Y-%m}: these supply points have no final bill {sequence}: preview anew.")
    rating = version or int(finals["policy_version"][0])
    book = _book(rating, period)
    computed = compute_finals(
        link, finals=finals, books=dict.fromkeys(finals["point"].to_list(), book_id), book=book
    )
    found = _set_against(link, period, finals["point"], computed, book, rating, sequence)
    return Looked(period, book_id, rating, 0, found, sequence)


def _set_against(
    link: Link,
    period: date,
    points: pl.Series,
    computed: Computed,
    book: TariffBook,
    rating: int,
    sequence: int,
) -> Compared:
    stands = standing(link, period=period, points=points, sequence=sequence)
    others = set(stands.bills["version"].unique().to_list()) - {rating}
    return compare(
        points=points, computed=computed, standing=stands, version=rating, sequence=sequence,
        references={other: _translated(other, book) for other in others},
    )  # fmt: skip


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
