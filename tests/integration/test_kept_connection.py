"""A database connection kept from one request to the next: a dead one is noticed before it is used."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.db import connection

from thapsang.kit.db import statements
from thapsang.kit.db.place import libpq_url


def ended_by_the_server() -> None:
    """End the test's own connection from outside, as a restart of the server does."""
    connection.ensure_connection()
    mine = connection.connection.info.backend_pid
    with psycopg.connect(libpq_url(connection.settings_dict), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [mine])
    time.sleep(0.2)


@pytest.mark.django_db(transaction=True)
def test_a_quiet_connection_is_usable_and_one_the_server_ended_is_not() -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    ended_by_the_server()
    assert not connection.is_usable()
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_prepared_statement_after_the_servers_restart_finds_a_new_connection() -> None:
    ended_by_the_server()
    connection.health_check_enabled, connection.health_check_done = True, False  # as at a request's start
    assert statements.rows("SELECT %(n)s::int", {"n": 7}) == [(7,)]
