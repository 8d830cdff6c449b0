"""Months relieved in their bills, corrected: relieved anew by the version they keep; final bills too."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.factories import billing as world
from tests.factories import metering as make
from tests.factories import reliefs as factory
from tests.integration import test_close_supply as leaving
from tests.integration.test_corrections import AT, OTHER, month_sum, one, preview, read_again
from tests.integration.test_relief_apply import applied, balances_are_those_of_the_bills, reversed_, rows
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import BillingError, UnknownBillError, bill_id
from thapsang.domain.reliefs import operations as reliefs
from thapsang.domain.reliefs import queries as relief_queries
from thapsang.engines.money import divide_half_up, share
from thapsang.journeys import correct_bills, relieve_months, run_billing
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = world.OCTOBER
TEN, FIFTEEN = 10, 15


def area_of(point: int) -> str:
    return str(one("SELECT c.code FROM customers_supplypoint p JOIN customers_premises r ON r.id = p.premises_id "
                   "JOIN network_commune c ON c.id = r.commune_id WHERE p.id = %s", point))  # fmt: skip


def relieved_point(kwh: int, **programme: Any) -> int:
    point = world.metered_point(make.book(), kwh)
    factory.listed("directive-16", areas=[area_of(point)])
    factory.in_force(factory.storm(**programme))
    return point


def bill() -> None:
    run_billing.start(period=OCTOBER, workers=1, at=AT)


def issue(found: Any, how: str) -> None:
    correct_bills.issue(correction_id=found.id, how=how, actor=OTHER, at=AT)


def nothing_left(point: int) -> None:
    with pytest.raises(BillingError, match="Nothing to correct"):
        preview(point)


def stands_for(point: int) -> tuple[int, int]:
    """Return net and VAT that stand for the month."""
    [row] = rows(
        f"SELECT sum(net)::bigint, sum(vat)::bigint FROM billing_bill WHERE supply_point_id = {point}"
    )
    return row


def true_amounts(point: int, kwh: int, percent: int, *, sequence: int = 0) -> None:
    """What stands is what a bill of so many kWh with that relief would be, and the grants agree with every bill."""
    energy = rows(f"SELECT sum(amount)::bigint FROM billing_billline WHERE bill_id / 10 % 1000000000 = {point} "
                  "AND kind <> 'relief'")[0][0]  # fmt: skip
    relief = divide_half_up(energy * percent, 100)
    assert stands_for(point) == (energy - relief, share(energy - relief, 800))
    got = rows(f"SELECT sum(amount)::bigint, sum(kwh)::bigint, sum(vat)::bigint FROM reliefs_grant WHERE bill_id = "
               f"{bill_id(OCTOBER, point, sequence)}")[0]  # fmt: skip
    assert got == (relief, kwh, share(energy, 800) - share(energy - relief, 800))
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    balances_are_those_of_the_bills()


@pytest.mark.parametrize("how", ["adjust", "replace"])
def test_a_corrected_month_is_relieved_anew_by_the_rule_that_holds_now(how: str) -> None:
    point = relieved_point(300)
    bill()
    true_amounts(point, 300, TEN)
    factory.in_force(factory.storm(low=50, high=50))  # the month keeps the version it was billed by
    read_again(point, 120)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert row.code == "" and {line.kind for line in row.lines} == {"tier", "relief"}
    issue(found, how)
    assert month_sum(point) == row.new_total
    true_amounts(point, 120, FIFTEEN)
    for number in (bill_id(OCTOBER, point), *(made.id for made in bills.bills_of(supply_point_ids=[point]))):
        assert run_billing.explain(bill_id=number).differences == ()
    nothing_left(point)
    read_again(point, 250)
    issue(preview(point), "adjust")
    true_amounts(point, 250, TEN)


def test_what_a_batch_gave_is_left_to_the_batch() -> None:
    point = world.metered_point(make.book(), 300)
    factory.in_force(factory.storm())
    bill()
    factory.listed("directive-16", areas=[area_of(point)])
    applied()
    read_again(point, 320)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert {line.kind for line in row.lines} == {"tier"} and row.relief_total < 0
    issue(found, "adjust")
    applied(name="lại")
    true_amounts(point, 320, TEN)


def test_a_month_billed_without_reliefs_is_corrected_without() -> None:
    point = world.metered_point(make.book(), 300)
    bill()
    factory.listed("directive-16", areas=[area_of(point)])
    factory.in_force(factory.storm())
    read_again(point, 100)
    issue(preview(point), "replace")
    assert rows("SELECT count(*) FROM reliefs_grant") == [(0,)]


def test_another_account_bears_the_change() -> None:
    point = relieved_point(300, account="1388")
    bill()
    read_again(point, 150)
    issue(preview(point), "adjust")
    true_amounts(point, 150, FIFTEEN)
    borne = rows("SELECT sum(e.amount)::bigint FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id "
                 "WHERE a.code = '1388'")  # fmt: skip
    assert borne == rows("SELECT sum(amount)::bigint FROM reliefs_grant")


def closed(point: int, value: int) -> int:
    number = leaving.leave(point, value).bill_id
    assert number is not None
    return number


def test_a_final_bill_takes_reliefs_off_as_it_is_issued() -> None:
    point = relieved_point(None, account="1388")  # type: ignore[arg-type]
    number = closed(point, 1300)
    kinds = rows(f"SELECT kind FROM billing_billline WHERE bill_id = {number} ORDER BY line_no")
    assert kinds[-1] == ("relief",)
    energy = rows(
        f"SELECT sum(amount)::bigint FROM billing_billline WHERE bill_id = {number} AND kind <> 'relief'"
    )[0][0]
    relief = divide_half_up(energy * TEN, 100)
    assert stands_for(point) == (energy - relief, share(energy - relief, 800))
    assert rows(f"SELECT amount, adjusting_bill_id FROM reliefs_grant WHERE bill_id = {number}") == [
        (relief, number)
    ]
    assert run_billing.explain(bill_id=number).differences == ()
    balances_are_those_of_the_bills()


def test_why_answers_for_a_final_bill_and_for_one_that_corrects_it() -> None:
    point = relieved_point(None)  # type: ignore[arg-type]
    number = closed(point, 1300)
    told = relieve_months.explain(supply_point_id=point, month=OCTOBER, sequence=number % 10)
    [given] = told.grants
    [rule] = [one for one in told.why.rules if one.granted]
    assert (told.bill_id, rule.amount, given.amount) == (number, given.amount, rule.amount)
    assert told.version_id == given.version_id
    bill()
    mend_closing(point, 1260)
    found = preview(point)
    issue(found, "adjust")
    later = max(made.id for made in bills.bills_of(supply_point_ids=[point]))
    after = relieve_months.explain_bill(number=later)
    [now] = [one for one in after.why.rules if one.granted]
    assert later != number and after.bill_id == number
    assert now.amount == sum(one.amount for one in after.grants) < rule.amount
    with pytest.raises(UnknownBillError):
        relieve_months.explain(supply_point_id=point, month=OCTOBER, sequence=7)


def use_of(point: int, use: str, start: dt.date, end: dt.date | None) -> None:
    with transaction():
        reliefs.record_use(
            supply_point_id=point, use=use, start=start, end=end, source="GP", actor="lan", at=AT
        )


@pytest.mark.parametrize(("until", "free"), [(dt.date(2026, 10, 16), True), (dt.date(2026, 10, 15), False)])
@pytest.mark.parametrize("batch", [False, True])
def test_the_use_on_its_own_last_day_decides_for_a_final_bill(
    until: dt.date, free: bool, batch: bool
) -> None:
    """Supply ends on 16 October; an isolation site until that day is free, one until the day before is not."""
    text = factory.storm(code="site").replace(
        "who: {categories: [residential], lists: {directive-16: 2026-10-10}}", "who: {uses: [isolation-site]}"
    )
    assert text.count("isolation-site") == 2
    point = world.metered_point(make.book(), 400)
    use_of(point, "isolation-site", dt.date(2026, 9, 1), until)
    if not batch:
        factory.in_force(text)
    number = closed(point, 1300)
    bill()
    if batch:
        factory.in_force(text)
        given = relieve_months.ask(
            programmes=["site"], months=[OCTOBER], name="t", actor=factory.ASKER, reason="t", at=AT
        )
        relieve_months.compute(batch_id=given)
        relieve_months.approve(batch_id=given, actor=factory.APPROVER, at=AT)
        relieve_months.run(batch_id=given, workers=1, at=AT)
    assert bool(rows(f"SELECT amount FROM reliefs_grant WHERE bill_id = {number}")) == free
    told = relieve_months.explain(supply_point_id=point, month=OCTOBER, sequence=number % 10)
    assert any(rule.granted for rule in told.why.rules) == free
    balances_are_those_of_the_bills()


@pytest.mark.parametrize("how", ["adjust", "replace"])
@pytest.mark.parametrize("before_the_run", [True, False])
def test_a_final_bill_is_corrected(how: str, before_the_run: bool) -> None:
    point = relieved_point(None)  # type: ignore[arg-type]
    number = closed(point, 1300)
    if not before_the_run:
        bill()
    mend_closing(point, 1260)
    found = preview(point)
    [row] = queries.correction_rows(correction_id=found.id)
    assert (row.of_bill_id, row.code, row.old_kwh, row.new_kwh) == (number, "", 300, 260)
    issue(found, how)
    assert month_sum(point) == row.new_total
    energy = rows(f"SELECT sum(amount)::bigint, sum(kwh)::bigint FROM billing_billline WHERE bill_id / 10 % 1000000000 "
                  f"= {point} AND kind <> 'relief'")[0]  # fmt: skip
    relief = divide_half_up(energy[0] * TEN, 100)
    assert energy[1] == 260 and stands_for(point) == (energy[0] - relief, share(energy[0] - relief, 800))
    assert rows(f"SELECT sum(amount)::bigint FROM reliefs_grant WHERE bill_id = {number}") == [(relief,)]
    for made in bills.bills_of(supply_point_ids=[point]):
        assert run_billing.explain(bill_id=made.id).differences == ()
    nothing_left(point)
    balances_are_those_of_the_bills()


def mend_closing(point: int, value: int) -> None:
    """Correct the reading of the day the agreement ended."""
    from thapsang.domain.metering import operations as metering

    register = one("SELECT r.id FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id "
                   "WHERE i.supply_point_id = %s", point)  # fmt: skip
    with transaction():
        metering.correct_reading(
            register_id=register,
            read_on=dt.date(2026, 10, 16),
            value=value,
            reason="đọc nhầm",
            actor="đọc số",
            at=AT,
        )


def test_who_left_and_who_came_are_corrected_in_one() -> None:
    point = world.metered_point(make.book(), 400)
    factory.listed("directive-16", areas=[area_of(point)])
    factory.in_force(factory.storm())
    number = closed(point, 1150)
    leaving.enter(point, leaving.newcomer()[1])
    bill()
    mend_closing(point, 1180)
    found = preview(point)
    table = {row.of_bill_id: row for row in queries.correction_rows(correction_id=found.id)}
    assert set(table) == {number, bill_id(OCTOBER, point)}
    assert {row.new_kwh - row.old_kwh for row in table.values()} == {30, -30}
    issue(found, "adjust")
    assert rows(f"SELECT sum(kwh)::bigint FROM billing_bill WHERE supply_point_id = {point}") == [(400,)]
    for made in bills.bills_of(supply_point_ids=[point]):
        assert run_billing.explain(bill_id=made.id).differences == ()
    balances_are_those_of_the_bills()
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations


def test_a_batch_relieves_final_bills_beside_the_regular_ones() -> None:
    point = world.metered_point(make.book(), 400)
    number = closed(point, 1150)
    leaving.enter(point, leaving.newcomer()[1])
    bill()
    factory.listed("directive-16", areas=[area_of(point)])
    factory.in_force(factory.storm())
    simulated = applied()
    regular = bill_id(OCTOBER, point)
    nets = dict(rows(f"SELECT id, net FROM billing_bill WHERE id IN ({number}, {regular})"))
    wanted = {
        number_: divide_half_up(net * TEN, 100) for number_, net in nets.items()
    }  # the 200 kWh shrink with the days
    assert dict(rows("SELECT bill_id, amount FROM reliefs_grant")) == wanted
    follows = dict(rows("SELECT of_bill_id, bill_id FROM billing_billlink"))
    assert set(follows) == {number, regular} and len(set(follows.values())) == 2
    customers = dict(rows("SELECT id, customer_id FROM billing_bill"))
    assert all(customers[of] == customers[made] for of, made in follows.items())
    totals = relief_queries.batch(batch_id=simulated).totals["total"]
    assert totals["amount"] == sum(wanted.values()) and totals["points"] == 2
    applied(name="lại")
    assert dict(rows("SELECT bill_id, sum(amount)::bigint FROM reliefs_grant GROUP BY 1")) == wanted
    balances_are_those_of_the_bills()
    mend_closing(point, 1180)
    issue(preview(point), "adjust")
    applied(name="sau khi sửa")
    nets = dict(rows("SELECT b.customer_id, sum(b.net)::bigint FROM billing_bill b LEFT JOIN billing_billlink l ON "
                     "l.bill_id = b.id WHERE coalesce(l.origin, '') NOT LIKE 'relief:%' GROUP BY 1"))  # fmt: skip
    given = dict(rows("SELECT bill_id, sum(amount)::bigint FROM reliefs_grant GROUP BY 1"))
    assert (
        sum(given.values()) == sum(divide_half_up(net * TEN, 100) for net in nets.values()) and len(nets) == 2
    )
    reversed_(simulated)
    balances_are_those_of_the_bills()
