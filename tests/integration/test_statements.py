"""A whole transaction in one round trip: committed or not at all, and the connection lives on after an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, IntegrityError, connection

from thapsang.kit.db.statements import rows, whole

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = "INSERT INTO ledger_account (chart, code) VALUES ('131', %(code)s::text) RETURNING code"
COUNT = "SELECT count(*) FROM ledger_account WHERE code = %(code)s::text"
JOURNAL = """
INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
VALUES ('test', %(code)s::text, '2026-11-23', now(), '') RETURNING reference
"""


def test_each_statement_sees_the_one_before_and_all_is_committed() -> None:
    assert whole(COUNT, OPEN, COUNT, params={"code": "131:A"}) == [[(0,)], [("131:A",)], [(1,)]]
    assert not connection.in_atomic_block
    assert rows(COUNT, {"code": "131:A"}) == [(1,)]


def test_an_error_undoes_what_went_before_and_the_connection_goes_on() -> None:
    with pytest.raises(IntegrityError):
        whole(OPEN, OPEN, params={"code": "131:B"})
    assert whole(COUNT, params={"code": "131:B"}) == [[(0,)]]


def test_a_refusal_at_commit_is_raised() -> None:
    with pytest.raises(IntegrityError, match="does not balance"):
        whole(JOURNAL, params={"code": "without entries"})
    assert rows("SELECT count(*) FROM ledger_journal", {}) == [(0,)]


def test_statements_the_server_has_forgotten_are_prepared_again() -> None:
    assert whole(COUNT, params={"code": "131:C"}) == [[(0,)]]
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert whole(COUNT, OPEN, params={"code": "131:C"})[1] == [("131:C",)]


def test_kinds_of_values_arrive_as_they_were() -> None:
    sent = {"text": "Nguyễn %s '\"", "number": -(10**12), "raw": b"\x00\xff", "at": datetime.now(UTC)}
    sql = "SELECT %(text)s::text, %(number)s, %(raw)s, %(at)s"
    assert whole(sql, params=sent) == [[tuple(sent.values())]]


def test_a_connection_that_was_lost_is_an_error_and_the_next_one_works() -> None:
    (pid,) = rows("SELECT pg_backend_pid()", {})[0]
    import psycopg

    from thapsang.kit.db.place import libpq_url

    with psycopg.connect(libpq_url(connection.settings_dict), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(DatabaseError):
        whole(COUNT, params={"code": "131:D"})
    connection.close()
    assert whole(COUNT, params={"code": "131:D"}) == [[(0,)]]
