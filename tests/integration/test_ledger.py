"""The ledger's guards are the database's: whoever writes, by whichever way, meets them."""

from __future__ import annotations

import datetime as dt
import subprocess

import psycopg
import pyarrow as pa
import pytest
from django.db import IntegrityError, connection, transaction

from thapsang.domain.ledger import bulk, operations, queries
from thapsang.domain.ledger.types import AlreadyPostedError, UnbalancedError, UnknownAccountError
from thapsang.kit.bulk.copy import bulk_connection, url
from thapsang.kit.db.embedded import programs
from thapsang.kit.db.transactions import TransactionRequiredError

AT = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 23)


def accounts() -> tuple[int, int, int]:
    with transaction.atomic():
        return tuple(  # type: ignore[return-value]
            operations.open_account(chart=code.split(":")[0], code=code)
            for code in ("131:K1", "511", "33311")
        )


def post(reference: str, entries: list[tuple[int, int, int | None]]) -> int:
    with transaction.atomic():
        return operations.post(kind="test", reference=reference, business_date=DAY, at=AT, entries=entries)


def is_posted(reference: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM ledger_journal WHERE reference = %s", [reference])
        return cursor.fetchone() is not None


@pytest.mark.django_db
def test_a_posting_moves_balances() -> None:
    customer, revenue, vat = accounts()
    post("J1", [(customer, 108_000, 77), (revenue, -100_000, None), (vat, -8_000, None)])
    bank = operations.open_account(chart="112", code="112")
    post("J2", [(customer, -120_000, 5), (bank, 120_000, 5)])
    assert queries.balance(account_id=customer) == -12_000
    assert queries.balances(account_ids=[customer, bank, 999]) == {customer: -12_000, bank: 120_000, 999: 0}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reference, amount, document FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id "
            "WHERE account_id = %s ORDER BY e.id",
            [customer],
        )
        assert cursor.fetchall() == [("J1", 108_000, 77), ("J2", -120_000, 5)]
    trial = {line.chart: line.balance for line in queries.trial_balance()}
    assert trial == {"112": 120_000, "131": -12_000, "33311": -8_000, "511": -100_000}
    assert sum(trial.values()) == 0
    assert queries.unbalanced_journals() == []


@pytest.mark.django_db
@pytest.mark.parametrize("amounts", [[5], [5, -4], [5, -5, 0], []])
def test_an_unbalanced_posting_is_refused_before_the_database(amounts: list[int]) -> None:
    customer, *_ = accounts()
    with pytest.raises(UnbalancedError, match="'J1'"):
        post("J1", [(customer, amount, None) for amount in amounts])


@pytest.mark.django_db
def test_the_same_reference_is_posted_once_and_the_transaction_stays_usable() -> None:
    customer, revenue, _ = accounts()
    with transaction.atomic():
        post("J1", [(customer, 5, None), (revenue, -5, None)])
        with pytest.raises(AlreadyPostedError, match="J1"):
            operations.post(
                kind="test",
                reference="J1",
                business_date=DAY,
                at=AT,
                entries=[(customer, 7, None), (revenue, -7, None)],
            )
        assert queries.balance(account_id=customer) == 5


@pytest.mark.django_db(transaction=True)
def test_posting_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionRequiredError):
        operations.post(
            kind="test", reference="J", business_date=DAY, at=AT, entries=[(1, 1, None), (2, -1, None)]
        )


@pytest.mark.django_db
def test_an_unknown_account_is_named() -> None:
    customer, *_ = accounts()
    with pytest.raises(UnknownAccountError, match="131:K9"):
        queries.account_id(code="131:K9")
    with pytest.raises(UnknownAccountError, match="999999"):
        operations.lock_accounts(account_ids=[customer, 999_999])
    with pytest.raises(IntegrityError, match="999999 does not exist"):
        post("J1", [(customer, 5, None), (999_999, -5, None)])


def journal(cursor: psycopg.Cursor[tuple[int]], reference: str) -> int:
    cursor.execute(
        "INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in) "
        "VALUES ('test', %s, '2026-11-23', now(), 'forged') RETURNING id",
        [reference],
    )
    return cursor.fetchone()[0]  # type: ignore[index]


