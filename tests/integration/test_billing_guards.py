"""What the database itself refuses about bills, whoever writes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories import billing as world
from thapsang.domain.billing import operations, queries
from thapsang.domain.billing.types import bill_id
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = world.OCTOBER
COLUMNS = (
    'id, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters, start, "end", '
    "kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on"
)

LINES = (
    "INSERT INTO billing_billline_2610 (bill_id, line_no, kind, tier, band, kwh, price, amount, "
    'start, "end", reference) VALUES'
)


@pytest.fixture
def month() -> dict[str, Any]:
    """One point with its agreement, an open run for October and its partitions."""
    [point] = world.small_world(books=1, points=1).all_points
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tariffs_policyversion (sha256, distributor, content, first_used_at) "
            "VALUES ('x', 'test', '{}', now()) RETURNING id"
        )
        version = cursor.fetchone()[0]
        cursor.execute(
            "SELECT id, customer_id FROM customers_supplyagreement WHERE supply_point_id = %s", [point]
        )
        agreement, customer = cursor.fetchone()
    with transaction.atomic():
        operations.open_period(period=OCTOBER)
        run, *_ = operations.open_run(period=OCTOBER, policy_version_id=version, at=world.AT)
    return {
        "id": bill_id(OCTOBER, point), "run_id": run, "supply_point_id": point, "customer_id": customer,
        "agreement_id": agreement, "category": "residential", "household_quarters": 4, "start": OCTOBER,
        "end": world.NOVEMBER, "kwh": 10, "kvarh": 0, "estimated": False, "net": 10_000, "vat_rate": 800,
        "vat": 800, "total": 10_800, "issued_on": dt.date(2026, 11, 3), "due_on": dt.date(2026, 11, 8),
    }  # fmt: skip


def insert(table: str, bill: dict[str, Any], lines: list[tuple[int, int]], *, suffix: str = "_2610") -> None:
    """Insert a bill and its (number, amount) lines by a connection of its own, and commit."""
    with psycopg.connect(url()) as link:
        marks = ", ".join(["%s"] * len(bill))
        link.execute(f"INSERT INTO {table}{suffix} ({COLUMNS}) VALUES ({marks})", list(bill.values()))
        if lines:
            values = ", ".join(
                f"({bill['id']}, {n}, 'tier', 1, '', 1, {amount}, {amount}, '2026-10-01', '2026-11-01', 1)"
                for n, amount in lines
            )
            link.execute(
                f"INSERT INTO billing_billline{suffix} (bill_id, line_no, kind, tier, band, kwh, price, "
                f'amount, start, "end", reference) VALUES {values}'
            )


@pytest.mark.parametrize("suffix", ["", "_2610"])
def test_a_whole_bill_goes_in_once(month: dict[str, Any], suffix: str) -> None:
    insert("billing_bill", month, [(1, 6_000), (2, 4_000)], suffix=suffix)
    detail = queries.bill(bill_id=month["id"])
    assert detail is not None
    assert [line.amount for line in detail.lines] == [6_000, 4_000]
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert("billing_bill", month, [(1, 6_000), (2, 4_000)], suffix=suffix)


@pytest.mark.parametrize("suffix", ["", "_2610"])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([(1, 6_000)], "do not sum"),
        ([(1, 6_000), (3, 4_000)], "numbered from 1"),
        ([(2, 10_000)], "numbered from 1"),
        ([], "1 bills with an amount have no lines"),
    ],
)
def test_lines_that_do_not_make_the_bill_are_refused(
    month: dict[str, Any], lines: list[tuple[int, int]], message: str, suffix: str
) -> None:
    with pytest.raises(psycopg.IntegrityError, match=message):
        insert("billing_bill", month, lines, suffix=suffix)
    assert queries.bill(bill_id=month["id"]) is None


def test_lines_added_later_are_refused(month: dict[str, Any]) -> None:
    insert("billing_bill", month, [(1, 10_000)])
    with psycopg.connect(url()) as link, pytest.raises(psycopg.IntegrityError, match="numbered from 1"):
        link.execute(f"{LINES} ({month['id']}, 2, 'tier', 1, '', 1, 0, 10000, '2026-10-01', '2026-11-01', 1)")


def test_lines_of_no_bill_are_refused(month: dict[str, Any]) -> None:
    with psycopg.connect(url()) as link, pytest.raises(psycopg.IntegrityError, match="does not exist"):
        link.execute(f"{LINES} (26100000000990, 1, 'tier', 1, '', 0, 0, 0, '2026-10-01', '2026-11-01', 1)")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"supply_point_id": 999}, "bill_number_names_point"),
        ({"end": dt.date(2026, 12, 1)}, "bill_number_names_period"),
        ({"total": 10_801}, "bill_total"),
        ({"net": -10_000, "total": -9_200}, "bill_regular_not_negative"),
        ({"due_on": dt.date(2026, 11, 1)}, "bill_days"),
        ({"agreement_id": 999_999}, "agreement does not exist"),
        ({"customer_id": 999_999}, "agreement does not exist or is of another"),
        ({"run_id": 999_999}, "run 999999 does not exist"),
    ],
)
def test_a_bill_that_contradicts_itself_or_its_sources_is_refused(
    month: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(psycopg.IntegrityError, match=message):
        insert("billing_bill", {**month, **change}, [(1, 10_000)])


@pytest.mark.parametrize(
    "table", ["billing_bill", "billing_bill_2610", "billing_billline", "billing_billline_2610"]
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET kwh = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_an_issued_bill_is_never_changed(month: dict[str, Any], table: str, statement: str) -> None:
    insert("billing_bill", month, [(1, 10_000)])
    with psycopg.connect(url()) as link, pytest.raises(psycopg.IntegrityError, match="never changed"):
        link.execute(statement.format(table))


def test_an_agreement_that_is_billed_stays(month: dict[str, Any]) -> None:
    insert("billing_bill", month, [(1, 10_000)])
    with pytest.raises(IntegrityError, match="hangs on this supply agreement"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_agreementterm")
        cursor.execute("DELETE FROM customers_supplyagreement")


def test_no_trace_of_pending_bills_remains(month: dict[str, Any]) -> None:
    insert("billing_bill", month, [(1, 10_000)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_pending")
        assert cursor.fetchone()[0] == 0


def test_opening_a_month_again_changes_nothing(month: dict[str, Any]) -> None:
    with transaction.atomic():
        assert operations.open_period(period=OCTOBER) is False
