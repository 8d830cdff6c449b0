"""Partitions of readings: made in a short transaction of their own, filled one by one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
from django.db import connection

from thapsang.kit.bulk.copy import copy_rows

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


def ensure_months(first: date, last: date) -> None:
    """Make the partitions for the months of `first` to `last`, where missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT metering_ensure_months(%s, %s)", [first, last])


def copy_readings(link: Connection, rows: pl.DataFrame) -> int:
    """COPY readings (columns of the table) into their months; return how many.

    Into the partition, not the parent: PostgreSQL inserts row by row when a partitioned parent has statement
    triggers with transition tables. The guards stand on every partition.
    """
    months = rows.with_columns(month=pl.col("read_on").dt.strftime("%Y%m")).partition_by(
        "month", as_dict=True, include_key=False
    )
    return sum(copy_rows(link, f"metering_reading_{key[0]}", part.to_arrow()) for key, part in months.items())
