"""A missing reading whose estimate a storm holds back is told as such, not as any missing reading."""

from __future__ import annotations

from datetime import date

import polars as pl

from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.queries.darkness import held_points, storms_known
from thapsang.domain.metering.types import BookPeriod
from thapsang.kit.bulk.copy import Link, fetch

HELD = "storm-estimate-held"
_KNOWN = ("register", "date", "boundary")
_NAMES = """
SELECT s.id AS storm_id, s.name FROM metering_storm s WHERE s.id IN ({storms})
"""


def told(link: Link, issues: pl.DataFrame, dates: BookPeriod) -> pl.DataFrame:
    """Return the issues of a period, those of points under storm mode with the code HELD and the storm's name."""
    missing = issues.filter(pl.col("code") == "missing-reading")
    if missing.is_empty() or not storms_known(link):
        return issues
    for closing in (dates.start, dates.end):
        due = pl.col("detail").str.json_path_match("$.date") == closing.isoformat()
        issues = _held(link, issues, (pl.col("code") == "missing-reading") & due, closing)
    return issues


def _held(link: Link, issues: pl.DataFrame, due: pl.Expr, closing: date) -> pl.DataFrame:
    asked = issues.filter(due).select("point").unique()
    if asked.is_empty():
        return issues
    stage(link, "storm_asked", asked)
    held = held_points(link, closing=closing, among="storm_asked")
    if held.is_empty():
        return issues
    storms = ",".join(str(int(number)) for number in held["storm_id"].unique())
    names = pl.DataFrame(fetch(link, _NAMES.format(storms=storms)))
    rows = issues.join(held.join(names, on="storm_id"), on="point", how="left", maintain_order="left")
    known = [pl.col("detail").str.json_path_match(f"$.{name}").alias(name) for name in _KNOWN]
    awaited = pl.when("anew").then(pl.lit("read-anew")).otherwise(pl.lit("storm-lasts"))
    detail = pl.struct(*known, storm="name", storm_id="storm_id", waits_for=awaited).struct.json_encode()
    mine = due & pl.col("storm_id").is_not_null()
    return rows.select(
        "point", code=pl.when(mine).then(pl.lit(HELD)).otherwise(pl.col("code")),
        detail=pl.when(mine).then(detail).otherwise(pl.col("detail")),
    )  # fmt: skip
