"""Estimating what a storm's books may have estimated: books by books, each step committed, told as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from thapsang.domain.metering.operations.estimating import estimate_missing
from thapsang.domain.metering.queries import books_in_storm

BOOKS = 50
"""Books estimated at a time: a few seconds' work, so that a page sees it move."""


@dataclass(frozen=True)
class Released:
    """How far a storm's estimates are; `left` counts registers without the history an estimate needs."""

    books: int
    done: int
    points: int
    left: int

    @property
    def percent(self) -> int:
        """Share of the books that are done."""
        return 100 * self.done // self.books if self.books else 100


def estimate_released(
    *, storm_id: int, period: date, today: date, progress: Callable[[Released], None] | None = None
) -> Released:
    """Estimate the released points of a month in the books of one storm, and return what came of it.

    What is done stays when it stops; started again it goes on with what is left. Raises
    ImportInsideTransactionError inside a transaction, since it commits on its own.
    """
    rows = books_in_storm(storm_id=storm_id, today=today)
    codes = sorted(row.book for row in rows if row.period == period and row.released)
    now = Released(len(codes), 0, 0, 0)
    for place in range(0, len(codes), BOOKS):
        part = codes[place : place + BOOKS]
        made = estimate_missing(period=period, book_codes=part)
        now = Released(
            now.books, now.done + len(part), now.points + made.points, now.left + len(made.not_estimated)
        )
        if progress:
            progress(now)
    return now
