"""Granting relief to billed months as a batch, and taking it back: bills, lines, ledger, credit, four eyes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.factories import billing as world
from tests.factories import reliefs as factory
from thapsang.domain.billing.types import bill_id
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.types import BatchStateError, FourEyesError, ReliefError, UnknownProgrammeError
from thapsang.engines.money import divide_half_up, share
from thapsang.journeys import relieve_months, run_billing

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, AT = world.OCTOBER, factory.AT


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def asked(*programmes: str, name: str = "đợt 1") -> int:
    number = relieve_months.ask(
        programmes=programmes or ("storm",), months=[OCTOBER], name=name, actor=factory.ASKER, reason="bão", at=AT
    )  # fmt: skip
    assert relieve_months.compute(batch_id=number).status == "ready"
    return number


def applied(*programmes: str, name: str = "đợt 1") -> int:
    number = asked(*programmes, name=name)
    relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    done = relieve_months.run(batch_id=number, workers=1, at=AT)
    assert (done.status, done.finished_at) == ("applied", AT)
    return number


def reversed_(number: int) -> None:
    relieve_months.ask_reversal(batch_id=number, actor=factory.ASKER, reason="nhầm", at=AT)
    relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    assert relieve_months.run(batch_id=number, workers=1, at=AT).status == "reversed"


def expected() -> dict[int, tuple[int, int]]:
    """Return relief and its VAT by point, worked out from the regular bills."""
    bills = rows("SELECT supply_point_id, kwh, net, vat_rate FROM billing_bill WHERE id % 10 = 0 "
                 "AND category = 'residential' AND net > 0")  # fmt: skip
    found = {}
    for point, kwh, net, rate in bills:
        relief = divide_half_up(net * (15 if kwh <= 200 else 10), 100)
        found[point] = (relief, share(net, rate) - share(net - relief, rate))
    return found


def balances_are_those_of_the_bills() -> None:
    """Every customer owes the sum of the bills; the ledger balances."""
    wrong = rows(
        "SELECT c.id FROM customers_customer c JOIN (SELECT customer_id, sum(total) AS total FROM billing_bill "
        "GROUP BY 1) b ON b.customer_id = c.id LEFT JOIN (SELECT account_id, sum(amount) AS owed FROM ledger_entry "
        "GROUP BY 1) e ON e.account_id = c.account_id WHERE coalesce(e.owed, 0) <> b.total"
    )
    assert wrong == []
    assert ledger.unbalanced_journals() == [] and sum(line.balance for line in ledger.trial_balance()) == 0


@pytest.fixture
def province() -> None:
    world.big_world(books=6, points=600)
    run_billing.start(period=OCTOBER, workers=1)
    factory.listed("directive-16", areas=["99999"])
    factory.in_force(factory.storm())


@pytest.mark.usefixtures("province")
def test_each_customer_gets_one_adjusting_bill_with_the_resolution_on_its_line() -> None:
    number, wanted = applied(), expected()
    made = rows(
        "SELECT b.supply_point_id, -b.net, -b.vat, b.id % 10, b.kwh, b.issued_on, l.of_bill_id, l.kind, l.origin, "
        "l.relief_version_id, b.total - b.net - b.vat, b.id / 10 = l.of_bill_id / 10 "
        "FROM billing_bill b JOIN billing_billlink l ON l.bill_id = b.id"
    )
    version = queries.batch(batch_id=number).version_id
    assert {row[0]: row[1:3] for row in made} == wanted
    assert {row[3:6] for row in made} == {(1, 0, dt.date(2026, 11, 23))}
    assert {row[7:] for row in made} == {("adjusts", f"relief:{number}", version, 0, True)}
    lines = rows(
        "SELECT kind, price, tier, band, -amount, kwh > 0, reference FROM billing_billline WHERE bill_id % 10 = 1"
    )
    assert {line[:4] for line in lines} == {("relief", 0, 0, "")} and all(line[5] for line in lines)
    assert sum(line[4] for line in lines) == sum(relief for relief, _ in wanted.values())
    references = queries.references(version_id=version)
    assert {references[line[6]].article for line in lines} == {"Điều 1", "Điều 2"}
    adjusting = rows("SELECT id FROM billing_bill WHERE id % 10 = 1 LIMIT 1")[0][0]
    law = queries.citations_of_bill(bill_id=adjusting, language="vi")[1]
    assert law.text == "Nghị quyết storm, Điều 1"
    assert queries.citations_of_bill(bill_id=adjusting - 1, language="vi") == {}
    balances_are_those_of_the_bills()
    entries = rows("SELECT a.code, sum(e.amount) FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id "
                   "JOIN ledger_account a ON a.id = e.account_id WHERE j.kind = 'relief' AND a.chart <> '131' "
                   "GROUP BY 1 ORDER BY 1")  # fmt: skip
    net, vat = (sum(pair[place] for pair in wanted.values()) for place in (0, 1))
    assert entries == [("33311", vat), ("511", net)]
    references_used = rows("SELECT reference FROM ledger_journal WHERE kind = 'relief' ORDER BY reference")
    assert references_used[0] == (f"relief:{number}:2026-10:BG000001",) and len(references_used) == 6
    now = queries.progress(batch_id=number, phase=1)
    assert (now.done, now.points, now.bills, now.net, now.vat) == (
        now.books,
        len(wanted),
        len(wanted),
        net,
        vat,
    )


@pytest.mark.usefixtures("province")
def test_the_relief_pays_the_bill_it_stands_beside() -> None:
    applied()
    paid = dict(rows("SELECT bill_id, sum(amount)::bigint FROM payments_allocation GROUP BY 1"))
    bills = dict(
        rows("SELECT l.of_bill_id, -b.total FROM billing_bill b JOIN billing_billlink l ON l.bill_id = b.id")
    )
    assert paid == bills and len(paid) == len(expected())


@pytest.mark.usefixtures("province")
def test_applied_twice_gives_nothing_new() -> None:
    applied()
    before = rows("SELECT count(*), sum(total) FROM billing_bill")
    second = applied(name="lại lần nữa")
    assert rows("SELECT count(*), sum(total) FROM billing_bill") == before
    assert queries.progress(batch_id=second, phase=1).points == 0
    assert rows(f"SELECT count(*) FROM reliefs_grant WHERE batch_id = {second}") == [(0,)]
    assert relieve_months.run(batch_id=second, at=AT).status == "applied"


@pytest.mark.usefixtures("province")
def test_a_better_edition_posts_only_the_difference_and_a_worse_one_takes_back() -> None:
    applied()
    first = rows("SELECT sum(amount)::bigint FROM reliefs_grant")[0][0]
    factory.in_force(factory.storm(low=20, high=10))
    applied()
    twenty = sum(
        divide_half_up(net * (20 if kwh <= 200 else 10), 100)
        for kwh, net in rows(
            "SELECT kwh, net FROM billing_bill WHERE id % 10 = 0 AND category = 'residential'"
        )
    )
    assert rows("SELECT sum(amount)::bigint FROM reliefs_grant") == [(twenty,)] and twenty > first
    factory.in_force(factory.storm())
    applied()
    assert rows("SELECT sum(amount)::bigint FROM reliefs_grant") == [(first,)]
    assert rows("SELECT max(id % 10) FROM billing_bill") == [(3,)]
    balances_are_those_of_the_bills()


@pytest.mark.usefixtures("province")
def test_reversed_as_one_batch_everybody_owes_what_was_billed() -> None:
    number = applied()
    reversed_(number)
    assert rows("SELECT sum(amount)::bigint, sum(vat)::bigint FROM reliefs_grant") == [(0, 0)]
    assert rows("SELECT sum(total)::bigint FROM billing_bill WHERE id % 10 > 0") == [(0,)]
    balances_are_those_of_the_bills()
    back = queries.progress(batch_id=number, phase=2)
    assert back.net == -queries.progress(batch_id=number, phase=1).net and back.done == back.books
    assert relieve_months.run(batch_id=number, at=AT).status == "reversed"
    again = applied(name="sau khi đảo")
    assert queries.progress(batch_id=again, phase=1).points == len(expected())
    balances_are_those_of_the_bills()


@pytest.mark.usefixtures("province")
def test_cash_is_granted_beside_the_bill_not_on_it() -> None:
    factory.in_force(factory.cash(), file="2026-10-gift.yaml")
    points = [
        row[0]
        for row in rows("SELECT supply_point_id FROM billing_bill WHERE category = 'residential' LIMIT 4")
    ]
    factory.listed("poor-households", points=points)
    number = applied("gift")
    assert rows("SELECT DISTINCT cash, amount, adjusting_bill_id FROM reliefs_grant") == [
        (30 * 1984, 0, None)
    ]
    assert rows("SELECT count(*) FROM billing_bill WHERE id % 10 > 0") == [(0,)]
    assert queries.progress(batch_id=number, phase=1).cash == 4 * 30 * 1984
    reversed_(number)
    assert rows("SELECT sum(cash)::bigint FROM reliefs_grant") == [(0,)]


@pytest.mark.usefixtures("province")
def test_a_funding_account_bears_the_net() -> None:
    factory.in_force(factory.storm(code="state", order=120, account="1388"), file="2026-10-state.yaml")
    applied("state")
    sums = dict(rows("SELECT a.code, sum(e.amount)::bigint FROM ledger_entry e JOIN ledger_journal j ON "
                     "j.id = e.journal_id JOIN ledger_account a ON a.id = e.account_id WHERE j.kind = 'relief' "
                     "AND a.chart <> '131' GROUP BY 1"))  # fmt: skip
    granted = rows("SELECT sum(amount)::bigint, sum(vat)::bigint FROM reliefs_grant")[0]
    assert sums == {"1388": granted[0], "33311": granted[1]}
    balances_are_those_of_the_bills()


@pytest.mark.usefixtures("province")
def test_two_people_and_the_right_order() -> None:
    number = asked()
    with pytest.raises(BatchStateError, match="approved by a second person"):
        relieve_months.run(batch_id=number, at=AT)
    with pytest.raises(FourEyesError, match="somebody else approves"):
        relieve_months.approve(batch_id=number, actor=factory.ASKER, at=AT)
    factory.listed("poor-households", points=[rows("SELECT min(id) FROM customers_supplypoint")[0][0]])
    with pytest.raises(BatchStateError, match="compute it again"):
        relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    relieve_months.compute(batch_id=number)
    relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    with pytest.raises(BatchStateError):
        relieve_months.ask_reversal(batch_id=number, actor=factory.ASKER, reason="x", at=AT)
    relieve_months.run(batch_id=number, workers=1, at=AT)
    with pytest.raises(BatchStateError, match="ask first"):
        relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    relieve_months.ask_reversal(batch_id=number, actor=factory.APPROVER, reason="nhầm", at=AT)
    with pytest.raises(FourEyesError):
        relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    with pytest.raises(ReliefError, match="Say why"):
        relieve_months.refuse(batch_id=number, actor=factory.APPROVER, reason=" ", at=AT)
    with pytest.raises(UnknownProgrammeError):
        relieve_months.ask(programmes=["nothing"], months=[OCTOBER], name="", actor="a", reason="b", at=AT)
    with pytest.raises(ReliefError, match="2026-09 was never billed"):
        relieve_months.ask(
            programmes=["storm"], months=[dt.date(2026, 9, 1)], name="", actor="a", reason="b", at=AT
        )


@pytest.mark.usefixtures("province")
def test_the_database_itself_refuses() -> None:
    number = applied()
    for statement, said in (
        ("UPDATE reliefs_grant SET amount = 0", "only grows"),
        ("DELETE FROM reliefs_grant", "only grows"),
        ("UPDATE reliefs_bookversion SET content = '{}'", "only grows"),
        ("DELETE FROM reliefs_evidence", "only grows"),
        ("UPDATE reliefs_batch SET approved_by = asked_by", "batch_two_people"),
        ("UPDATE reliefs_programme SET reviewed_by = drafted_by", "programme_two_people"),
        ("UPDATE reliefs_programme SET text = 'x'", "stays as drafted"),
        ("UPDATE reliefs_programme SET status = 'draft'", "cannot go from"),
    ):  # fmt: skip
        with pytest.raises(Exception, match=said), connection.cursor() as cursor:
            cursor.execute(statement)
    columns = (
        "bill_id, batch_id, phase, line_no, supply_point_id, month, adjusting_bill_id, programme, rule, kwh, "
        "amount, vat, cash, reference"
    )
    with pytest.raises(IntegrityError, match="not at work"), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO reliefs_grant ({columns}) SELECT {columns.replace('line_no', 'line_no + 5')} "
            f"FROM reliefs_grant WHERE batch_id = {number} LIMIT 1"
        )


@pytest.mark.usefixtures("province")
@pytest.mark.parametrize("far", [False, True], ids=["close", "far apart"])
def test_a_link_to_a_bill_that_is_not_there_is_refused(far: bool) -> None:
    """Numbers that lie close are looked at as a range, others one by one: neither lets a wrong one through."""
    points = [
        row[0] for row in rows("SELECT supply_point_id FROM billing_bill WHERE id % 10 = 0 ORDER BY id")
    ]
    first, second = points[0], points[-1] if far else points[1]
    number = queries.batch(batch_id=applied()).version_id
    insert = (
        "INSERT INTO billing_billlink (bill_id, of_bill_id, kind, origin, relief_version_id) VALUES "
        f"({bill_id(OCTOBER, first, 2)}, {bill_id(OCTOBER, first, 1)}, 'adjusts', 'relief:9', {number}), "
        f"({bill_id(OCTOBER, second, 2)}, {bill_id(OCTOBER, second)}, 'adjusts', 'relief:9', {number})"
    )
    with (
        pytest.raises(IntegrityError, match="the bill it follows does not exist"),
        connection.cursor() as cursor,
    ):
        cursor.execute(insert)


@pytest.mark.usefixtures("province")
def test_why_tells_rule_by_rule_from_the_version_that_granted() -> None:
    number = applied()
    point, kwh = rows("SELECT supply_point_id, kwh FROM billing_bill WHERE id % 10 = 0 AND category = 'residential' "
                      "AND kwh > 200 ORDER BY id LIMIT 1")[0]  # fmt: skip
    found = relieve_months.explain(supply_point_id=point, month=OCTOBER)
    assert found.version_id == queries.batch(batch_id=number).version_id
    told = {rule.rule: rule for rule in found.why.rules if rule.programme == "storm"}
    assert (told["small"].granted, told["large"].granted) == (False, True)
    assert found.grants[0].amount == told["large"].amount
    limit = next(f for f in told["small"].findings if f.name == "up-to")
    assert (limit.holds, limit.value) == (False, f"{kwh} kWh, limit 200")
    business = rows("SELECT supply_point_id FROM billing_bill WHERE category = 'business' LIMIT 1")[0][0]
    other = relieve_months.explain(supply_point_id=business, month=OCTOBER)
    assert other.version_id is None and not any(rule.granted for rule in other.why.rules)
