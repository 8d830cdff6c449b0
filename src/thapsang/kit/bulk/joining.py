"""Joins on numbers that lie close together: by place in an array instead of by hash."""

from __future__ import annotations

import numpy as np
import polars as pl

_SPREAD = 8
"""Up to this many numbers for each row, a place for every number costs less than a hash table."""
_WIDE = 64
"""The same where a place is one byte that tells whether the number is there."""


def is_ascending(numbers: pl.Series) -> bool:
    """Tell whether whole numbers rise strictly, none missing: then rows are in order and distinct."""
    if numbers.null_count():
        return False
    values = numbers.to_numpy()
    return bool((values[1:] > values[:-1]).all())


def among(numbers: pl.Series, few: pl.Series) -> pl.Series:
    """Tell which of some whole numbers, none missing, are among others."""
    asked, wanted = numbers.to_numpy(), few.to_numpy()
    if not len(wanted):
        return pl.repeat(False, len(asked), eager=True)
    low, high = int(wanted.min()), int(wanted.max())
    if high - low > _WIDE * len(wanted) + 1000:
        return pl.Series(np.isin(asked, wanted))
    # One place before and one behind the range take the numbers outside it.
    there = np.zeros(high - low + 3, np.bool_)
    there[wanted - (low - 1)] = True
    return pl.Series(there[np.clip(asked, low - 1, high + 1) - (low - 1)])


def beside(left: pl.DataFrame, right: pl.DataFrame, *, on: str) -> pl.DataFrame:
    """Return the left join of two tables on a column of positive whole numbers, in order of `left`.

    Where a number occurs twice in `right`, the row of `left` occurs twice; where it does not occur, the columns
    of `right` are null.
    """
    numbers = right[on]
    if left.is_empty() or right.is_empty() or numbers.null_count():
        return left.join(right, on=on, how="left", maintain_order="left_right")
    low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]  # integers by construction
    if high - low > _SPREAD * right.height + 1000:
        return left.join(right, on=on, how="left", maintain_order="left_right")
    wanted = left[on].fill_null(low - 1).to_numpy()
    if right.height == left.height and bool((numbers.to_numpy() == wanted).all()) and is_ascending(numbers):
        return left.hstack(right.drop(on))
    return _by_place(left, right if numbers.is_sorted() else right.sort(on), on, wanted, low, high)


def _by_place(
    left: pl.DataFrame, right: pl.DataFrame, on: str, wanted: np.ndarray, low: int, high: int
) -> pl.DataFrame:
    # One place before and one behind the range take the numbers outside it, which occur in no row.
    counts = np.bincount(right[on].to_numpy() - (low - 1), minlength=high - low + 3)
    starts = np.cumsum(counts) - counts
    place = np.clip(wanted, low - 1, high + 1) - (low - 1)
    count, start = counts[place], starts[place]
    if bool((count == 1).all()):
        return left.hstack(right.drop(on)[start])
    times = np.maximum(count, 1)
    rows = np.repeat(np.arange(left.height), times)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    found = pl.Series(start[rows] + step)
    found = found.set(pl.Series(count[rows] == 0), None)
    return left[rows].hstack(right.drop(on).select(pl.all().gather(found)))
