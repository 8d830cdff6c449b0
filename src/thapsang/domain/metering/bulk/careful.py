"""The careful path of `period_usage`: meters replaced, move-ins, interim readings, readings a day off."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from thapsang.domain.metering.bulk import shapes
from thapsang.domain.metering.operations import fetching
from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.types import BookPeriod, ReadingPolicy, dial_use_column
from thapsang.kit.bulk.copy import Link, fetch

_SUPPLIED = """
SELECT DISTINCT a.supply_point_id AS point FROM odd_point o
JOIN customers_supplyagreement a ON a.supply_point_id = o.point
JOIN customers_supplypoint p ON p.id = o.point AND p.status = 'active'
WHERE a.start < '{end}' AND (a."end" IS NULL OR a."end" > '{start}')
"""

_EVENT = [
    "point",
    "installation",
    "register",
    "kind",
    "digits",
    "multiplier",
    "read_on",
    "nominal",
    "value",
    "estimated",
]


def usage(
    link: Link, rows: pl.DataFrame, dates: BookPeriod, policy: ReadingPolicy
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return usage and issues of the points that are not plain (rows as the boundary query gives them)."""
    metered = rows.filter(pl.col("register").is_not_null())
    bare = rows.filter(pl.col("register").is_null()).unique("point")
    bare = bare.filter(~pl.col("point").is_in(metered["point"].implode()))
    registers = _spans(metered, dates)
    found = _readings(link, registers, dates, policy)
    first = _boundary(registers, found, "lower", "at_start", policy)
    last = _boundary(registers, found, "upper", "at_end", policy)
    cuts = _cuts(registers, found)
    counted = _count(pl.concat([first, cuts, last]), cuts, policy)
    issues = pl.concat(
        [_without_meter(link, bare, dates), _missing(registers, first, "lower"),
         _missing(registers, last, "upper"), _backwards(counted)]
    ).unique("point", keep="first", maintain_order=True)  # fmt: skip
    good = counted.filter(~pl.col("point").is_in(issues["point"].implode()))
    return shapes.sum_registers(good), issues


def _spans(metered: pl.DataFrame, dates: BookPeriod) -> pl.DataFrame:
    """Add each register's own part of the period [lower, upper)."""
    return metered.with_columns(
        lower=pl.max_horizontal("start", pl.lit(dates.start)),
        upper=pl.min_horizontal(pl.col("finish").fill_null(dates.end), pl.lit(dates.end)),
        at_start=pl.col("start").is_null(),
        at_end=pl.col("finish").is_null(),
    ).select(
        "point",
        "installation",
        "register",
        "kind",
        "digits",
        "multiplier",
        "lower",
        "upper",
        "at_start",
        "at_end",
    )


def _readings(link: Link, registers: pl.DataFrame, dates: BookPeriod, policy: ReadingPolicy) -> pl.DataFrame:
    slack = timedelta(days=policy.tolerance_days)
    days = fetching.between(dates.start - slack, dates.end + slack)
    found = fetching.readings_of(link, registers["register"].unique(), days)
    return found.with_columns(estimated=pl.col("quality") == "E")


def _boundary(
    registers: pl.DataFrame, found: pl.DataFrame, edge: str, regular: str, policy: ReadingPolicy
) -> pl.DataFrame:
    """Return the reading that stands for each register's boundary.

    A regular boundary takes the nearest reading within the tolerance (the earlier of two equally near), so
    the period before and the period after choose the same one; an opening or closing must be on its day.
    """
    away = (pl.col("read_on") - pl.col(edge)).dt.total_days().abs()
    allowed = pl.when(regular).then(policy.tolerance_days).otherwise(0)
    near = registers.join(found, on="register").with_columns(away=away).filter(pl.col("away") <= allowed)
    nearest = near.sort("register", "away", "read_on").unique("register", keep="first", maintain_order=True)
    return nearest.with_columns(nominal=pl.col(edge)).select(_EVENT)


def _cuts(registers: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return interim readings that split a period: those every register of the meter has for that day."""
    inside = (pl.col("read_on") > pl.col("lower")) & (pl.col("read_on") < pl.col("upper"))
    cuts = registers.join(found.filter("price"), on="register").filter(inside)
    count = registers.group_by("installation").agg(registers=pl.len())
    whole = cuts.group_by("installation", "read_on").agg(have=pl.len()).join(count, on="installation")
    whole = whole.filter(pl.col("have") == pl.col("registers")).select("installation", "read_on")
    return (
        cuts.join(whole, on=["installation", "read_on"])
        .with_columns(nominal=pl.col("read_on"))
        .select(_EVENT)
    )


def _count(events: pl.DataFrame, cuts: pl.DataFrame, policy: ReadingPolicy) -> pl.DataFrame:
    """Turn each register's readings in order into what it counted between them, with the segment's number."""
    ordered = events.sort("register", "nominal").with_columns(
        before=pl.col("value").shift(1).over("register"), start=pl.col("nominal").shift(1).over("register")
    )
    stretches = ordered.filter(pl.col("start").is_not_null()).rename({"nominal": "end"})
    days = cuts.select("point", cut="nominal").unique()
    passed = (
        stretches.select("point", "start").unique().join(days, on="point")
        .group_by("point", "start").agg(segment=(pl.col("cut") <= pl.col("start")).sum())
    )  # fmt: skip
    use = dial_use_column(pl.col("before"), pl.col("value"), pl.col("digits"), policy.dial_share)
    return stretches.join(passed, on=["point", "start"], how="left").with_columns(
        segment=pl.col("segment").fill_null(0).cast(pl.Int16), use=use * pl.col("multiplier")
    )


def _without_meter(link: Link, bare: pl.DataFrame, dates: BookPeriod) -> pl.DataFrame:
    if bare.is_empty():
        return shapes.empty_issues()
    stage(link, "odd_point", bare.select("point"))
    names = {"start": f"{dates.start:%Y-%m-%d}", "end": f"{dates.end:%Y-%m-%d}"}
    supplied = pl.DataFrame(fetch(link, _SUPPLIED.format(**names)), schema={"point": pl.Int64})
    code = pl.when(pl.col("installation") == 0).then(pl.lit("no-meter")).otherwise(pl.lit("no-register"))
    return bare.join(supplied, on="point").select("point", code=code, detail=pl.lit("{}"))


def _kind() -> pl.Expr:
    return pl.col("kind").replace_strict(shapes.KIND_NAMES, return_dtype=pl.String)


def _missing(registers: pl.DataFrame, have: pl.DataFrame, edge: str) -> pl.DataFrame:
    lacking = registers.join(have.select("register"), on="register", how="anti")
    which = "start" if edge == "lower" else "end"
    detail = pl.struct(register=_kind(), date=pl.col(edge).dt.to_string(), boundary=pl.lit(which))
    return lacking.select("point", code=pl.lit("missing-reading"), detail=detail.struct.json_encode())


def _backwards(counted: pl.DataFrame) -> pl.DataFrame:
    back = counted.filter(pl.col("use").is_null())
    detail = pl.struct(
        register=_kind(), date=pl.col("read_on").dt.to_string(), before="before", after="value"
    )
    return back.select("point", code=pl.lit("backwards"), detail=detail.struct.json_encode())
