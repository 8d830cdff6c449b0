"""Prepared statements: PostgreSQL parses and plans a busy statement once for each connection.

Django sends SQL with its values written in, so the server plans it anew each time; for the few
statements on the hot path (payments, tokens) that planning costs more than running them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

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
