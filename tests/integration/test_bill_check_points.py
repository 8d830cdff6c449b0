"""`bills check` misses nobody: not who used nothing, not who came into a book after the month was finished."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import metering
from tests.factories.billing import AT, NOVEMBER, OCTOBER
from thapsang.journeys import run_billing

pytestmark = pytest.mark.django_db(transaction=True)


def run() -> run_billing.Outcome:
    return run_billing.start(period=OCTOBER, workers=1, at=AT)


def violations() -> list[tuple[str, str]]:
    return [(found.code, found.subject) for found in run_billing.check(period=OCTOBER).violations]


def test_a_lost_bill_of_nothing_is_found() -> None:
    book = metering.book()
    idle = world.metered_point(book, 0)
    world.metered_point(book, 10)
    run()
    assert violations() == []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table, column in (("billing_billline", "bill_id"), ("billing_bill", "id")):
            cursor.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM billing_bill WHERE supply_point_id = %s)",
                [idle],
            )
        cursor.execute("SET session_replication_role = origin")
    assert violations() == [("unbilled", f"point {idle}")]


def test_a_vacant_point_that_used_nothing_needs_no_bill() -> None:
    book = metering.book()
    world.metered_point(book, 10)
    vacant = metering.supply_point(book, agreement=False)
    installation = metering.meter(vacant)
    for day in (OCTOBER, NOVEMBER):
        metering.reading(installation, day, 5)
    run()
    assert violations() == []


def test_a_point_added_after_the_month_was_finished_is_seen_and_billed_by_running_it_again() -> None:
    book = metering.book()
    world.metered_point(book, 10)
    assert run().new_bills == 1
    late = world.metered_point(book, 20)
    assert violations() == [("unbilled", f"point {late}")]
    assert run().new_bills == 1
    assert violations() == []
    assert run().nothing_to_do
