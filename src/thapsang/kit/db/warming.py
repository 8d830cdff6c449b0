"""Read tables and their indexes from the disk once, so that whoever asks first does not wait for it.

After a start of the machine nothing of the database is in memory, and a search that looks at hundreds of rows
waits for the disk hundreds of times. Reading whole files in order takes seconds. PostgreSQL's own extension for
this (pg_prewarm) is not in every installation; the server reads its files itself where the role may ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

CHUNK = 16 * 2**20
_SEGMENT = 2**30
"""PostgreSQL cuts a relation into files of this size: path, path.1, path.2 …"""
_MAY_READ_FILES = (
    "SELECT has_function_privilege('pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')"
)
_RELATIONS = """
WITH wanted AS (SELECT to_regclass(name)::oid AS id FROM unnest(%s::text[]) AS name)
SELECT c.oid::regclass::text, c.relkind = 'i', pg_relation_filepath(c.oid), pg_relation_size(c.oid)
FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
WHERE (c.oid IN (SELECT id FROM wanted) OR x.indrelid IN (SELECT id FROM wanted)) AND c.relkind IN ('r', 'i')
ORDER BY c.relkind = 'r', pg_relation_size(c.oid), 1
"""
_GRANT = (
    "this role may not have the server read its files; let its administrator "
    "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) to it"
)


@dataclass(frozen=True)
class Warmed:
    """A table or an index: its size, and why it was not read (empty when it was)."""

    name: str
    size: int
    left_out: str = ""


def warm(
    *, tables: Sequence[str], most: int, told: Callable[[Warmed], None] = lambda _: None
) -> list[Warmed]:
    """Have the server read these tables and their indexes, `most` bytes in all, indexes and small ones first.

    Without the right to have files read, tables are counted row by row and indexes are left out. Changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MAY_READ_FILES)
        files = bool(cursor.fetchone()[0])
        cursor.execute(_RELATIONS, [list(tables)])
        found = cursor.fetchall()
    done, room = [], most
    for name, index, path, size in found:
        if size > room:
            one = Warmed(name, size, f"no room for it: {most // 2**20} MiB are the most")
        elif index and not files:
            one = Warmed(name, size, _GRANT)
        else:
            _read_files(path, size) if files else _read_rows(name)
            room -= size
            one = Warmed(name, size)
        told(one)
        done.append(one)
    return done


def _read_files(path: str, size: int) -> None:
    with connection.cursor() as cursor:
        for file, begin, length in chunks(path, size):
            asked: list[Any] = [file, begin, length]
            cursor.execute("SELECT length(pg_read_binary_file(%s, %s, %s, true))", asked)


def chunks(path: str, size: int) -> Iterator[tuple[str, int, int]]:
    """Give the pieces of a relation's files in order: file, first byte, length."""
    for first in range(0, size, _SEGMENT):
        file = f"{path}.{first // _SEGMENT}" if first else path
        end = min(size - first, _SEGMENT)
        for begin in range(0, end, CHUNK):
            yield file, begin, min(CHUNK, end - begin)


def _read_rows(name: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"SELECT count(*) FROM {name}")  # noqa: S608 - the server's own name of its table
