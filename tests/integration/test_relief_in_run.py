"""Reliefs taken off in the regular bills: the same as run and batch, explained, checked, granted once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.integration.test_relief_apply import applied, balances_are_those_of_the_bills, rows
from thapsang.domain.billing import queries as billing
from thapsang.domain.reliefs import queries
from thapsang.engines.money import divide_half_up, share
from thapsang.journeys import relieve_months, run_billing

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, AT = world.OCTOBER, factory.AT
BOOKS, POINTS = 6, 600


def province() -> None:
    world.big_world(books=BOOKS, points=POINTS)
    factory.listed("directive-16", areas=["99999"])


def bill() -> None:
    run_billing.start(period=OCTOBER, workers=1)


def owed() -> dict[int, tuple[int, int, int]]:
    """Return net, VAT and total of the month by point."""
    found = rows("SELECT supply_point_id, sum(net)::bigint, sum(vat)::bigint, sum(total)::bigint FROM billing_bill "
                 "GROUP BY 1")  # fmt: skip
    return {row[0]: row[1:] for row in found}


def granted() -> dict[tuple[int, str], tuple[Any, ...]]:
    found = rows("SELECT supply_point_id, programme, sum(kwh)::bigint, sum(amount)::bigint, sum(vat)::bigint, "
                 "sum(cash)::bigint FROM reliefs_grant GROUP BY 1, 2")  # fmt: skip
    return {row[:2]: row[2:] for row in found}


def empty_bills() -> None:
    """Take back what was billed and granted, so that the same province can be billed in the other way."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in ("reliefs_grant", "billing_billlink", "billing_billline", "billing_bill", "billing_billrunbook",
                      "billing_billingexception", "billing_billrun", "payments_allocation", "payments_payment",
                      "ledger_entry", "ledger_journal"):  # fmt: skip
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET session_replication_role = origin")


PROGRAMMES = {
    "one": {"2026-10-storm.yaml": factory.storm()},
    "stacked": {
        "2026-10-storm.yaml": factory.storm(),
        "2026-10-more.yaml": factory.storm(code="more", low=30, high=33, up_to=150, order=105),
        "2026-10-gift.yaml": factory.cash(),
    },
    "base-of-bill": {
        "2026-10-storm.yaml": factory.storm(low=60, high=70),
        "2026-10-more.yaml": factory.storm(code="more", low=60, high=70, order=105, base="bill"),
    },
}


@pytest.mark.parametrize("kind", PROGRAMMES)
def test_a_run_with_reliefs_is_a_run_and_a_batch(kind: str) -> None:
    province()
    points = [row[0] for row in rows("SELECT id FROM customers_supplypoint ORDER BY id LIMIT 40")]
    factory.listed("poor-households", points=points)
    bill()
    for file, text in PROGRAMMES[kind].items():
        factory.in_force(text, file=file)
    codes = sorted(one.code for one in queries.programmes(status="in-force"))
    applied(*codes)
    apart, given = owed(), granted()
    balances_are_those_of_the_bills()
    empty_bills()
    bill()
    assert owed() == apart and granted() == given and len(given) > 400
    assert rows("SELECT count(*) FROM billing_billlink") == [(0,)]
    balances_are_those_of_the_bills()
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    again = applied(*codes, name="sau đó")
    assert queries.progress(batch_id=again, phase=1).points == 0 and owed() == apart and granted() == given


