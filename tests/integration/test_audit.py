"""The audit log: what it keeps, that it only grows, and that every way round that is found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from thapsang.kit.audit import chain, queries
from thapsang.kit.audit.models import AuditEntry, AuditHead
from thapsang.kit.audit.operations import ChainBrokenError, record
from thapsang.kit.db.transactions import TransactionRequiredError

AT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def write(number: int = 1, **changes: Any) -> None:
    for index in range(number):
        values: dict[str, Any] = {
            "actor": "lan", "action": "customers.note-added", "subject": f"customer:PA13VH000000{index}",
            "before": None, "after": {"note": f"Gọi lại ngày {index}", "on": date(2026, 11, 24)},
            "reason": "khách yêu cầu", "at": AT + timedelta(minutes=index),
        } | changes  # fmt: skip
        with transaction.atomic():
            record(**values)


def behind_the_back(sql: str, *parameters: Any) -> None:
    """Change the log as a superuser can: with the triggers asleep."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, parameters)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def found() -> list[tuple[int, str]]:
    return [(problem.entry, problem.kind) for problem in queries.verify().problems]


@pytest.mark.django_db
class TestRecording:
    def test_an_entry_keeps_who_when_what_and_why(self) -> None:
        write()
        (entry,) = queries.entries()
        assert (entry.id, entry.actor_name, entry.action) == (1, "lan", "customers.note-added")
        assert entry.after == {"note": "Gọi lại ngày 0", "on": "2026-11-24"}
        assert entry.before is None and entry.reason == "khách yêu cầu" and entry.at == AT

    def test_places_have_no_gap_after_a_rollback(self) -> None:
        write()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record(
                actor=None, action="a.b", subject="s:1", before=None, after=None, reason="", at=AT
            )  # fmt: skip
            raise ZeroDivisionError
        write()
        assert [entry.id for entry in queries.entries()] == [2, 1]
        assert found() == []

    @pytest.mark.django_db(transaction=True)
    def test_outside_a_transaction_nothing_is_written(self) -> None:
        with pytest.raises(TransactionRequiredError):
            record(actor=None, action="a.b", subject="s:1", before=None, after=None, reason="", at=AT)

    def test_a_float_is_refused_because_its_digits_do_not_survive(self) -> None:
        with pytest.raises(TypeError, match="float"):
            write(after={"amount": 1.5})

    def test_a_nul_byte_and_odd_characters_survive_the_round_trip(self) -> None:
        write(reason="a\x00b ", after={"x": 'nháy " \\ \u2028 \U0001f4a1', "n": 10**17, "z": [True, None]})
        assert queries.entries()[0].reason == "ab"
        assert found() == []

    def test_filters(self) -> None:
        write(3)
        write(actor="minh", action="staff.added", subject="staff:an")
        assert [entry.subject for entry in queries.entries(actor="minh")] == ["staff:an"]
        assert len(queries.entries(action="customers.")) == 3
        assert [entry.id for entry in queries.entries(since=AT + timedelta(minutes=2))] == [3]
        assert [entry.id for entry in queries.entries(before_id=3)] == [2, 1]


@pytest.mark.django_db
class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_auditentry SET reason = 'x'",
            "DELETE FROM audit_auditentry",
            "TRUNCATE audit_auditentry",
            "DELETE FROM audit_audithead",
            "TRUNCATE audit_audithead",
            "UPDATE audit_audithead SET entries = 0",
        ],
    )
    def test_the_database_refuses(self, statement: str) -> None:
        write(2)
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert found() == []


