"""The demonstration province: what it holds, that it is all or nothing, and that it is always the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from rich.progress import Progress

from thapsang.domain.customers import operations, queries, types
from thapsang.domain.customers.bulk import billing_terms
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.metering import bulk as metering
from thapsang.domain.network import queries as network
from thapsang.interfaces.cli import demo_steps
from thapsang.journeys.load_demo import DemoError, Loaded, load, logins
from thapsang.journeys.load_demo.plan import make_plan
from thapsang.kit.bulk.copy import bulk_connection, url
from thapsang.kit.db.transactions import transaction

AT = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
PERIOD = (date(2026, 10, 1), date(2026, 11, 1))
transactional = pytest.mark.django_db(transaction=True)


def _rows(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


_GUARDS = """
SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE conrelid::regclass::text !~ '^metering_reading_'
UNION ALL
SELECT indexname, tablename, indexdef, true FROM pg_indexes WHERE tablename !~ '^(pg_|metering_reading_)'
UNION ALL
SELECT tgname, tgrelid::regclass::text, tgenabled::text, true
FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text !~ '^metering_reading_'
ORDER BY 1, 2, 3
"""
_FINGERPRINT = """
SELECT (SELECT md5(string_agg(concat(code, name, tax_code, id_number_index::text), ';' ORDER BY id))
        FROM customers_customer),
       (SELECT md5(string_agg(concat(address, commune_id), ';' ORDER BY id)) FROM customers_premises),
       (SELECT md5(string_agg(concat(register_id, read_on, value), ';' ORDER BY register_id, read_on))
        FROM metering_reading)
"""


def _guards() -> list[tuple[object, ...]]:
    return _rows(_GUARDS)


def _fingerprint() -> list[tuple[object, ...]]:
    return _rows(_FINGERPRINT)


@pytest.fixture
def province(transactional_db: None) -> Iterator[Loaded]:
    yield load(customers=1500, at=AT, processes=0)


@transactional
def test_the_province_is_whole(province: Loaded) -> None:
    assert (province.customers, province.first_reading, province.last_reading) == (
        1500,
        date(2025, 10, 1),
        PERIOD[1],
    )
    assert len(network.area_teams()) == 18
    assert len(network.communes()) == 130
    assert {len(team.code) for team in network.area_teams()} == {6}
    assert any(team.doubt for team in network.area_teams()) and not all(
        team.doubt for team in network.area_teams()
    )
    assert _rows(
        "SELECT count(DISTINCT read_on) FROM metering_reading WHERE extract(day FROM read_on) = 1"
    ) == [(14,)]
    codes = [code for (code,) in _rows("SELECT code FROM customers_customer")]
    assert all(types.check_customer_code(str(code)) == code for code in codes)
    taxes = _rows("SELECT tax_code FROM customers_customer WHERE kind = 'organisation'")
    assert taxes and all(types.check_tax_code(str(tax)) == tax for (tax,) in taxes)
    households = _rows(
        "SELECT avg((category IN ('residential', 'tenant', 'residential-prepaid'))::int) "
        "FROM customers_agreementterm"
    )
    assert 0.86 < float(str(households[0][0])) < 0.92


@transactional
def test_books_are_whole_and_their_points_consecutive(province: Loaded) -> None:
    spans = _rows(
        "SELECT book_id, min(id), max(id), count(*) FROM customers_supplypoint GROUP BY 1 ORDER BY 1"
    )
    assert all(int(str(last)) - int(str(first)) + 1 == count for _, first, last, count in spans)
    assert len(spans) == len(network.books())
    strangers = _rows(
        "SELECT count(*) FROM customers_supplypoint p JOIN network_readingbook b ON b.id = p.book_id "
        "JOIN customers_premises r ON r.id = p.premises_id JOIN network_commune m ON m.id = r.commune_id "
        "WHERE m.area_team_id <> b.area_team_id"
    )
    assert strangers == [(0,)]


@transactional
def test_every_point_can_be_billed_or_says_why_not(province: Loaded) -> None:
    books = [book.id for book in network.books()]
    with bulk_connection() as link:
        usage, issues = metering.period_usage(link, book_ids=books, period=PERIOD[0])
        terms = billing_terms(link, book_ids=books, start=PERIOD[0], end=PERIOD[1])
    points = set(usage["point"].to_pylist()) | set(issues["point"].to_pylist())
    assert len(points) == usage.num_rows + issues.num_rows == province.points
    assert set(terms["point"].to_pylist()) == points
    assert issues.num_rows < 0.01 * province.points
    assert set(issues["code"].to_pylist()) <= {"missing-reading", "backwards"}


@transactional
def test_the_known_people_are_found_by_their_phones(province: Loaded) -> None:
    known = logins()
    assert len(known) >= 5
    for person in known:
        found = queries.customers_by_phone(phone=person["phone"])
        assert [customer.code for customer in found] == [person["customer_code"]]
    two = queries.find_customer(code=next(p["customer_code"] for p in known if p["key"] == "two-points"))
    assert two and len(queries.supply_points_of(customer_ids=[two.id], on=AT.date())) == 2


@transactional
def test_everything_that_was_taken_off_is_back(transactional_db: None) -> None:
    before = _guards()
    load(customers=300, at=AT, processes=0)
    assert _guards() == before
    silent = _rows("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'D'")
    assert silent == [(0,)]


@transactional
def test_life_goes_on_after_the_load(province: Loaded) -> None:
    with transaction():
        code = operations.next_customer_code(unit="PA13VH")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_account (chart, code) VALUES ('131', %s) RETURNING id", [f"131:{code}"]
            )
            account = cursor.fetchone()[0]
        made = operations.create_customer(code=code, kind="person", name="Lê An", account_id=account, at=AT)
        premises = operations.create_premises(address="Số 1", commune_id=network.communes()[0].id)
        operations.create_supply_point(
            customer_code=code, premises_id=premises, book_id=network.books()[0].id
        )
    assert made == province.customers + 1


@transactional
def test_the_same_seed_gives_the_same_province(transactional_db: None) -> None:
    load(customers=400, at=AT, processes=0)
    first = _fingerprint()
    again = load(customers=400, at=AT, processes=0, fresh=True)
    assert _fingerprint() == first and not again.already
    load(customers=400, seed=41, at=AT, processes=0, fresh=True)
    assert _fingerprint() != first


@transactional
def test_a_province_that_is_there_is_left_alone(province: Loaded) -> None:
    again = load(customers=1500, at=AT, processes=0)
    assert again.already and again.points == province.points
    with pytest.raises(DemoError, match="add --fresh"):
        load(customers=200, at=AT, processes=0)


@transactional
def test_fresh_wipes_what_was_posted_too(province: Loaded) -> None:
    with bulk_connection() as link:
        account = ledger.chart_account(link, chart="112")
        other = ledger.chart_account(link, chart="511")
        journal = ledger.open_journals(link, kind="x", references=["x:1"], business_date=AT.date(), at=AT)[0]
        with link.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_entry (journal_id, account_id, amount) "
                f"VALUES ({journal}, {account}, 5), ({journal}, {other}, -5)"
            )
        link.commit()
    load(customers=200, at=AT, processes=0, fresh=True)
    assert _rows(
        "SELECT (SELECT count(*) FROM ledger_journal), (SELECT count(*) FROM customers_customer)"
    ) == [(0, 200)]


@transactional
def test_real_customers_are_never_touched(transactional_db: None) -> None:
    from tests.factories.customers import make_place, make_supplied

    make_supplied(make_place())
    for fresh in (False, True):
        with pytest.raises(DemoError, match="nothing was changed"):
            load(customers=200, at=AT, processes=0, fresh=fresh)
    assert _rows("SELECT count(*) FROM customers_customer") == [(1,)]


@pytest.mark.parametrize("customers", [0, 99, 1_200_001])
def test_the_size_has_limits(customers: int) -> None:
    with pytest.raises(DemoError, match="from 100 to 1,200,000"):
        load(customers=customers, at=AT)


def test_production_never_runs_the_demonstration(settings, monkeypatch) -> None:
    monkeypatch.setattr(demo_steps, "call_command", lambda *_, **__: pytest.fail("the tables were touched"))
    settings.PRODUCTION = True
    with pytest.raises(DemoError, match="production"):
        demo_steps.prepare(Progress(disable=True), 100)


def test_production_never_gets_invented_people(settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(DemoError, match="production"):
        load(customers=200, at=AT)


_CHILD = """
import django; django.setup()
from datetime import datetime, timezone
from thapsang.journeys.load_demo import load
load(customers=60000, at=datetime(2026, 11, 23, tzinfo=timezone.utc), processes=0,
     progress=lambda *step: print(*step, flush=True))
