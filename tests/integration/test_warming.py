"""Reading what is searched into memory: whole files where the role may, tables alone and plain words where not."""

from __future__ import annotations

import os

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.customers.queries import SEARCHED as IN_CUSTOMERS
from thapsang.domain.metering.queries import SEARCHED as IN_METERING
from thapsang.interfaces.shared.searched import warm_search
from thapsang.kit.db.warming import CHUNK, chunks, warm

TABLES = [*IN_CUSTOMERS, *IN_METERING]
pytestmark = pytest.mark.django_db(transaction=True)


def filled() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS warm_me")
        cursor.execute(
            "CREATE TABLE warm_me AS SELECT n AS id, repeat('x', 500) AS text FROM generate_series(1, 40000) n"
        )
        cursor.execute("ALTER TABLE warm_me ADD PRIMARY KEY (id)")


@pytest.fixture
def table():
    filled()
    yield "warm_me"
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("DROP TABLE warm_me")


def test_every_searched_table_and_index_is_read() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = ANY(%s::regclass[])", [TABLES])
        indexes = cursor.fetchone()[0]
    done = warm_search()
    assert {one.name for one in done} >= set(TABLES)
    assert len(done) == indexes + len(TABLES) and not any(one.left_out for one in done)


def test_a_table_of_more_than_one_piece_is_read_whole(table) -> None:
    done = {one.name: one for one in warm(tables=[table, "no_such_table"], most=2**30)}
    assert set(done) == {"warm_me", "warm_me_pkey"}
    assert done[table].size > CHUNK and not done[table].left_out


def test_no_more_is_read_than_there_is_room_for(table) -> None:
    done = {one.name: one.left_out for one in warm(tables=[table], most=2 * 2**20)}
    assert done["warm_me_pkey"] == "" and "no room for it: 2 MiB" in done[table]


def test_a_role_that_may_not_have_files_read_is_told_so(table) -> None:
    role = f"warm_reader_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(f"GRANT SELECT ON warm_me TO {role}")
        cursor.execute(f"SET ROLE {role}")
    try:
        done = {one.name: one.left_out for one in warm(tables=[table], most=2**30)}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute(f"DROP OWNED BY {role}")
            cursor.execute(f"DROP ROLE {role}")
    assert done[table] == "" and "GRANT EXECUTE ON FUNCTION pg_read_binary_file" in done["warm_me_pkey"]


@given(st.integers(0, 5 * 2**30))
def test_the_pieces_are_the_whole_relation(size: int) -> None:
    files: dict[str, int] = {}
    for file, begin, length in chunks("base/1/2", size):
        assert begin == files.get(file, 0) and 0 < length <= CHUNK
        files[file] = begin + length
    assert sum(files.values()) == size
    assert list(files) == ["base/1/2", *(f"base/1/2.{n}" for n in range(1, len(files)))][: len(files)]
