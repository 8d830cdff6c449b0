"""Later bills of a billed month: links held by the database, credit notes that pay the bill they adjust first."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
import pytest
from django.db import connection

from tests.factories import payments as world
from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing.types import BillingError
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.payments import bulk as payments
from thapsang.domain.payments import queries
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, TODAY, AT = dt.date(2026, 10, 1), dt.date(2026, 11, 23), world.AT
Link = psycopg.Connection[Any]


def _one(sql: str, *params: int | str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def _adjust(
    link: Link, bill: int, net: int, vat: int, *, kind: str = "adjusts", day: dt.date = TODAY, kwh: int = 0
) -> int:
    """Issue a later bill of a bill's month: bill, line, journal, entries, link; return its number."""
    point = bill // 10 % 10**9
    sequence = billing.next_sequences(link, period=OCTOBER, points=pl.Series([point]))["sequence"][0]
    number = bill // 10 * 10 + sequence
    row = link.execute(
        "INSERT INTO billing_bill (id, run_id, supply_point_id, customer_id, agreement_id, category, "
        'household_quarters, start, "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on) '
        "SELECT %s, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters, "
        'start, "end", %s, 0, false, %s, vat_rate, %s, %s, %s, %s FROM billing_bill WHERE id = %s RETURNING run_id',
        [number, kwh, net, vat, net + vat, day, day, bill],
    ).fetchone()
    assert row
    link.execute(
        "INSERT INTO billing_billline (bill_id, line_no, kind, tier, band, kwh, price, amount, "
        'start, "end", reference) '
        "SELECT %s, 1, 'relief', 0, '', 0, 0, %s, start, \"end\", 1 FROM billing_bill WHERE id = %s",
        [number, net, bill],
    )
    [journal] = ledger.open_journals(
        link, kind="relief", references=[f"relief:1:{number}"], business_date=day, at=AT
    )
    account = link.execute(
        "SELECT c.account_id FROM billing_bill b JOIN customers_customer c ON c.id = b.customer_id WHERE b.id = %s",
        [bill],
    ).fetchone()
    assert account
    shaped = pl.DataFrame(
        {
            "id": [number],
            "account_id": [account[0]],
            "journal_id": [journal],
            "net": [net],
            "vat": [vat],
            "total": [net + vat],
        }
    )
    revenue, tax = (ledger.chart_account(link, chart=chart) for chart in ("511", "33311"))
    ledger.post_columns(link, billing.adjustment_entries(shaped, revenue=revenue, vat=tax))
    links = {"bill_id": [number], "of_bill_id": [bill], "kind": [kind], "origin": ["relief:1"]}
    billing.insert_links(link, links=pa.table({**links, "relief_version_id": pa.array([None], pa.int64())}))
    notes = pa.table({"bill_id": [number], "of_bill_id": [bill], "journal_id": [journal]})
    payments.take_credit_notes(link, notes=notes, day=day, at=AT)
    return int(number)


def test_a_credit_note_lowers_what_is_owed() -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        number = _adjust(link, debtor.bills[0], -10_000, -800)
    owed = queries.outstanding(customer_id=debtor.id)
    assert number == debtor.bills[0] + 1
    assert (owed.open, owed.credit, owed.owed) == (97_200, 0, 97_200)
    assert _one(
        "SELECT sum(amount) FROM ledger_entry e JOIN customers_customer c USING (account_id) WHERE c.id = %s", debtor.id
    ) == 97_200  # fmt: skip


def test_a_note_on_a_paid_bill_is_credit_and_pays_nothing_twice() -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        _adjust(link, debtor.bills[0], -90_000, -7_200)
    with psycopg.connect(url()) as link:
        _adjust(link, debtor.bills[0], -20_000, -1_600)
    owed = queries.outstanding(customer_id=debtor.id)
    assert (owed.open, owed.credit) == (0, 10_800)


def test_notes_of_one_bill_in_one_call_take_turns() -> None:
    debtor = world.make_debtor(108_000)
    bill = debtor.bills[0]
    with psycopg.connect(url()) as link:
        first, second = _adjust(link, bill, -60_000, -4_800), _adjust(link, bill, -60_000, -4_800)
    owed = queries.outstanding(customer_id=debtor.id)
    assert (first, second) == (bill + 1, bill + 2)
    assert (owed.open, owed.credit) == (0, 21_600)


def test_a_note_is_taken_once() -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        number = _adjust(link, debtor.bills[0], -10_000, -800)
    journal = _one("SELECT journal_id FROM payments_payment WHERE provider_reference = %s", str(number))
    notes = pa.table({"bill_id": [number], "of_bill_id": [debtor.bills[0]], "journal_id": [journal]})
    with psycopg.connect(url()) as link, pytest.raises(psycopg.errors.UniqueViolation):
        payments.take_credit_notes(link, notes=notes, day=TODAY, at=AT)


def test_what_is_added_later_is_owed() -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        _adjust(link, debtor.bills[0], 5_000, 400)
    assert queries.outstanding(customer_id=debtor.id).open == 113_400


def test_a_bill_is_cancelled_whole_and_once() -> None:
    debtor = world.make_debtor(108_000)
    bill = debtor.bills[0]
    net, vat, kwh = (
        _one(f"SELECT {name} FROM billing_bill WHERE id = %s", bill) for name in ("net", "vat", "kwh")
    )
    with (
        psycopg.connect(url()) as link,
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="in full"),
    ):
        _adjust(link, bill, -1_000, -80, kind="cancels")
    with psycopg.connect(url()) as link:
        _adjust(link, bill, -net, -vat, kind="cancels", kwh=-kwh)
    assert queries.outstanding(customer_id=debtor.id).owed == 0
    with (
        psycopg.connect(url()) as link,
        pytest.raises(psycopg.errors.UniqueViolation, match="link_cancels_once"),
    ):
        _adjust(link, bill, -net, -vat, kind="cancels", kwh=-kwh)


@pytest.mark.parametrize(
    "change", ["UPDATE billing_billlink SET kind = 'adjusts'", "DELETE FROM billing_billlink"]
)
def test_a_link_stays(change: str) -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        _adjust(link, debtor.bills[0], -10_000, -800)
    with psycopg.connect(url()) as link, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        link.execute(change)


def test_a_link_to_another_month_or_to_nothing_is_refused() -> None:
    debtor = world.make_debtor(108_000, 54_000)
    older, newer = debtor.bills
    insert = (
        "INSERT INTO billing_billlink (bill_id, of_bill_id, kind, origin) VALUES (%s, %s, 'adjusts', 'x')"
    )
    with psycopg.connect(url()) as link, pytest.raises(psycopg.errors.CheckViolation):
        link.execute(insert, [newer + 1, older])
    with psycopg.connect(url()) as link, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        link.execute(insert, [newer + 1, newer])


def test_nine_later_bills_are_the_limit() -> None:
    debtor = world.make_debtor(108_000)
    with psycopg.connect(url()) as link:
        for _ in range(9):
            _adjust(link, debtor.bills[0], -1_000, -80)
    point = debtor.bills[0] // 10 % 10**9
    with psycopg.connect(url()) as link, pytest.raises(BillingError, match=f"\\[{point}\\]"):
        billing.next_sequences(link, period=OCTOBER, points=pl.Series([point]))
