"""Corrections: months derived again, set against what is billed, issued once, whatever happens in between."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.db import transaction as django_transaction

from tests.factories import billing as world
from tests.factories import metering as make
from tests.integration.test_adjusting_bills import _adjust as adjust
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.operations import corrections as keeping
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import (
    BillingError,
    CorrectionChangedError,
    CorrectionStateError,
    FourEyesError,
    PeriodError,
    UnknownCorrectionError,
    bill_id,
)
from thapsang.domain.customers import operations as customers
from thapsang.domain.ledger import operations as accounts
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.metering import operations as metering
from thapsang.domain.payments import queries as payments
from thapsang.journeys import correct_bills, run_billing
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, NOVEMBER, AT = world.OCTOBER, world.NOVEMBER, world.AT
WHO, OTHER = "nga", "minh"


def one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def point_of(kwh: int, book: Any = None) -> int:
    return world.metered_point(book or make.book(), kwh)


def bill_october() -> None:
    run_billing.start(period=OCTOBER, workers=1, at=AT)


def read_again(point: int, kwh: int, *, before: int = 1000) -> None:
    register = one(
        "SELECT r.id FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id "
        "WHERE i.supply_point_id = %s", point
    )  # fmt: skip
    with transaction():
        metering.correct_reading(
            register_id=register,
            read_on=NOVEMBER,
            value=before + kwh,
            reason="đọc nhầm",
            actor="đọc số",
            at=AT,
        )


def preview(*points: int, **more: Any) -> Any:
    asked = {
        "first": OCTOBER,
        "last": OCTOBER,
        "reason": "Đọc nhầm chỉ số",
        "document": "BB 12/2026",
        "actor": WHO,
    }
    if points:
        asked["points"] = list(points)
    return correct_bills.preview(**{**asked, "at": AT, **more}).correction


def owner(point: int) -> int:
    return int(one("SELECT customer_id FROM customers_supplyagreement WHERE supply_point_id = %s", point))


def pay(point: int, amount: int) -> None:
    from thapsang.domain.payments import operations
    from thapsang.domain.payments.types import Receipt

    code = one("SELECT code FROM customers_customer WHERE id = %s", owner(point))
    with transaction():
        accounts.open_account(chart="112", code="112")
        payer = operations.lock_payer(customer_code=code)
        operations.settle(
            payer=payer,
            receipt=Receipt(
                amount=amount,
                channel="bank",
                provider="test",
                provider_reference=f"r{point}",
                paid_at=AT,
                received_at=AT,
            ),
        )


def month_sum(point: int, column: str = "total") -> int:
    return int(one(f"SELECT sum({column}) FROM billing_bill WHERE supply_point_id = %s", point))


def derived(kwh: int) -> tuple[int, int]:
    """Net and total a household pays for October, from a point billed rightly in the first place."""
    point = point_of(kwh)
    run_billing.start(period=OCTOBER, workers=1, at=AT)
    found = bills.bill(bill_id=bill_id(OCTOBER, point))
    assert found is not None
    return found.bill.net, found.bill.total


@pytest.mark.parametrize("how", ["adjust", "replace"])
def test_a_wrong_reading_is_set_right(how: str) -> None:
    point = point_of(300)
    bill_october()
    billed = bills.bills_of(supply_point_ids=[point])[0]
    read_again(point, 120)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    net, total = derived(120)
    assert (row.old_kwh, row.new_kwh, row.old_total) == (300, 120, billed.total)
    assert (row.new_net, row.new_total) == (net, total)
    assert sum(line.new_amount - line.old_amount for line in row.lines) == net - billed.net
    assert bills.bills_of(supply_point_ids=[point]) == [billed]

    done = correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)

    assert done.correction.status == "issued"
    assert done.new_bills == (1 if how == "adjust" else 2)
    assert (month_sum(point, "kwh"), month_sum(point, "net"), month_sum(point)) == (120, net, total)
    owed = payments.outstanding(customer_id=owner(point))
    assert (owed.open, owed.credit) == (total, 0)
    account = one("SELECT account_id FROM customers_customer WHERE id = %s", owner(point))
    assert ledger.balance(account_id=account) == total
    assert run_billing.check(period=OCTOBER).violations == ()
    links = queries.links_of(bill_ids=[b.id for b in bills.bills_of(supply_point_ids=[point])])
    kinds = {"adjust": ["adjusts"], "replace": ["cancels", "replaces"]}[how]
    assert [link.kind for link in links.values()] == kinds
    assert {(link.of_bill_id, link.reason, link.document) for link in links.values()} == {
        (billed.id, "Đọc nhầm chỉ số", "BB 12/2026")
    }


@pytest.mark.parametrize("how", ["adjust", "replace"])
def test_issuing_twice_issues_once(how: str) -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    found = preview(point)
    correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)
    count = one("SELECT count(*) FROM billing_bill")
    again = correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)
    assert again.nothing_to_do and again.new_bills == 0
    assert one("SELECT count(*) FROM billing_bill") == count
    with pytest.raises(BillingError, match="Nothing to correct"):
        preview(point)


@pytest.mark.parametrize("how", ["adjust", "replace"])
def test_what_was_paid_becomes_credit(how: str) -> None:
    point = point_of(300)
    bill_october()
    billed = bills.bills_of(supply_point_ids=[point])[0]
    pay(point, billed.total)
    read_again(point, 120)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert (row.paid, row.credit, row.owed) == (billed.total, billed.total - row.new_total, 0)
    correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)
    owed = payments.outstanding(customer_id=owner(point))
    assert (owed.open, owed.credit) == (0, row.credit)


def test_more_than_billed_is_owed_in_addition() -> None:
    point = point_of(120)
    bill_october()
    billed = bills.bills_of(supply_point_ids=[point])[0]
    pay(point, billed.total)
    read_again(point, 300)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    assert row.owed == row.new_total - billed.total > 0
    assert payments.outstanding(customer_id=owner(point)).open == row.owed


def test_a_second_correction_starts_from_what_stands() -> None:
    point = point_of(300)
    bill_october()
    for kwh, how in ((120, "adjust"), (200, "replace"), (90, "adjust"), (91, "replace")):
        read_again(point, kwh)
        found = preview(point)
        correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)
        assert month_sum(point, "kwh") == kwh
    net, total = derived(91)
    assert (month_sum(point, "net"), month_sum(point)) == (net, total)
    assert payments.outstanding(customer_id=owner(point)).owed == total


def test_a_household_count_granted_late() -> None:
    point = point_of(300)
    bill_october()
    agreement = one("SELECT id FROM customers_supplyagreement WHERE supply_point_id = %s", point)
    with transaction():
        customers.correct_terms(
            agreement_id=agreement, start=OCTOBER, household_quarters=8, reason="2 hộ dùng chung",
            document="ĐN 7", actor=WHO, at=AT,
        )  # fmt: skip
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert row.new_total < row.old_total and row.new_kwh == row.old_kwh == 300
    correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    later = bills.bill(bill_id=bill_id(OCTOBER, point, 1))
    assert later is not None
    assert later.bill.kwh == 0 and later.bill.household_quarters == 8
    assert sum(line.amount for line in later.lines) == later.bill.net < 0
    assert {line.kwh > 0 for line in later.lines} == {True, False}


def test_a_whole_book_needs_two_people() -> None:
    book = make.book()
    points = [point_of(kwh, book) for kwh in (100, 200, 300)]
    bill_october()
    for point in points[:2]:
        read_again(point, 90)
    found = preview(points=None, book_codes=[book.code])
    assert (found.customers, found.bills, found.same, found.four_eyes) == (2, 2, 1, True)
    with pytest.raises(FourEyesError, match="nga asked for it"):
        correct_bills.issue(correction_id=found.id, how="adjust", actor=WHO, at=AT)
    assert queries.correction(correction_id=found.id).status == "draft"
    done = correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    assert done.new_bills == 2
    assert [month_sum(point, "kwh") for point in points] == [90, 90, 300]
    reference = one("SELECT reference FROM ledger_journal WHERE kind = 'correction'")
    assert reference == f"correction:{found.id}:2026-10:{book.code}"


def test_the_database_holds_the_second_person() -> None:
    book = make.book()
    points = [point_of(100, book), point_of(100, book)]
    bill_october()
    for point in points:
        read_again(point, 90)
    found = preview(points=None, book_codes=[book.code])
    with pytest.raises(IntegrityError, match="correction_four_eyes"), django_transaction.atomic():
        make.model("billing.Correction").objects.filter(pk=found.id).update(
            status="issuing", how="adjust", approved_name=WHO, approved_at=AT
        )


def test_what_changed_since_is_refused() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    found = preview(point)
    read_again(point, 130)
    with pytest.raises(CorrectionChangedError, match="Nothing was issued"):
        correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    assert queries.correction(correction_id=found.id).status == "draft"
    assert one("SELECT count(*) FROM billing_bill") == 1
    correct_bills.withdraw(correction_id=found.id, reason="chỉ số lại sửa", actor=WHO, at=AT)
    with pytest.raises(CorrectionStateError, match="withdrawn"):
        correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)


def test_two_drafts_of_one_month_are_not_both_issued() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    first, second = preview(point), preview(point)
    correct_bills.issue(correction_id=first.id, how="adjust", actor=OTHER, at=AT)
    with pytest.raises(CorrectionChangedError):
        correct_bills.issue(correction_id=second.id, how="adjust", actor=OTHER, at=AT)
    assert month_sum(point, "kwh") == 120


def test_what_cannot_be_corrected_is_told_and_left() -> None:
    book = make.book()
    good, bare = point_of(300, book), point_of(100, book)
    bill_october()
    late = world.metered_point(book, 50)
    read_again(good, 200)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "DELETE FROM metering_reading WHERE read_on = %s AND register_id IN (SELECT r.id FROM metering_register r "
            "JOIN metering_installation i ON i.id = r.installation_id WHERE i.supply_point_id = %s)",
            [NOVEMBER, bare],
        )
        cursor.execute("SET session_replication_role = origin")
    found = preview(points=None, book_codes=[book.code])
    rows = {row.of_bill_id: row.code for row in queries.correction_rows(correction_id=found.id)}
    assert rows == {
        bill_id(OCTOBER, good): "", bill_id(OCTOBER, bare): "missing-reading", bill_id(OCTOBER, late): "not-billed",
    }  # fmt: skip
    correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    assert (month_sum(good, "kwh"), month_sum(bare, "kwh")) == (200, 100)


def test_one_customer_small_sum_needs_one_person() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 290)
    found = preview(point)
    assert not found.four_eyes
    assert correct_bills.issue(correction_id=found.id, how="adjust", actor=WHO, at=AT).new_bills == 1


def test_bad_wishes_are_told_plainly() -> None:
    point = point_of(300)
    with pytest.raises(PeriodError, match="never billed"):
        preview(point)
    bill_october()
    for wish, told in (
        ({"points": [10**8]}, "No such supply points"),
        ({"points": []}, "No such supply points"),
        ({"tariff": "new"}, "choose `kept`"),
        ({"first": NOVEMBER}, "comes after"),
        ({"first": dt.date(2020, 1, 1)}, "at most"),
    ):
        with pytest.raises(BillingError, match=told):
            preview(**{"points": [point], **wish})
    read_again(point, 120)
    with pytest.raises(BillingError, match="document: it is empty"):
        preview(point, document=" ")
    with pytest.raises(UnknownCorrectionError):
        correct_bills.issue(correction_id=99, how="adjust", actor=OTHER, at=AT)
    with pytest.raises(BillingError, match="no way to correct"):
        correct_bills.issue(correction_id=preview(point).id, how="delete", actor=OTHER, at=AT)


def test_a_draft_keeps_what_it_said() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    found = preview(point)
    for table in ("billing_correction", "billing_correctionbill"):
        with pytest.raises(IntegrityError), django_transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")
    with pytest.raises(IntegrityError), django_transaction.atomic():
        make.model("billing.CorrectionBill").objects.filter(correction_id=found.id).update(new_total=0)
    with pytest.raises(IntegrityError), django_transaction.atomic():
        make.model("billing.Correction").objects.filter(pk=found.id).update(reason="khác")


def test_the_audit_log_tells_who_asked_and_who_issued() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    found = preview(point)
    correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, actor_name FROM audit_auditentry WHERE subject = %s ORDER BY id",
            [f"correction:{found.id}"],
        )
        assert cursor.fetchall() == [
            ("billing.correction-drafted", WHO),
            ("billing.correction-approved", OTHER),
            ("billing.correction-issued", OTHER),
        ]


def test_closing_waits_for_the_last_month() -> None:
    point = point_of(300)
    bill_october()
    read_again(point, 120)
    found = preview(point)
    with transaction():
        keeping.approve(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
        assert not keeping.close(correction_id=found.id, actor=OTHER, at=AT)
    with pytest.raises(CorrectionStateError, match="under way with `adjust`"):
        correct_bills.issue(correction_id=found.id, how="replace", actor=OTHER, at=AT)
    assert correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT).new_bills == 1


def test_explain_says_what_a_later_bill_follows_and_derives_the_month() -> None:
    point = point_of(300)
    bill_october()
    regular = bill_id(OCTOBER, point)
    assert run_billing.explain(bill_id=regular).differences == ()
    read_again(point, 120)
    assert any(
        "kwh: billed 300, derived 120" in line for line in run_billing.explain(bill_id=regular).differences
    )
    correct_bills.issue(correction_id=preview(point).id, how="adjust", actor=OTHER, at=AT)
    for number in (regular, regular + 1):
        found = run_billing.explain(bill_id=number)
        assert (found.differences, found.derived) == ((), "month")
    assert found.link is not None
    assert (found.link.kind, found.link.of_bill_id, found.link.reason) == (
        "adjusts",
        regular,
        "Đọc nhầm chỉ số",
    )
    read_again(point, 90)
    correct_bills.issue(correction_id=preview(point).id, how="replace", actor=OTHER, at=AT)
    replacing = run_billing.explain(bill_id=max(b.id for b in bills.bills_of(supply_point_ids=[point])))
    assert replacing.link is not None and replacing.link.kind == "replaces"
    assert (replacing.differences, replacing.derived, replacing.detail.bill.kwh) == ((), "bill", 90)
    read_again(point, 80)
    assert run_billing.explain(bill_id=replacing.detail.bill.id).differences != ()


def test_tariffs_loaded_wrong_are_mended_for_a_month(tmp_path: Any, settings: Any) -> None:
    """A price was typed wrong: the run keeps it, the mended book says what should have been billed."""
    import shutil

    right = settings.POLICIES
    wrong = tmp_path / "policies"
    shutil.copytree(right, wrong)
    edition = next((wrong / settings.DISTRIBUTOR / "tariffs").glob("2025-05-10*.yaml"))
    text = edition.read_text(encoding="utf-8")
    assert "1984" in text
    edition.write_text(text.replace("1984", "2984"), encoding="utf-8")
    settings.POLICIES = wrong
    point = point_of(300)
    bill_october()
    settings.POLICIES = right
    with pytest.raises(BillingError, match="Nothing to correct"):
        preview(point)
    found = preview(point, tariff="current")
    [row] = queries.correction_rows(correction_id=found.id)
    assert row.old_kwh == row.new_kwh and row.new_total < row.old_total
    correct_bills.issue(correction_id=found.id, how="adjust", actor=OTHER, at=AT)
    later = bills.bill(bill_id=bill_id(OCTOBER, point, 1))
    regular = bills.bill(bill_id=bill_id(OCTOBER, point))
    assert later is not None and regular is not None
    assert later.policy_version_id == found.policy_version_id != regular.policy_version_id
    net, total = derived(300)
    assert net  # another point is rated by the run's kept, wrong book: the right figure is the row's own
    assert month_sum(point) == row.new_total
    assert run_billing.explain(bill_id=later.bill.id).differences == ()
    assert run_billing.explain(bill_id=regular.bill.id).differences == ()
    _ = total


def test_eleven_months_of_a_wrong_category() -> None:
    """Billed as a household, a shop all along: two months here, one row each, one bill each."""
    september = dt.date(2026, 9, 1)
    point = point_of(300)
    installation = make.model("metering.Installation").objects.get(supply_point_id=point)
    make.reading(installation, september, 800)
    for month in (september, OCTOBER):
        run_billing.start(period=month, workers=1, at=AT)
    agreement = one("SELECT id FROM customers_supplyagreement WHERE supply_point_id = %s", point)
    with transaction():
        customers.correct_terms(
            agreement_id=agreement, start=dt.date(2025, 12, 1), category="business", reason="Bán hàng",
            document="BB 9", actor=WHO, at=AT,
        )  # fmt: skip
    assert one("SELECT count(*) FROM customers_agreementterm WHERE agreement_id = %s", agreement) == 2
    found = preview(point, first=september)
    rows = queries.correction_rows(correction_id=found.id)
    assert [row.period for row in rows] == [september, OCTOBER] and all(row.owed for row in rows)
    assert correct_bills.issue(correction_id=found.id, how="replace", actor=OTHER, at=AT).new_bills == 4
    assert payments.outstanding(customer_id=owner(point)).owed == sum(row.new_total for row in rows)


def test_terms_that_were_are_kept() -> None:
    point = point_of(300)
    agreement = one("SELECT id FROM customers_supplyagreement WHERE supply_point_id = %s", point)
    start = one("SELECT start FROM customers_supplyagreement WHERE id = %s", agreement)

    def correct(**more: Any) -> int:
        asked = {"start": start, "reason": "Kê lại", "document": "ĐN 1", "actor": WHO, "at": AT}
        with transaction():
            return customers.correct_terms(agreement_id=agreement, **{**asked, **more})

    assert correct(household_quarters=8, until=NOVEMBER) == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT start, household_quarters FROM customers_agreementterm WHERE agreement_id = %s ORDER BY start",
            [agreement],
        )
        assert cursor.fetchall() == [(start, 8), (NOVEMBER, 4)]
        cursor.execute("SELECT start, household_quarters, correction FROM customers_supersededterm")
        assert cursor.fetchall() == [(start, 4, "Kê lại (ĐN 1)")]
    for wrong, told in (
        ({"household_quarters": 8, "until": NOVEMBER}, "has these terms"),
        ({"colour": "red"}, "Unknown terms"),
        ({}, "Nothing is changed"),
        ({"category": "business", "document": ""}, "document: it is empty"),
        ({"category": "business", "start": dt.date(2019, 1, 1)}, "not inside"),
        ({"category": "business", "until": start}, "must be after"),
    ):
        with pytest.raises(customers.TermsError, match=told):
            correct(**wrong)


def test_a_relief_stands_apart() -> None:
    point = point_of(300)
    bill_october()
    regular = bill_id(OCTOBER, point)
    with psycopg.connect(url()) as link:
        adjust(link, regular, -50_000, -4_000)
    read_again(point, 120)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert (row.old_kwh, row.relief_total) == (300, -54_000)
    before = month_sum(point)
    correct_bills.issue(correction_id=found.id, how="replace", actor=OTHER, at=AT)
    assert month_sum(point) == before + found.total == row.new_total - 54_000
    assert payments.outstanding(customer_id=owner(point)).owed == row.new_total - 54_000
    assert run_billing.explain(bill_id=regular + 1).derived == "nothing"
