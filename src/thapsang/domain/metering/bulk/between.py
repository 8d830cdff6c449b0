"""Consumption of a few points between two days that are no month: up to the day a customer leaves."""

from __future__ import annotations

import polars as pl

from thapsang.domain.metering.bulk.usage import _usage_of
from thapsang.domain.metering.types import BookPeriod
from thapsang.kit.bulk.copy import Link


def usage_between(
    link: Link, *, points: pl.DataFrame, dates: BookPeriod
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what `usage_of_points` returns, for the days [start, end) instead of a book's month.

    `points`: point, book_id, in order of point. Both days need a reading, as a month's do.
    """
    books = points["book_id"].unique().to_list()
    return _usage_of(link, points.select("point"), books, dates)
