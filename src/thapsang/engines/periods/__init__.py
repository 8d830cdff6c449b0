"""Half-open dates and calendar months.

A period is [start, end): the end is the first day that no longer belongs to it. In columns a day is
its number since 1970-01-01 (Arrow's date32), so a difference is a number of days.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

EPOCH = date(1970, 1, 1)
LAST_DAY = 2**31 - 1
"""The day number that stands for "no end"."""

_FIRST_YEAR, _LAST_YEAR = 1990, 2200


def day_number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(number))


def days_in_month(days: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return for each day number the calendar days of its month (28 … 31).

    Days outside 1990 … 2200 are answered as the nearest month inside: no price is known there, so
    the rating engine refuses such a point before this number matters.
    """
    table, first = _month_lengths()
    return table.take(np.subtract(days, first, dtype=np.int64), mode="clip")


@lru_cache(maxsize=1)
def _month_lengths() -> tuple[npt.NDArray[np.int64], int]:
    lengths = [
        calendar.monthrange(year, month)[1]
        for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
        for month in range(1, 13)
    ]
    return np.repeat(lengths, lengths).astype(np.int64), day_number(date(_FIRST_YEAR, 1, 1))
