"""Partitions of readings."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


def ensure_months(link: Connection, first: date, last: date) -> int:
    """Make the partitions for the months of `first` to `last` where missing; return how many were made.

    The caller commits. Two callers at once are safe: the second waits for the first to commit.
    """
    rows = fetch(link, f"SELECT metering_ensure_months('{first:%Y-%m-%d}', '{last:%Y-%m-%d}') AS made")
    return int(rows.column("made")[0].as_py())
