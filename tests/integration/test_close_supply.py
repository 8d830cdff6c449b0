"""Final bills: who leaves inside a month is billed to the day, who comes is billed from it, and nothing twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db import transaction as django_transaction

from tests.factories import billing as world
from tests.factories import metering as make
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.queries.corrections import links_of
from thapsang.domain.billing.types import FinalBillError, bill_id
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.metering.operations import MeterWorkError
from thapsang.domain.payments import queries as payments
from thapsang.journeys import close_supply, run_billing

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, NOVEMBER, AT = world.OCTOBER, world.NOVEMBER, world.AT
THE_16TH = dt.date(2026, 10, 16)


def one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def code_of(point: int) -> str:
    return str(one("SELECT code FROM customers_supplypoint WHERE id = %s", point))


def leave(point: int, value: int, *, on: dt.date = THE_16TH, **more: Any) -> close_supply.Closed:
    return close_supply.close(
        point_code=code_of(point), on=on, readings={"total": value}, reason="Chuyển nhà", document="ĐĐN 3",
        actor="nga", at=AT, **more,
    )  # fmt: skip


def newcomer() -> tuple[int, str]:
    """Make a customer who has no point yet."""
    spare = make.supply_point(make.book())
    customer = one("SELECT customer_id FROM customers_supplyagreement WHERE supply_point_id = %s", spare.pk)
    return customer, one("SELECT code FROM customers_customer WHERE id = %s", customer)


def enter(point: int, code: str, *, on: dt.date = THE_16TH, **more: Any) -> int:
    return close_supply.move_in(
        point_code=code_of(point), customer_code=code, number=f"N{point}", on=on, category="residential",
        reason="Nhận nhà", actor="nga", at=AT, **more,
    )  # fmt: skip


def run() -> None:
    run_billing.start(period=OCTOBER, workers=1, at=AT)


def of_point(point: int) -> dict[int, bills.BillView]:
    return {b.id % 10: b for b in bills.bills_of(supply_point_ids=[point])}


def waits(point: int) -> list[Any]:
    return [e for e in bills.open_exceptions(period=OCTOBER) if e.supply_point_id == point]


def test_one_leaves_and_another_comes() -> None:
    point = world.metered_point(make.book(), 300)
    done = leave(point, 1120)
    customer, code = newcomer()
    enter(point, code)
    run()
    found = of_point(point)
    assert done.bill_id == bill_id(OCTOBER, point, 1) and done.total == found[1].total > 0
    assert (found[1].start, found[1].end, found[1].kwh) == (OCTOBER, THE_16TH, 120)
    assert found[1].due_on == found[1].issued_on
    assert (found[0].start, found[0].end, found[0].kwh) == (THE_16TH, NOVEMBER, 180)
    assert found[0].customer_id == customer != found[1].customer_id
    assert waits(point) == []
    assert run_billing.check(period=OCTOBER).violations == ()
    assert links_of(bill_ids=[b.id for b in found.values()])[found[1].id].kind == "final"
    account = one("SELECT account_id FROM customers_customer WHERE id = %s", found[1].customer_id)
    assert (
        ledger.balance(account_id=account)
        == payments.outstanding(customer_id=found[1].customer_id).open
        == done.total
    )


def test_without_the_final_bill_the_run_waits() -> None:
    point = world.metered_point(make.book(), 300)
    _, code = newcomer()
    with django_transaction.atomic():
        make.model("customers.SupplyAgreement").objects.filter(supply_point_id=point).update(end=THE_16TH)
    enter(point, code)
    run()
    [waiting] = waits(point)
    assert waiting.code == "customer-changed" and "hóa đơn chấm dứt" in waiting.remedy
    leave(point, 1120)
    run()
    assert {number: b.kwh for number, b in of_point(point).items()} == {0: 180, 1: 120}
    assert waits(point) == []


def test_who_leaves_an_empty_house() -> None:
    point = world.metered_point(make.book(), 120)
    leave(point, 1120)
    run()
    assert list(of_point(point)) == [1]
    assert waits(point) == []
    assert run_billing.check(period=OCTOBER).violations == ()


def test_use_after_the_last_day_is_told() -> None:
    point = world.metered_point(make.book(), 300)
    leave(point, 1120)
    run()
    assert [e.code for e in waits(point)] == ["no-agreement"]


def test_closing_twice_bills_once() -> None:
    point = world.metered_point(make.book(), 300)
    first = leave(point, 1120)
    again = leave(point, 1120)
    assert again.repeated and again.bill_id == first.bill_id
    assert one("SELECT count(*) FROM billing_bill") == 1


def test_stopped_between_the_reading_and_the_bill_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from thapsang.journeys.close_supply import closing

    def fall(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    point = world.metered_point(make.book(), 300)
    with monkeypatch.context() as patch:
        patch.setattr(closing, "_bill", fall)
        with pytest.raises(KeyboardInterrupt):
            leave(point, 1120)
    assert one("SELECT count(*) FROM billing_bill") == 0
    assert leave(point, 1120).bill_id == bill_id(OCTOBER, point, 1)


def test_the_run_begins_with_todays_tariffs_and_the_final_bill_keeps_its_own() -> None:
    point = world.metered_point(make.book(), 300)
    done = leave(point, 1120)
    assert bills.run(period=OCTOBER) is None and bills.runs() == []
    assert done.bill_id is not None
    detail = bills.bill(bill_id=done.bill_id)
    assert detail is not None and detail.policy_version_id and detail.lines
    enter(point, newcomer()[1])
    run()
    assert [r.status for r in bills.runs()] == ["finished"]


def test_at_the_end_of_a_month_the_regular_bill_is_the_last() -> None:
    point = world.metered_point(make.book(), 300)
    done = leave(point, 1300, on=NOVEMBER)
    run()
    assert done.bill_id is None
    assert of_point(point)[0].kwh == 300


def test_the_meter_may_go_too() -> None:
    point = world.metered_point(make.book(), None)
    done = leave(point, 1120, take_down=True)
    run()
    assert done.total > 0 and list(of_point(point)) == [1]
    assert run_billing.check(period=OCTOBER).violations == ()


def test_refusals_are_told_plainly() -> None:
    point = world.metered_point(make.book(), 300)
    for on, told in ((dt.date(2026, 11, 24), "to come"), (dt.date(2019, 1, 1), "no agreement")):
        with pytest.raises(FinalBillError, match=told):
            leave(point, 1120, on=on)
    with pytest.raises(MeterWorkError, match="registers"):
        close_supply.close(
            point_code=code_of(point),
            on=THE_16TH,
            readings={"peak": 1},
            reason="x",
            document="",
            actor="nga",
            at=AT,
        )
    run()
    with pytest.raises(FinalBillError, match="is billed already"):
        leave(point, 1120)


def test_a_final_bill_stays() -> None:
    point = world.metered_point(make.book(), 300)
    leave(point, 1120)
    for change in ("UPDATE billing_finalbill SET reason = ''", "DELETE FROM billing_finalbill"):
        with pytest.raises(IntegrityError), django_transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
