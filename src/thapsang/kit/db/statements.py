"""Prepared statements: PostgreSQL parses and plans a busy statement once for each connection.

Django sends SQL with its values written in, so the server plans it anew each time; for the few
statements on the hot path (payments, tokens) that planning costs more than running them.
"""

from __future__ import annotations

import functools
import hashlib
import re
import select
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection, transaction
from psycopg.adapt import Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_PREPARE_AFTER = 2


def rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run `sql` with named parameters as a prepared statement in Django's transaction; return its rows.

    Raises Django's database errors, as a cursor of Django does.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    link: psycopg.Connection[tuple[Any, ...]] = connection.connection
    link.prepare_threshold = _PREPARE_AFTER
    with connection.wrap_database_errors, psycopg.Cursor(link) as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def together(*statements: str, params: Mapping[str, Any]) -> list[list[tuple[Any, ...]]]:
    """Run several prepared statements in one round trip, in order; return the rows of each.

    Each sees what the ones before it did, and what others committed while they waited: a lock first, then the
    statement that needs it. Begins Django's transaction in the same round trip. Raises Django's database errors.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    link: psycopg.Connection[tuple[Any, ...]] = connection.connection
    link.prepare_threshold = _PREPARE_AFTER
    with connection.wrap_database_errors, link.pipeline():
        cursors = [psycopg.Cursor(link) for _ in statements]
        for cursor, sql in zip(cursors, statements, strict=True):
            cursor.execute(sql, params)
        return [cursor.fetchall() for cursor in cursors]


def row(sql: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Run `sql` as `rows` does; return its first row, or None."""
    found = rows(sql, params)
    return found[0] if found else None


# ---- a whole transaction in one round trip, spoken to libpq itself

_NAMED = re.compile(r"%\((\w+)\)s")
TYPES: dict[type, int] = {int: 20, bytes: 17, datetime: 1184, date: 1082, str: 0, list: 0}
"""Types of PostgreSQL by Python's; text and lists are left to the server, as psycopg leaves text."""
prepared: WeakKeyDictionary[psycopg.Connection[Any], set[bytes]] = WeakKeyDictionary()
"""Names of what each connection has prepared; `kit.db.questions` shares it."""


def whole(*statements: str, params: Mapping[str, Any]) -> list[list[tuple[Any, ...]]]:
    """Run several prepared statements as one transaction of their own, BEGIN to COMMIT, in one round trip.

    Each sees what the ones before it did, and what others committed while they waited. All of it is committed
    when this returns and nothing when it raises. Inside a transaction (a test's) they run as `together` does.
    `params`: int, str, bytes, date, datetime, lists of one of them (write the cast). Raises Django's database errors.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return together(*statements, params=params)
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    link: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with connection.wrap_database_errors:
        try:
            return _whole(link, statements, params)
        except InvalidSqlStatementName:  # psycopg discards prepared statements after a rollback, ours too
            prepared.pop(link, None)
            return _whole(link, statements, params)


def _whole(
    link: psycopg.Connection[Any], statements: Sequence[str], params: Mapping[str, Any]
) -> list[list[tuple[Any, ...]]]:
    known = prepared.setdefault(link, set())
    pg, asked = link.pgconn, list[bytes]()
    pg.enter_pipeline_mode()
    try:
        for sql in ("BEGIN", *statements, "COMMIT"):
            name, text, names = numbered(sql)
            values = [params[each] for each in names]
            if name not in known and name not in asked:
                pg.send_prepare(name, text, [TYPES[type(value)] for value in values])
                asked.append(name)
            sent = [as_sent(value) for value in values]
            pg.send_query_prepared(name, sent, [type(value) is bytes for value in values])
            asked.append(b"")
        pg.pipeline_sync()
        results = results_of(pg)
    finally:
        if pg.status == ConnStatus.OK:
            pg.exit_pipeline_mode()
    answers = list(zip(asked, results, strict=True))
    # What was prepared stays prepared, though the transaction be rolled back.
    known |= {name for name, result in answers if name and result.status == ExecStatus.COMMAND_OK}
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            if pg.transaction_status == TransactionStatus.INERROR:
                link.rollback()
            raise error_from_result(result)
    return [loaded(link, result) for name, result in answers if not name][1:-1]


@functools.cache
def numbered(sql: str) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Return a name, the statement with $1, $2 … and the names of its parameters in that order."""
    numbers: dict[str, int] = {}
    text = _NAMED.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", sql)
    name = "whole_" + hashlib.sha256(text.encode()).hexdigest()[:16]
    return name.encode(), text.encode(), tuple(numbers)


def as_sent(value: Any) -> bytes:
    """Write a value as PostgreSQL reads it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return _listed(value).encode()
    return (value.isoformat() if isinstance(value, date) else str(value)).encode()


def _listed(values: list[Any]) -> str:
    """Write a list as PostgreSQL reads arrays; every element of the same type."""
    if not values:
        return "{}"
    if isinstance(values[0], int):
        return "{" + ",".join(map(str, values)) + "}"
    if isinstance(values[0], date):
        return "{" + ",".join([value.isoformat() for value in values]) + "}"
    if isinstance(values[0], bytes):
        return "{" + ",".join([r"\\x" + value.hex() for value in values]) + "}"
    return "{" + ",".join(['"' + v.replace("\\", r"\\").replace('"', r"\"") + '"' for v in values]) + "}"


def results_of(pg: PGconn) -> list[PGresult]:
    """Wait for all answers of the pipeline, in the order asked."""
    waiting, results = select.poll(), list[PGresult]()
    waiting.register(pg.socket, select.POLLIN)
    while pg.flush():  # more than the socket takes at once
        waiting.poll(10)
        pg.consume_input()
    while True:
        while pg.is_busy():
            waiting.poll()
            pg.consume_input()
        result = pg.get_result()
        if result is None:
            if pg.status != ConnStatus.OK:
                raise psycopg.OperationalError("The connection to the database was lost.")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def loaded(link: psycopg.Connection[Any], result: PGresult) -> list[tuple[Any, ...]]:
    """Return a result's rows as psycopg would."""
    reader = Transformer(link)
    reader.set_pgresult(result)
    return reader.load_rows(0, result.ntuples, tuple)
