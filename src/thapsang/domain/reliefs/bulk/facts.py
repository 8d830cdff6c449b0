"""Uses and evidence as the relief engine takes them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.engines.relief import EVIDENCE
from thapsang.kit.bulk.copy import Link, fetch

LAST_POINT = 10**9 - 1
NO_EVIDENCE = EVIDENCE.empty_table()


def uses(link: Link, *, on: date, low: int = 0, high: int = LAST_POINT) -> pl.DataFrame:
    """Return `point` and `use` of premises, points `low` to `high`, one row each, in order.

    `on` is the last day of a month, and the month's bills are meant: of a point whose book is read inside the month,
    the use on the last day its bill covers counts, the day before the reading.
    """
    sql = (
        "SELECT DISTINCT ON (u.supply_point_id) u.supply_point_id AS point, u.use FROM reliefs_premisesuse u "  # noqa: S608
        "JOIN customers_supplypoint p ON p.id = u.supply_point_id JOIN network_readingbook b ON b.id = p.book_id, "
        "LATERAL (SELECT CASE WHEN b.reading_day = 1 THEN m.last ELSE date_trunc('month', m.last)::date "
        f"+ b.reading_day - 2 END AS day FROM (SELECT '{on:%Y-%m-%d}'::date AS last) m) billed "
        'WHERE u.start <= billed.day AND (u."end" IS NULL OR u."end" > billed.day) '
        f"AND u.supply_point_id BETWEEN {int(low)} AND {int(high)} "
        "ORDER BY u.supply_point_id, u.start DESC"
    )
    return pl.DataFrame(fetch(link, sql), schema={"point": pl.Int64, "use": pl.String})


def uses_on(link: Link, *, days: pl.DataFrame) -> pl.DataFrame:
    """Return `point` and `use` of premises on each point's own day, one row each, in order; `days`: point, day.

    For bills at hand: the day is the last one a bill covers, for a final bill that of the agreement.
    """
    nobody = pl.DataFrame(schema={"point": pl.Int64, "use": pl.String})
    if days.is_empty():
        return nobody
    low, high = (int(getattr(days["point"], end)()) for end in ("min", "max"))
    first, last = (getattr(days["day"], end)() for end in ("min", "max"))
    sql = (
        'SELECT supply_point_id AS point, use, start, "end" FROM reliefs_premisesuse '  # noqa: S608 - our own values
        f"WHERE start <= '{last:%Y-%m-%d}' AND (\"end\" IS NULL OR \"end\" > '{first:%Y-%m-%d}') "
        f"AND supply_point_id BETWEEN {low} AND {high} ORDER BY supply_point_id, start"
    )
    found = pl.DataFrame(fetch(link, sql))
    if found.is_empty():
        return nobody
    there = found.join(days.select("point", "day"), on="point", how="inner").filter(
        (pl.col("start") <= pl.col("day")) & (pl.col("end").is_null() | (pl.col("end") > pl.col("day")))
    )
    of_day = there.sort("point", "start").unique("point", keep="last", maintain_order=True)
    return of_day.select("point", pl.col("use").cast(pl.String))


def evidence(link: Link, *, low: int = 0, high: int = LAST_POINT) -> pa.Table:
    """Return the evidence of areas and of points `low` to `high` as EVIDENCE; areas are communes' codes."""
    sql = (
        "SELECT code::text AS list, supply_point_id AS point, nullif(area, '')::text AS area, start, \"end\" "  # noqa: S608
        f"FROM reliefs_evidence WHERE supply_point_id BETWEEN {int(low)} AND {int(high)} "
        "OR supply_point_id IS NULL ORDER BY id"
    )
    return fetch(link, sql).cast(EVIDENCE)
