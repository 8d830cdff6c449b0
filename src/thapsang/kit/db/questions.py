"""Questions to the database that an app states and somebody else asks: several at once, in one round trip.

An app's query says what it wants to know (`Question`); a page that needs the answers of several apps asks them
together. Each is a prepared statement, spoken to libpq itself, as `statements.whole` does for what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar, overload

import psycopg
from django.db import connection
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn

from thapsang.kit.db import statements

Value = int | str | bytes | date | datetime
Rows = list[tuple[Any, ...]]
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
_GENERIC = "SET LOCAL plan_cache_mode = force_generic_plan"
_SETTING = b"a setting, no answer"


@dataclass(frozen=True, slots=True)
class Question(Generic[A]):
    """One statement that reads, its named parameters, and what its rows mean."""

    sql: str
    params: Mapping[str, Value]
    read: Callable[[Rows], A]


def answer(question: Question[A]) -> A:
    """Ask one question."""
    return question.read(_asked([question])[0])


@overload
def answers(a: Question[A], b: Question[B], /) -> tuple[A, B]: ...
@overload
def answers(a: Question[A], b: Question[B], c: Question[C], /) -> tuple[A, B, C]: ...
@overload
def answers(a: Question[A], b: Question[B], c: Question[C], d: Question[D], /) -> tuple[A, B, C, D]: ...
def answers(*questions: Question[Any]) -> tuple[Any, ...]:
    """Ask several questions in one round trip; each sees what was committed when it is its turn.

    They may only read. In a transaction they run one after the other, as the rest of it does. Raises Django's
    database errors.
    """
    return answers_to(questions)


def answers_to(questions: Sequence[Question[Any]]) -> tuple[Any, ...]:
    """As `answers`, for as many questions as there are."""
    found = _asked(questions)
    return tuple([question.read(rows) for question, rows in zip(questions, found, strict=True)])


def _asked(questions: Sequence[Question[Any]]) -> list[Rows]:
    if connection.in_atomic_block:  # psycopg's own way: it knows what a rollback has taken from the server
        return [statements.rows(question.sql, question.params) for question in questions]
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    link: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with connection.wrap_database_errors:
        try:
            return _sent(link, questions)
        except InvalidSqlStatementName:  # psycopg discards prepared statements after a rollback, ours too
            statements.prepared.pop(link, None)
            return _sent(link, questions)


def _sent(link: psycopg.Connection[Any], questions: Sequence[Question[Any]]) -> list[Rows]:
    known = statements.prepared.setdefault(link, set())
    pg, asked = link.pgconn, list[bytes]()
    pg.enter_pipeline_mode()
    try:
        for number, question in enumerate(questions):
            if number == 1:
                _plan_once(pg, known, asked)
            name, text, names = statements.numbered(question.sql)
            values = [question.params[each] for each in names]
            if name not in known and name not in asked:
                pg.send_prepare(name, text, [statements.TYPES[type(value)] for value in values])
                asked.append(name)
            sent = [statements.as_sent(value) for value in values]
            pg.send_query_prepared(name, sent, [type(value) is bytes for value in values])
            asked.append(b"")
        pg.pipeline_sync()
        results = statements.results_of(pg)
    finally:
        if pg.status == ConnStatus.OK:
            pg.exit_pipeline_mode()
    done = list(zip(asked, results, strict=True))
    # What was prepared stays prepared, though another statement of the round trip be refused.
    known |= {name for name, result in done if name and result.status == ExecStatus.COMMAND_OK}
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    return [statements.loaded(link, result) for name, result in done if not name]


def _plan_once(pg: PGconn, known: set[bytes], asked: list[bytes]) -> None:
    """Have the rest of the round trip run as it was planned the first time.

    For a partitioned table the server would plan anew each time, though it finds the partition just as well when
    it runs the plan it has. From the second statement on a round trip is a transaction, so this ends with it; the
    first question should be one on plain tables.
    """
    name, text, _ = statements.numbered(_GENERIC)
    if name not in known:
        pg.send_prepare(name, text, [])
        asked.append(name)
    pg.send_query_prepared(name, [], [])
    asked.append(_SETTING)
