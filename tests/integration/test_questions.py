"""Several questions in one round trip: each gets its own answer, and the connection lives on after an error."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, connection

from thapsang.kit.db.questions import Question, answer, answers
from thapsang.kit.db.statements import rows, whole
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)


def echo(value: int | str | bytes | date, kind: str) -> Question[object]:
    return Question(f"SELECT %(v)s::{kind}, pg_backend_pid()", {"v": value}, lambda found: found[0][0])


NOTHING: Question[list[tuple[object, ...]]] = Question("SELECT 1 WHERE false", {}, lambda found: found)
WRONG: Question[object] = Question("SELECT 1 / %(v)s::bigint", {"v": 0}, lambda found: found)


def test_each_question_gets_its_own_answer() -> None:
    for _ in range(3):
        found = answers(echo(7, "bigint"), echo("điện", "text"), echo(b"\x00\xff", "bytea"), NOTHING)
        assert found == (7, "điện", b"\x00\xff", [])
    assert answer(echo(date(2026, 11, 23), "date")) == date(2026, 11, 23)


def test_a_wrong_question_spoils_only_its_round_trip() -> None:
    for _ in range(2):
        with pytest.raises(DatabaseError, match="division by zero"):
            answers(echo(1, "bigint"), WRONG, echo(2, "bigint"))
    assert answers(echo(1, "bigint"), echo(2, "bigint")) == (1, 2)


def test_what_the_server_has_forgotten_is_asked_again() -> None:
    assert answers(echo(1, "bigint"), echo(2, "bigint")) == (1, 2)
    rows("DEALLOCATE ALL", {})
    assert answers(echo(3, "bigint"), echo(4, "bigint")) == (3, 4)


def test_a_lost_connection_is_an_error_and_then_a_new_one() -> None:
    assert answer(echo(1, "bigint")) == 1
    with connection.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError):
        answer(echo(1, "bigint"))
    connection.close()
    assert answer(echo(2, "bigint")) == 2


def test_inside_a_transaction_they_see_what_it_did_and_change_no_setting() -> None:
    note = "INSERT INTO ledger_account (chart, code) VALUES ('131', 'Q:1') RETURNING code"
    count = Question("SELECT count(*) FROM ledger_account WHERE code = 'Q:1'", {}, lambda found: found[0][0])
    with transaction():
        rows(note, {})
        assert answers(echo(1, "bigint"), count) == (1, 1)
    assert answers(echo(1, "bigint"), count) == (1, 1)
    assert rows("SHOW plan_cache_mode", {}) == [("auto",)]
    assert whole("SELECT %(v)s::bigint", params={"v": 5}) == [[(5,)]]
