"""Agreements that have their final bill: the month's run bills who comes after them, and nothing twice."""

from __future__ import annotations

from datetime import date

import polars as pl

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import Link, fetch

_ENDED = """
SELECT bill_id % {factor} / 10 AS point, agreement_id, ended_on AS ended FROM billing_finalbill
WHERE bill_id BETWEEN {low} AND {high}
"""
_SHAPE = {"point": pl.Int64, "agreement_id": pl.Int64, "ended": pl.Date}


def ended_agreements(link: Link, *, period: date) -> pl.DataFrame:
    """Return point, agreement_id and `ended` (first day without it) of a month's final bills."""
    low = yymm(period) * PERIOD_FACTOR
    found = fetch(link, _ENDED.format(factor=PERIOD_FACTOR, low=low, high=low + PERIOD_FACTOR - 1))
    return pl.DataFrame(found, schema=_SHAPE)


def without_ended(
    usage: pl.DataFrame, terms: pl.DataFrame, ended: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out the terms of agreements that have their final bill, and what was used up to the day they ended.

    Usage is left out by whole segments, which the reading of that day made; days before the next agreement without
    any use go too. `usage` and `terms` keep their order.
    """
    if ended.is_empty():
        return usage, terms
    last = ended.group_by("point").agg(pl.col("ended").max())
    terms = terms.join(ended, on=["point", "agreement_id"], how="anti", maintain_order="left")
    begins = terms.group_by("point").agg(begins=pl.col("start").min())
    found = usage.join(last, on="point", how="left", maintain_order="left")
    found = found.join(begins, on="point", how="left", maintain_order="left")
    idle = (pl.col("kwh") == 0) & (pl.col("kvarh") == 0) & (pl.col("end") <= pl.col("begins"))
    gone = pl.col("ended").is_not_null() & ((pl.col("end") <= pl.col("ended")) | idle.fill_null(value=False))
    left = found.filter(~gone)
    first = pl.col("segment") - pl.col("segment").min().over("point")
    segment = pl.when(pl.col("ended").is_not_null()).then(first).otherwise("segment").cast(pl.Int16)
    return left.with_columns(segment=segment).select(usage.columns), terms
