"""The bill run on real rows: whole, repeatable, with exceptions that can be mended."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction

from tests.factories import billing as world
from tests.factories import metering
from thapsang.domain.billing import operations, queries
from thapsang.domain.billing.types import (
    BillingError,
    ExceptionClosedError,
    PeriodError,
    Progress,
    UnknownExceptionError,
    bill_id,
)
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import rate_one
from thapsang.journeys import run_billing

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, NOVEMBER, AT = world.OCTOBER, world.NOVEMBER, world.AT


def run(**more: object) -> run_billing.Outcome:
    return run_billing.start(period=OCTOBER, workers=1, at=AT, **more)  # type: ignore[arg-type]


def test_every_point_is_billed_once_and_the_ledger_owes_it() -> None:
    made = world.small_world(books=3, points=4)
    seen: list[Progress] = []
    outcome = run(progress=seen.append)
    assert (outcome.new_bills, outcome.progress.status, outcome.progress.percent) == (12, "finished", 100)
    assert (seen[-1].bills, seen[-1].finished_at) == (12, AT)
    for point in made.all_points:
        detail = queries.bill(bill_id=bill_id(OCTOBER, point))
        assert detail is not None
        assert detail.bill.kwh == made.kwh[point]
        assert sum(line.amount for line in detail.lines) == detail.bill.net
        assert detail.bill.due_on == dt.date(2026, 11, 28)
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    assert (report.bills, report.kwh) == (12, sum(made.kwh.values()))
    trial = {line.chart: line.balance for line in ledger.trial_balance()}
    assert trial["131"] == report.total == -trial["511"] - trial["33311"]


def test_a_bill_of_nothing_has_no_ledger_entry() -> None:
    world.small_world(books=1, points=1)
    run()
    [bill] = queries.bills_of(
        supply_point_ids=[p.id for p in metering.model("customers.SupplyPoint").objects.all()]
    )
    assert (bill.kwh, bill.total) == (0, 0)
    assert ledger.trial_balance() == []
    assert run_billing.check(period=OCTOBER).sound


def test_a_second_start_has_nothing_to_do() -> None:
    world.small_world()
    first = run()
    again = run()
    assert (again.nothing_to_do, again.new_bills) == (True, 0)
    assert again.progress.bills == first.progress.bills


def test_a_point_without_a_reading_waits_and_is_billed_when_mended() -> None:
    book = metering.book()
    good, bad = world.metered_point(book, 100), world.metered_point(book, None)
    outcome = run()
    assert (outcome.progress.bills, outcome.progress.exceptions) == (1, 1)
    assert run_billing.check(period=OCTOBER).sound
    [waiting] = queries.open_exceptions(period=OCTOBER)
    assert (waiting.supply_point_id, waiting.code) == (bad, "missing-reading")
    assert "chỉ số" in waiting.remedy
    assert waiting.detail["date"] == "2026-11-01"

    world.close_october(bad, 250)
    again = run()
    assert (again.new_bills, again.progress.bills, again.progress.exceptions) == (1, 2, 0)
    assert queries.open_exceptions(period=OCTOBER) == []
    [resolved] = queries.open_exceptions(period=OCTOBER, status="resolved")
    assert resolved.resolution == "Đã lập hóa đơn khi chạy lại"
    assert [b.kwh for b in queries.bills_of(supply_point_ids=[good, bad])] == [100, 250]
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    assert run().nothing_to_do


def test_an_exception_closed_by_staff_stays_closed_when_the_month_runs_again() -> None:
    book = metering.book()
    _, bad, other = (world.metered_point(book, kwh) for kwh in (100, None, None))
    run()
    waiting = {e.supply_point_id: e for e in queries.open_exceptions(period=OCTOBER)}
    with transaction.atomic():
        operations.resolve_exception(
            exception_id=waiting[bad].id, reason="Nhà đã phá dỡ", actor="kiem-thu", at=AT
        )
    run()
    assert [e.supply_point_id for e in queries.open_exceptions(period=OCTOBER)] == [other]
    with transaction.atomic(), pytest.raises(ExceptionClosedError, match="Nhà đã phá dỡ"):
        operations.resolve_exception(exception_id=waiting[bad].id, reason="x", actor="kiem-thu", at=AT)
    with transaction.atomic(), pytest.raises(BillingError, match="reason"):
        operations.resolve_exception(exception_id=waiting[other].id, reason=" ", actor="kiem-thu", at=AT)
    with transaction.atomic(), pytest.raises(UnknownExceptionError):
        operations.assign_exception(exception_id=0, assignee_id=1, actor="kiem-thu", at=AT)


def test_the_queue_is_filtered_and_assigned() -> None:
    book = metering.book()
    points = [world.metered_point(book, None) for _ in range(3)]
    world.metered_point(book, 100)
    run()
    first, *_ = queries.open_exceptions()
    with transaction.atomic():
        operations.assign_exception(exception_id=first.id, assignee_id=7, actor="kiem-thu", at=AT)
    assert [e.supply_point_id for e in queries.open_exceptions(assigned_to=7)] == points[:1]
    assert [e.supply_point_id for e in queries.open_exceptions(assigned_to=0)] == points[1:]
    assert len(queries.open_exceptions(area_team_id=book.area_team_id, code="missing-reading", limit=2)) == 2
    assert queries.open_exceptions(area_team_id=0) == []
    assert queries.exception_counts(period=OCTOBER) == {"missing-reading": 3}
    assert queries.exception(exception_id=first.id, language="en").title == "A reading is missing"


def test_odd_points_become_exceptions_each_with_its_code() -> None:
    book = metering.book()
    vacant = metering.supply_point(book, agreement=False)
    installation = metering.meter(vacant)
    metering.reading(installation, OCTOBER, 10)
    metering.reading(installation, NOVEMBER, 30)
    empty = metering.supply_point(book)
    closed = metering.supply_point(book, status="closed")
    changed = metering.model("customers.SupplyPoint").objects.get(pk=world.metered_point(book, 90))
    agreements = metering.model("customers.SupplyAgreement").objects
    old = agreements.get(supply_point=changed)
    agreements.filter(pk=old.pk).update(end=dt.date(2026, 10, 15))
    new = agreements.create(
        number="HD-NEW", customer=old.customer, supply_point=changed, start=dt.date(2026, 10, 15)
    )
    metering.model("customers.AgreementTerm").objects.create(
        agreement=new, start=dt.date(2026, 10, 15), category="residential"
    )
    late = metering.model("customers.SupplyPoint").objects.get(pk=world.metered_point(book, 90))
    metering.model("customers.AgreementTerm").objects.filter(agreement__supply_point=late).update(
        start=dt.date(2026, 10, 10)
    )
    run()
    codes = {e.supply_point_id: e.code for e in queries.open_exceptions()}
    assert codes.pop(late.pk)
    assert codes == {
        vacant.pk: "no-agreement",
        empty.pk: "no-meter",
        closed.pk: "no-usage",
        changed.pk: "customer-changed",
    }
    assert all(e.title and e.remedy for e in queries.open_exceptions())


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (dt.date(2026, 11, 1), "has not ended"),
        (dt.date(2027, 1, 1), "has not ended"),
        (dt.date(2026, 10, 2), "no month"),
        (dt.date(2019, 5, 1), "no reading"),
    ],
)
def test_a_period_that_cannot_be_billed_is_refused(period: dt.date, message: str) -> None:
    with pytest.raises(PeriodError, match=message):
        run_billing.start(period=period, workers=1, at=AT)
    with pytest.raises(PeriodError, match=message):
        run_billing.dry_run(period=period, at=AT)
    assert queries.runs() == []


def test_a_dry_run_shows_the_month_and_writes_nothing() -> None:
    made = world.small_world(books=2, points=3)
    shown = run_billing.dry_run(period=OCTOBER, at=AT)
    assert shown.sums().now.kwh == sum(made.kwh.values())
    assert shown.sums().now.bills == 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM billing_bill), (SELECT count(*) FROM ledger_journal)")
        assert cursor.fetchone() == (0, 0)
    assert queries.runs() == []
    run()
    billed = {t.category: t for t in queries.category_totals(period=OCTOBER)}
    assert {c.category: c.now for c in shown.categories} == billed


def test_a_bill_explains_itself_and_notices_a_changed_reading() -> None:
    made = world.small_world(books=1, points=3)
    point = made.all_points[2]
    run()
    number = bill_id(OCTOBER, point)
    explained = run_billing.explain(bill_id=number)
    assert explained.differences == ()
    assert explained.policy_is_current
    assert set(explained.references) == {line.reference for line in explained.detail.lines}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE metering_reading SET value = value + 1 WHERE read_on = '2026-11-01'")
        cursor.execute("SET session_replication_role = origin")
    changed = run_billing.explain(bill_id=number).differences
    assert any("kwh: billed 114, derived 115" in difference for difference in changed)
    assert {v.code for v in run_billing.check(period=OCTOBER).violations} == {"kwh"}


def test_a_bill_costs_what_the_engine_says() -> None:
    made = world.small_world(books=1, points=4)
    run()
    point = made.all_points[3]
    [bill] = queries.bills_of(supply_point_ids=[point])
    case = rate_one(
        tariffs.current_book(), category="residential", kwh=made.kwh[point], start=OCTOBER, end=NOVEMBER
    )
    assert case.total == bill.total