INSERT = "INSERT INTO ledger_entry (journal_id, account_id, amount) VALUES (%s, %s, %s)"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("amounts", [[5, -4], [5], []])
def test_the_database_refuses_an_unbalanced_journal_at_commit(amounts: list[int]) -> None:
    customer, *_ = accounts()
    with pytest.raises(psycopg.IntegrityError, match="J9 does not balance"), psycopg.connect(url()) as other:
        cursor = other.cursor()
        number = journal(cursor, "J9")
        for amount in amounts:
            cursor.execute(INSERT, [number, customer, amount])
    assert not is_posted("J9")


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_entries_that_come_late() -> None:
    customer, revenue, _ = accounts()
    number = post("J1", [(customer, 5, None), (revenue, -5, None)])
    with psycopg.connect(url()) as other, pytest.raises(psycopg.IntegrityError, match="closed or unknown"):
        other.execute(f"{INSERT}, (%s, %s, %s)",
                      [number, customer, 1, number, revenue, -1])  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_checking_early_does_not_open_a_back_door() -> None:
    customer, revenue, _ = accounts()
    with psycopg.connect(url()) as other:
        cursor = other.cursor()
        number = journal(cursor, "J1")
        cursor.execute(INSERT, [number, customer, 5])
        cursor.execute(INSERT, [number, revenue, -5])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(psycopg.IntegrityError, match="checked already"):
            cursor.execute(INSERT, [number, revenue, -7])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["ledger_journal", "ledger_entry", "ledger_account"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = id + 100", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_the_database_refuses_to_change_what_is_posted(table: str, statement: str) -> None:
    customer, revenue, _ = accounts()
    post("J1", [(customer, 5, None), (revenue, -5, None)])
    with psycopg.connect(url()) as other, pytest.raises(psycopg.IntegrityError, match="only grows") as caught:
        other.execute(statement.format(table))
    assert caught.value.diag.message_hint == "Post a new journal that corrects the old one."


@pytest.mark.django_db(transaction=True)
def test_a_copy_by_psql_meets_the_same_guard() -> None:
    customer, revenue, _ = accounts()
    script = (
        "BEGIN;\n"
        "COPY ledger_journal (id, kind, reference, business_date, posted_at, created_in) FROM stdin;\n"
        "900\ttest\tJ1\t2026-11-23\t2026-11-23\tx\n\\.\n"
        "COPY ledger_entry (journal_id, account_id, amount) FROM stdin;\n"
        f"900\t{customer}\t5\n900\t{revenue}\t-6\n\\.\n"
        "COMMIT;\n"
    )
    done = subprocess.run(
        [str(programs() / "psql"), url(), "-v", "ON_ERROR_STOP=1"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "J1 does not balance: 2 entries, sum -1" in done.stderr
    assert not is_posted("J1")


@pytest.mark.django_db(transaction=True)
def test_columns_go_in_by_one_copy_and_balance_or_not_at_all() -> None:
    codes = [f"131:K{n}" for n in range(500)]
    with bulk_connection() as link:
        opened = bulk.open_accounts(link, pa.table({"chart": ["131"] * 500, "code": codes}))
        revenue = bulk.chart_account(link, chart="511")
        link.commit()
    assert queries.account_id(code="131:K499") == opened["id"][499].as_py()
    assert opened["code"].to_pylist() == codes
    for surplus, posted in ((1, False), (0, True)):
        with bulk_connection() as link:
            [number] = bulk.open_journals(
                link, kind="bills", references=["bills:2026-10:B'1"], business_date=DAY, at=AT
            )
            amounts = [1000] * 500 + [-500_000 - surplus]
            entries = pa.table(
                {
                    "journal_id": pa.array([number] * 501, pa.int64()),
                    "account_id": pa.array([*opened["id"].to_pylist(), revenue], pa.int64()),
                    "amount": pa.array(amounts, pa.int64()),
                    "document": pa.array([*range(500), None], pa.int64()),
                }
            )
            assert bulk.post_columns(link, entries) == 501
            if posted:
                link.commit()
            else:
                with pytest.raises(Exception, match="does not balance"):
                    link.commit()
        assert is_posted("bills:2026-10:B'1") is posted
    with bulk_connection() as link:
        documents = bulk.posted_documents(link, kind="bills", prefix="bills:2026-10:")
    assert documents.num_rows == 500
    assert set(documents["amount"].to_pylist()) == {1000}


@pytest.mark.django_db(transaction=True)
def test_accounts_are_locked_in_one_order() -> None:
    customer, revenue, vat = accounts()
    with transaction.atomic():
        operations.lock_accounts(account_ids=[vat, customer])
        with psycopg.connect(url()) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("SELECT id FROM ledger_account WHERE id = %s FOR NO KEY UPDATE", [customer])
            other.rollback()
            other.execute("SELECT id FROM ledger_account WHERE id = %s FOR NO KEY UPDATE", [revenue])
    assert not connection.in_atomic_block