@pytest.mark.django_db
class TestVerify:
    def test_an_empty_log_and_a_true_one_are_whole(self) -> None:
        assert queries.verify().whole
        write(5)
        outcome = queries.verify()
        assert outcome.whole and outcome.entries == 5
        assert outcome.head == queries.anchor().hash

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("reason", "khác"), ("actor_name", "nam"), ("actor_id", 7), ("action", "x.y"), ("subject", "z:1"),
            ("at", AT - timedelta(days=1)), ("after", json.dumps({"note": "Xong"})), ("before", "{}"),
            ("request_id", "r"), ("hash", b"0" * 32),
        ],
    )  # fmt: skip
    def test_any_changed_column_is_found_and_named(self, column: str, value: Any) -> None:
        write(5)
        behind_the_back(f"UPDATE audit_auditentry SET {column} = %s WHERE id = 3", value)
        assert (3, "altered") in found()

    def test_a_number_no_entry_of_ours_can_hold_is_found_not_stumbled_over(self) -> None:
        write(3)
        behind_the_back("UPDATE audit_auditentry SET after = '{\"amount\": 1.5}' WHERE id = 2")
        assert found() == [(2, "altered")]

    def test_a_removed_entry_is_named(self) -> None:
        write(5)
        behind_the_back("DELETE FROM audit_auditentry WHERE id IN (2, 3)")
        assert found() == [(2, "missing"), (3, "missing")]

    def test_a_removed_entry_closed_up_is_found(self) -> None:
        write(5)
        behind_the_back("DELETE FROM audit_auditentry WHERE id = 3")
        behind_the_back("UPDATE audit_auditentry SET id = id - 1 WHERE id > 3")
        assert (3, "out-of-place") in found()
        assert (5, "cut") in found()

    def test_reordered_entries_are_found(self) -> None:
        write(5)
        behind_the_back("UPDATE audit_auditentry SET id = 50 - 10 * id WHERE id IN (2, 3)")
        behind_the_back("UPDATE audit_auditentry SET id = id / 10 WHERE id > 9")
        assert {(2, "out-of-place"), (3, "out-of-place")} <= set(found())

    def test_a_tail_cut_off_is_found(self) -> None:
        write(5)
        behind_the_back("DELETE FROM audit_auditentry WHERE id > 3")
        assert found() == [(4, "cut")]

    def test_a_tail_cut_off_with_the_head_set_back_is_found_by_the_seal(self) -> None:
        write(5)
        behind_the_back("DELETE FROM audit_auditentry WHERE id > 3")
        behind_the_back(
            "UPDATE audit_audithead SET entries = 3, hash = (SELECT hash FROM audit_auditentry WHERE id = 3)"
        )
        assert found() == [(3, "head")]

    def test_a_chain_written_anew_throughout_is_found_by_the_seal(self) -> None:
        write(3)
        last = chain.GENESIS
        for entry in AuditEntry.objects.order_by("id").values():
            forged = {**entry, "reason": "giả"}
            new = chain.entry_hash(forged, last)
            behind_the_back(
                "UPDATE audit_auditentry SET reason = 'giả', previous_hash = %s, hash = %s WHERE id = %s",
                last, new, entry["id"],
            )  # fmt: skip
            last = new
        behind_the_back("UPDATE audit_audithead SET hash = %s", last)
        assert found() == [(3, "head")]

    def test_an_entry_put_in_beyond_the_head_is_found(self) -> None:
        write(3)
        behind_the_back(
            "INSERT INTO audit_auditentry SELECT 4, at, actor_id, actor_name, action, subject, before, "
            "after, reason, request_id, hash, '\\x00' FROM audit_auditentry WHERE id = 3"
        )
        assert (4, "beyond") in found()

    def test_a_whole_older_state_put_back_is_found_by_a_noted_anchor(self) -> None:
        write(3)
        older = AuditHead.objects.values().get()
        write(2)
        noted = queries.anchor()
        behind_the_back("DELETE FROM audit_auditentry WHERE id > 3")
        behind_the_back(
            "UPDATE audit_audithead SET entries = 3, hash = %s, seal = %s", older["hash"], older["seal"]
        )
        assert queries.verify().whole  # the database alone cannot know
        problems = queries.verify(anchored=noted).problems
        assert [(problem.entry, problem.kind) for problem in problems] == [(5, "anchor")]

    def test_a_noted_anchor_holds_while_the_log_grows(self) -> None:
        write(3)
        noted = queries.anchor()
        write(4)
        assert queries.verify(anchored=noted).whole

    @pytest.mark.parametrize(
        "damage", ["UPDATE audit_audithead SET seal = '\\x00'", "DELETE FROM audit_audithead"]
    )
    def test_nothing_more_is_written_onto_a_broken_head(self, damage: str) -> None:
        write(2)
        behind_the_back(damage)
        with pytest.raises(ChainBrokenError, match="audit verify"):
            write()

    def test_a_replaced_secret_key_still_reads_its_predecessors_seal(self, settings: Any) -> None:
        write(2)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another secret of at least thirty-two bytes"
        assert found() == []
        write()
        settings.SECRET_KEY_FALLBACKS = []
        assert found() == []


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_chain_without_gap_or_fork() -> None:
    failures: list[Exception] = []

    def in_a_thread(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [in_a_thread(lambda: write(10)) for _ in range(6)]
    for thread in threads:
        thread.join()
    assert failures == []
    outcome = queries.verify()
    assert outcome.whole and outcome.entries == 60
