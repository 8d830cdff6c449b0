"""The tables `period_usage` gives, and the sum from registers to points."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

TOTAL, NORMAL, PEAK, OFFPEAK, REACTIVE = range(5)
KIND_NAMES = {TOTAL: "total", NORMAL: "normal", PEAK: "peak", OFFPEAK: "offpeak", REACTIVE: "reactive"}

USAGE = {
    "point": pl.Int64, "segment": pl.Int16, "start": pl.Date, "end": pl.Date, "kwh": pl.Int64,
    "kwh_normal": pl.Int64, "kwh_peak": pl.Int64, "kwh_offpeak": pl.Int64, "banded": pl.Boolean,
    "kvarh": pl.Int64, "estimated": pl.Boolean,
}  # fmt: skip
ISSUES = {"point": pl.Int64, "code": pl.String, "detail": pl.String}
_ARROW = {
    pl.Int64: pa.int64(),
    pl.Int16: pa.int16(),
    pl.Date: pa.date32(),
    pl.Boolean: pa.bool_(),
    pl.String: pa.string(),
}


def empty_usage() -> pl.DataFrame:
    """Return the usage table without rows."""
    return pl.DataFrame(schema=USAGE)


def empty_issues() -> pl.DataFrame:
    """Return the issues table without rows."""
    return pl.DataFrame(schema=ISSUES)


def usage_to_arrow(usage: pl.DataFrame) -> pa.Table:
    """Turn usage into Arrow with the promised types, ordered by point and segment."""
    return _to_arrow(usage.sort("point", "segment"), USAGE)


def issues_to_arrow(issues: pl.DataFrame) -> pa.Table:
    """Turn issues into Arrow with the promised types, ordered by point."""
    return _to_arrow(issues.sort("point"), ISSUES)


def _to_arrow(frame: pl.DataFrame, shape: dict[str, type[pl.DataType]]) -> pa.Table:
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in shape.items()])
    return frame.select(list(shape)).to_arrow().cast(schema)


def _of(kind: int) -> pl.Expr:
    return pl.col("use").filter(pl.col("kind") == kind).sum()


def sum_registers(counted: pl.DataFrame) -> pl.DataFrame:
    """Sum registers to points: columns point, installation, segment, start, end, kind, use, estimated.

    A meter with band registers counts by them, and its total register is only a check. Where a single-rate
    meter and a three-rate one hung in the same stretch, the single-rate kWh count as normal hours.
    """
    by_meter = counted.group_by("point", "segment", "installation").agg(
        pl.col("start").min(), pl.col("end").max(),
        total=_of(TOTAL), normal=_of(NORMAL), peak=_of(PEAK), offpeak=_of(OFFPEAK), kvarh=_of(REACTIVE),
        bands=pl.col("kind").is_in([NORMAL, PEAK, OFFPEAK]).any(),
        estimated=pl.col("estimated").any(),
    )  # fmt: skip
    single = pl.when("bands").then(0).otherwise(pl.col("total"))
    by_point = by_meter.group_by("point", "segment").agg(
        pl.col("start").min(), pl.col("end").max(), single=single.sum(),
        normal=pl.col("normal").sum(), kwh_peak=pl.col("peak").sum(), kwh_offpeak=pl.col("offpeak").sum(),
        banded=pl.col("bands").any(), kvarh=pl.col("kvarh").sum(), estimated=pl.col("estimated").any(),
    )  # fmt: skip
    in_bands = pl.when("banded").then(pl.col("normal") + pl.col("single")).otherwise(0)
    return by_point.select(
        "point", pl.col("segment").cast(pl.Int16), "start", "end",
        kwh=pl.col("single") + pl.col("normal") + pl.col("kwh_peak") + pl.col("kwh_offpeak"),
        kwh_normal=in_bands, kwh_peak="kwh_peak", kwh_offpeak="kwh_offpeak",
        banded="banded", kvarh="kvarh", estimated="estimated",
    )  # fmt: skip


def only_total(counted: pl.DataFrame) -> pl.DataFrame:
    """Return what `sum_registers` returns, for points with one row each, all of a total register."""
    none = pl.lit(0, pl.Int64)
    return counted.select(
        "point", "segment", "start", "end", kwh="use", kwh_normal=none, kwh_peak=none, kwh_offpeak=none,
        banded=pl.lit(value=False), kvarh=none, estimated="estimated",
    )  # fmt: skip


def in_order(many: pl.DataFrame, few: pl.DataFrame) -> pl.DataFrame:
    """Return both usage tables as one, in order of point; `many` is in order already."""
    return many.merge_sorted(few.sort("point", "segment"), key="point")
