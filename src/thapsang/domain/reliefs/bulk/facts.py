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
    """Return `point` and `use` of premises with a use on a day, points `low` to `high`, one row each, in order."""
    sql = (
        "SELECT DISTINCT ON (supply_point_id) supply_point_id AS point, use FROM reliefs_premisesuse "  # noqa: S608
        f"WHERE start <= '{on:%Y-%m-%d}' AND (\"end\" IS NULL OR \"end\" > '{on:%Y-%m-%d}') "
        f"AND supply_point_id BETWEEN {int(low)} AND {int(high)} "
        "ORDER BY supply_point_id, start DESC"
    )
    return pl.DataFrame(fetch(link, sql), schema={"point": pl.Int64, "use": pl.String})


def evidence(link: Link, *, low: int = 0, high: int = LAST_POINT) -> pa.Table:
    """Return the evidence of areas and of points `low` to `high` as EVIDENCE; areas are communes' codes."""
    sql = (
        "SELECT code::text AS list, supply_point_id AS point, nullif(area, '')::text AS area, start, \"end\" "  # noqa: S608
        f"FROM reliefs_evidence WHERE supply_point_id BETWEEN {int(low)} AND {int(high)} "
        "OR supply_point_id IS NULL ORDER BY id"
    )
    return fetch(link, sql).cast(EVIDENCE)