def test_the_bill_says_what_was_taken_off_and_by_which_resolution() -> None:
    province()
    factory.in_force(factory.storm())
    bill()
    number, kwh, net, vat, rate = rows(
        "SELECT id, kwh, net, vat, vat_rate FROM billing_bill WHERE category = 'residential' AND kwh > 200 "
        "ORDER BY id LIMIT 1"
    )[0]
    lines = rows(f"SELECT kind, amount, line_no, kwh, price, reference FROM billing_billline WHERE bill_id = {number} "
                 "ORDER BY line_no")  # fmt: skip
    rated = sum(line[1] for line in lines if line[0] != "relief")
    relief = divide_half_up(rated * 10, 100)
    assert [line[2] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1][:2] == ("relief", -relief) and lines[-1][3:5] == (kwh, 0)
    assert (net, vat) == (rated - relief, share(rated - relief, rate))
    law = queries.citations_of_bill(bill_id=number, language="vi")[lines[-1][5]]
    assert law.text == "Nghị quyết storm, Điều 2"
    [grant] = queries.grants_of_bills(bill_ids=[number])
    assert (grant.adjusting_bill_id, grant.amount, grant.phase) == (number, relief, 0)
    run = billing.run(period=OCTOBER)
    assert run is not None and run.relief_version_id == grant.version_id
    assert queries.batch(batch_id=grant.batch_id).status == "standing" and queries.batches() == []
    found = run_billing.explain(bill_id=number)
    assert found.differences == () and found.derived == "bill"
    told = relieve_months.explain(supply_point_id=number // 10 % 10**9, month=OCTOBER)
    assert told.version_id == grant.version_id
    assert [rule.amount for rule in told.why.rules if rule.granted] == [relief]


def test_a_late_list_is_a_batch_and_gives_the_difference_only() -> None:
    world.big_world(books=BOOKS, points=POINTS)
    factory.in_force(factory.storm(listed="poor-households: last-billed-day"))
    points = [
        row[0] for row in rows("SELECT id FROM customers_supplypoint WHERE id % 10 > 0 ORDER BY id LIMIT 20")
    ]
    factory.listed("poor-households", points=points[:10])
    bill()
    billed = {point for point, _ in granted()}
    assert billed and billed <= set(points[:10])
    factory.listed("poor-households", points=points[10:])
    number = applied()
    late = {row[0] for row in rows(f"SELECT supply_point_id FROM reliefs_grant WHERE batch_id = {number}")}
    assert late and late <= set(points[10:])
    for point in (*billed, *late):
        regular = billing.bills_of(supply_point_ids=[point])[-1]
        assert run_billing.explain(bill_id=regular.id).differences == ()
    balances_are_those_of_the_bills()


def test_a_better_edition_after_the_run_adds_the_difference() -> None:
    province()
    factory.in_force(factory.storm())
    bill()
    factory.in_force(factory.storm(low=20, high=20))
    applied()
    nets = rows("SELECT b.id, b.net + g.amount FROM billing_bill b JOIN reliefs_grant g ON g.bill_id = b.id "
                "AND g.phase = 0 WHERE b.id % 10 = 0")  # fmt: skip
    wanted = sum(divide_half_up(net * 20, 100) for _, net in nets)
    assert rows("SELECT sum(amount)::bigint FROM reliefs_grant") == [(wanted,)]
    balances_are_those_of_the_bills()


def test_no_programme_for_the_month_leaves_no_trace() -> None:
    province()
    factory.in_force(factory.storm(start="2026-12-01", until="2027-01-01"))
    bill()
    run = billing.run(period=OCTOBER)
    assert run is not None and run.relief_version_id is None
    assert rows("SELECT count(*) FROM reliefs_batch") == [(0,)]
    assert rows("SELECT count(*) FROM billing_billline WHERE kind = 'relief'") == [(0,)]


def test_a_later_start_of_the_run_gives_by_the_version_it_began_with() -> None:
    province()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE customers_agreementterm SET category = 'residential'")
        cursor.execute("SET session_replication_role = origin")
    factory.in_force(factory.storm())
    bill()
    before = granted()
    factory.in_force(factory.storm(low=50, high=50))
    point = billing.open_exceptions(period=OCTOBER, limit=1)[0].supply_point_id
    world.close_october(point, 300)
    bill()
    new = {key: value for key, value in granted().items() if key not in before}
    [(key, (kwh, amount, _, _))] = new.items()
    assert key == (point, "storm") and kwh == 300
    net = rows(f"SELECT net FROM billing_bill WHERE supply_point_id = {point}")[0][0]
    assert amount == divide_half_up((net + amount) * 10, 100)


def test_another_account_bears_it_inside_the_run() -> None:
    province()
    factory.in_force(factory.storm(account="1388"))
    bill()
    sums = dict(rows("SELECT a.code, sum(e.amount)::bigint FROM ledger_entry e JOIN ledger_account a ON "
                     "a.id = e.account_id WHERE a.chart <> '131' GROUP BY 1"))  # fmt: skip
    taken = rows("SELECT sum(amount)::bigint FROM reliefs_grant")[0][0]
    net, vat = rows("SELECT sum(net)::bigint, sum(vat)::bigint FROM billing_bill")[0]
    assert sums == {"1388": taken, "511": -(net + taken), "33311": -vat}
    balances_are_those_of_the_bills()


def test_free_electricity_leaves_a_bill_of_nothing() -> None:
    province()
    factory.in_force(factory.storm(low=100, high=100))
    bill()
    assert rows("SELECT DISTINCT net, vat, total FROM billing_bill WHERE category = 'residential'") == [
        (0, 0, 0)
    ]
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    assert rows("SELECT count(*) FROM ledger_entry e JOIN billing_bill b ON b.id = e.document "
                "WHERE b.category = 'residential'") == [(0,)]  # fmt: skip


def test_the_check_finds_a_grant_that_is_not_on_the_bill() -> None:
    province()
    factory.in_force(factory.storm())
    bill()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE reliefs_grant SET amount = amount + 1 WHERE bill_id = (SELECT min(bill_id) FROM "
                       "reliefs_grant)")  # fmt: skip
        cursor.execute("SET session_replication_role = origin")
    report = run_billing.check(period=OCTOBER)
    assert [one.code for one in report.violations] == ["relief"]


def test_grants_of_bills_belong_to_the_months_standing_batch() -> None:
    province()
    factory.in_force(factory.storm())
    bill()
    names = ("bill_id, batch_id, phase, line_no, supply_point_id, month, adjusting_bill_id, programme, rule, "
             "kwh, amount, vat, cash, reference")  # fmt: skip
    columns = names.replace("phase", "{phase}").replace("line_no", "line_no + 5").replace("month", "{month}")
    for phase, month in ((1, "month"), (0, "month + 40")):
        with pytest.raises(IntegrityError, match="not at work"), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO reliefs_grant ({names}) SELECT {columns.format(phase=phase, month=month)} "
                           "FROM reliefs_grant LIMIT 1")  # fmt: skip


def test_the_dry_run_shows_relief_by_programme() -> None:
    province()
    factory.in_force(factory.storm())
    factory.in_force(factory.cash(), file="2026-10-gift.yaml")
    factory.listed(
        "poor-households", points=[row[0] for row in rows("SELECT id FROM customers_supplypoint LIMIT 30")]
    )
    found = run_billing.dry_run(period=OCTOBER, at=AT)
    assert rows("SELECT count(*) FROM billing_bill") == [(0,)]
    bill()
    given = rows("SELECT programme, count(DISTINCT bill_id), sum(amount)::bigint, sum(vat)::bigint, sum(cash)::bigint "
                 "FROM reliefs_grant GROUP BY 1 ORDER BY 1")  # fmt: skip
    told = [(one.programme, one.bills, one.net, one.vat, one.cash) for one in found.reliefs]
    assert sorted(told) == given and len(given) == 2
    assert found.sums().now.total == rows("SELECT sum(total)::bigint FROM billing_bill")[0][0]
    assert found.period == dt.date(2026, 10, 1)
