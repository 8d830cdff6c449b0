"""A billed month for invoices: a few points, or thousands by SQL."""

from __future__ import annotations

from typing import Any

from django.db import connection

from tests.factories import billing as world
from thapsang.journeys import run_billing

OCTOBER = world.OCTOBER


def billed(*, books: int = 2, points: int = 3) -> world.World:
    """Bill October for books of points with 0, 57, 114 … kWh."""
    made = world.small_world(books=books, points=points)
    run_billing.start(period=OCTOBER, workers=1, at=world.AT)
    return made


def billed_big(*, books: int = 20, points: int = 2_000) -> int:
    """Bill October for many points; return how many bills have an amount."""
    world.big_world(books=books, points=points)
    run_billing.start(period=OCTOBER, workers=1, at=world.AT)
    return int(one("SELECT count(*) FROM billing_bill WHERE net <> 0"))


def one(query: str, *values: Any) -> Any:
    """Return the first value of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchone()[0]


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())
