"""The use of many points over two years, for what is printed beside their bills.

Nearly every point has one meter and readings on the boundary days only: those are counted together, two statements
for all. The others are counted one by one, as the portal does, from the same rows.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

import polars as pl
from django.conf import settings

from thapsang.domain.metering.operations import fetching
from thapsang.domain.metering.queries.points import MonthUsage, Timeline, dials_of
from thapsang.domain.metering.types import BANDS, book_period, dial_use_column, month_start, reading_policy
from thapsang.kit.bulk.copy import Link, fetch

_DIALS = """
SELECT i.supply_point_id AS point, r.id AS register, r.kind, r.digits, i.id AS installation, i.multiplier, i.start,
       i."end" AS finish
FROM metering_installation i JOIN metering_register r ON r.installation_id = i.id AND r.kind <> 'reactive'
WHERE i.supply_point_id {among} AND i.start < '{last}' AND (i."end" IS NULL OR i."end" > '{first}')
ORDER BY point, register
"""
_DIAL = {
    "point": pl.Int64, "register": pl.Int64, "kind": pl.String, "digits": pl.Int16, "installation": pl.Int64,
    "multiplier": pl.Int32, "start": pl.Date, "finish": pl.Date,
}  # fmt: skip
_TIMELINE = (
    "register",
    "kind",
    "digits",
    "installation",
    "multiplier",
    "start",
    "finish",
    "read_on",
    "value",
    "quality",
)


def usage_of_months(
    link: Link, *, points: pl.Series, day: int, period: date, months: int
) -> dict[int, list[MonthUsage]]:
    """Return by point the use of the `months` monthly periods up to that of `period`, the oldest first.

    `points`: distinct, of books read on `day`. Months without the readings to know are left out, as are points
    without any: what stands here is what `queries.monthly_usage` says of each.
    """
    if points.is_empty():
        return {}
    periods = [book_period(month_start(period, months=-back), day) for back in range(months - 1, -1, -1)]
    bounds = [periods[0].start, *[one.end for one in periods]]
    policy = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, bounds[-1])
    names = {"first": bounds[0].isoformat(), "last": bounds[-1].isoformat(), "among": _among(points)}
    dials = pl.DataFrame(fetch(link, _DIALS.format(**names)), schema=_DIAL)
    slack = timedelta(days=policy.tolerance_days)
    days = fetching.between(bounds[0] - slack, bounds[-1] + slack)
    readings = fetching.readings_of(link, dials["register"], days).drop("price").sort("register", "read_on")
    rows = readings.join(dials, on="register", how="inner", maintain_order="left").join(
        pl.DataFrame({"read_on": bounds, "number": range(len(bounds))}),
        on="read_on",
        how="left",
        maintain_order="left",
    )
    odd = _odd(dials, rows, bounds)
    plain = rows.filter(~pl.col("point").is_in(odd.implode()))
    found = _counted(plain, policy.dial_share, [month_start(period, months=k) for k in range(1 - months, 1)])
    return found | _one_by_one(
        rows.filter(pl.col("point").is_in(odd.implode())), day, bounds[-1], months, period
    )


def _among(points: pl.Series) -> str:
    if fetching.is_dense(points):
        return "BETWEEN {} AND {}".format(*fetching.bounds(points))
    return f"IN ({','.join(str(int(point)) for point in points)})"


def _odd(dials: pl.DataFrame, rows: pl.DataFrame, bounds: list[date]) -> pl.Series:
    """Return the points that had several meters, one that came or went within a month, or a reading on another day."""
    amid = (pl.col("start") > bounds[0]) & ~pl.col("start").is_in(bounds)
    several = pl.col("installation").n_unique().over("point") > 1
    meters = dials.filter(several | amid | pl.col("finish").is_not_null())["point"]
    return pl.concat([meters, rows.filter(pl.col("number").is_null())["point"]]).unique()


def _counted(rows: pl.DataFrame, share: float, months: list[date]) -> dict[int, list[MonthUsage]]:
    """Count registers between one boundary and the next; a month is known when all of a meter's are."""
    banded = pl.col("kind").is_in(BANDS)
    meters = rows.select("installation", "register", "kind").unique("register")
    bands = meters.filter(banded)["installation"].unique()
    rows = rows.filter(banded | ~pl.col("installation").is_in(bands.implode()))
    follows = (pl.col("register") == pl.col("register").shift(1)) & (
        pl.col("number") == pl.col("number").shift(1) + 1
    )
    used = rows.with_columns(
        use=pl.when(follows).then(
            dial_use_column(pl.col("value").shift(1), pl.col("value"), pl.col("digits"), share)
        )
    ).filter(pl.col("use").is_not_null())
    have = rows.group_by("point").agg(registers=pl.col("register").n_unique())
    counted = (
        used.group_by("point", "number")
        .agg((pl.col("use") * pl.col("multiplier")).sum(), counted=pl.len(), estimated=(pl.col("quality") == "E").any())
        .join(have, on="point").filter(pl.col("counted") == pl.col("registers")).sort("point", "number")
    )  # fmt: skip
    found: dict[int, list[MonthUsage]] = {}
    for point, number, kwh, estimated in counted.select("point", "number", "use", "estimated").iter_rows():
        found.setdefault(point, []).append(MonthUsage(months[number - 1], kwh, estimated))
    return found


def _one_by_one(
    rows: pl.DataFrame, day: int, until: date, months: int, period: date
) -> dict[int, list[MonthUsage]]:
    first = month_start(period, months=1 - months)
    placed = rows.select("point", pl.lit(day), *_TIMELINE).sort("point", "register", "read_on").iter_rows()
    found = {}
    for point, some in groupby(placed, key=itemgetter(0)):
        known = Timeline(day, dials_of([row[1:] for row in some])).months(count=months, until=until)
        found[point] = [one for one in known if one.month >= first]
    return found
