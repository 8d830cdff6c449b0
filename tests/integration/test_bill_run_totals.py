"""A run's totals by category: added up book by book, later bills included, as if read from the bills."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import metering as make
from tests.integration.test_adjusting_bills import _adjust as adjust
from tests.integration.test_close_supply import leave
from thapsang.domain.billing import queries
from thapsang.domain.billing.queries.runs import run_totals
from thapsang.domain.billing.types import CategoryTotal, bill_id
from thapsang.journeys import run_billing
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, AT = world.OCTOBER, world.AT


def bill() -> list[dict[str, Any]]:
    """Bill October; return the totals the run keeps."""
    run_billing.start(period=OCTOBER, workers=1, at=AT)
    run = queries.run(period=OCTOBER)
    assert run is not None and run.status == "finished"
    kept: list[dict[str, Any]] = run.totals["categories"]
    return kept


def as_read() -> list[CategoryTotal]:
    """Return the totals the bills themselves give."""
    return queries.category_totals(period=OCTOBER)


def counted() -> list[CategoryTotal]:
    run = queries.run(period=OCTOBER)
    assert run is not None
    return run_totals(run_id=run.id, period=OCTOBER)


def into_business(point: int) -> None:
    make.model("customers.AgreementTerm").objects.filter(agreement__supply_point_id=point).update(
        category="business"
    )


def test_books_of_several_categories_add_up() -> None:
    made = world.small_world(books=3, points=4)
    into_business(made.all_points[3])
    into_business(made.all_points[6])
    kept = bill()
    assert [row["category"] for row in kept] == ["business", "residential"]
    assert [row["bills"] for row in kept] == [2, 10]
    assert kept == [asdict(total) for total in as_read()]


def test_final_bills_mended_points_and_later_bills_are_in() -> None:
    book = make.book()
    gone, good, bad = (world.metered_point(book, kwh) for kwh in (300, 200, None))
    leave(gone, 1120)
    first = bill()
    assert first == [asdict(total) for total in as_read()]
    assert first[0]["bills"] == 2  # the final bill, and the one beside it: nobody moved in after
    with psycopg.connect(url()) as link:
        adjust(link, bill_id(OCTOBER, good), -50_000, -4_000, kwh=-20)
        link.commit()
    world.close_october(bad, 250)
    into_business(bad)
    second = bill()
    assert second == [asdict(total) for total in as_read()]
    assert {row["category"]: row["bills"] for row in second} == {"business": 1, "residential": 3}


def test_a_run_of_books_that_noted_nothing_is_read_after_all() -> None:
    world.small_world(books=2, points=3)
    bill()
    assert counted() == as_read()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_billrunbook SET categories = '[]' WHERE id = (SELECT min(id) FROM billing_billrunbook)"
        )
    assert counted() == as_read()
    assert sum(total.bills for total in counted()) == 6
