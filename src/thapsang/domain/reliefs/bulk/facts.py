"""Uses and evidence as the relief engine takes them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.engines.relief import EVIDENCE
from thapsang.kit.bulk.copy import Link, fetch


def uses(link: Link, *, on: date) -> pl.DataFrame:
    """Return `point` and `use` of all premises with a use on a day, one row a point, in order of point."""
    sql = (
        "SELECT DISTINCT ON (supply_point_id) supply_point_id AS point, use FROM reliefs_premisesuse "  # noqa: S608
        f"WHERE start <= '{on:%Y-%m-%d}' AND (\"end\" IS NULL OR \"end\" > '{on:%Y-%m-%d}') "
        "ORDER BY supply_point_id, start DESC"
    )
    return pl.DataFrame(fetch(link, sql), schema={"point": pl.Int64, "use": pl.String})


def evidence(link: Link) -> pa.Table:
    """Return all evidence as a table of EVIDENCE; areas are communes' codes."""
    sql = (
        "SELECT code AS list, supply_point_id AS point, nullif(area, '') AS area, start, \"end\" "
        "FROM reliefs_evidence ORDER BY id"
    )
    return fetch(link, sql).cast(EVIDENCE)