"""


@transactional
def test_a_load_that_is_killed_leaves_nothing_and_can_be_repeated(transactional_db: None) -> None:
    before = _guards()
    counts = "SELECT (SELECT count(*) FROM customers_customer), (SELECT count(*) FROM ledger_account)"
    held = _rows(counts)
    environment = os.environ | {"DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "thapsang.config.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout and child.stdout.readline().startswith("people 0 ")
        assert child.stdout.readline().startswith("people 20000 ")
        child.send_signal(signal.SIGKILL)
    _wait_until_alone()
    assert _guards() == before
    assert _rows(counts) == held
    assert load(customers=200, at=AT, processes=0).customers == 200


def _wait_until_alone() -> None:
    """The server notices the dead client within moments and rolls its transaction back."""
    for _ in range(300):
        if _rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == [(1,)]:
            return
        time.sleep(0.1)


def test_a_plan_gives_every_customer_one_place() -> None:
    plan = make_plan(folder=settings.POLICIES / settings.DISTRIBUTOR, customers=50_000, seed=40)
    assert sum(len(chunk.team) for chunk in plan.chunks) == 50_000
    assert sum(int(chunk.points.sum()) for chunk in plan.chunks) == plan.points
    firsts = [chunk.first_point for chunk in plan.chunks]
    assert firsts == sorted(firsts) and firsts[0] == 1
    sizes = [0] * (len(plan.books) + 1)
    for chunk in plan.chunks:
        for book, points in zip(chunk.book.tolist(), chunk.points.tolist(), strict=True):
            sizes[book] += points
    assert all(500 <= size <= 1000 for size in sizes[1:])


@transactional
def test_chunks_made_by_other_processes_are_the_same(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thapsang.journeys.load_demo.plan.CHUNK_CUSTOMERS", 150)
    load(customers=600, at=AT, processes=0)
    alone = _fingerprint()
    load(customers=600, at=AT, processes=2, fresh=True)
    assert _fingerprint() == alone
