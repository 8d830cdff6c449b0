"""Partitions of readings, made in a short transaction of their own."""

from __future__ import annotations

from datetime import date

from django.db import connection


def ensure_months(first: date, last: date) -> None:
    """Make the partitions for the months of `first` to `last`, where missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT metering_ensure_months(%s, %s)", [first, last])
