"""Loading into bare tables: keys and foreign keys are taken off, and built again over all rows at the end.

Building an index once is several times faster than keeping it up row by row, and adding a constraint
checks every row in one pass. All of it happens in the caller's transaction: if that is rolled back or its
process killed, every constraint is where it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thapsang.kit.bulk.copy import execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


@dataclass(frozen=True)
class Part:
    """A constraint or an index that was taken off, and the statement that puts it back."""

    name: str
    create: str


_CONSTRAINTS = """
SELECT conname::text AS name, conrelid::regclass::text AS place,
       'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname) || ' '
       || pg_get_constraintdef(oid) AS sql
FROM pg_constraint WHERE conrelid IN ({tables}) AND contype IN ('f', 'u', 'x')
ORDER BY contype = 'f', contype DESC, conname
"""
_INDEXES = """
SELECT c.relname::text AS name, pg_get_indexdef(i.indexrelid) AS sql
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid IN ({tables}) AND NOT i.indisprimary
  AND NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
  )
ORDER BY c.relname
"""


def _list(tables: Sequence[str]) -> str:
    return ", ".join(f"'{table}'::regclass" for table in tables)


def strip(link: Connection, tables: Sequence[str]) -> list[Part]:
    """Take all constraints and indexes off some tables, but for primary keys and checks.

    Returns the parts in the order in which they are to be put back: indexes, then unique and exclusion
    constraints, then foreign keys.
    """
    constraints = fetch(link, _CONSTRAINTS.format(tables=_list(tables))).to_pylist()
    indexes = fetch(link, _INDEXES.format(tables=_list(tables))).to_pylist()
    for row in reversed(constraints):
        execute(link, f'ALTER TABLE {row["place"]} DROP CONSTRAINT "{row["name"]}"')
    for row in indexes:
        execute(link, f'DROP INDEX "{row["name"]}"')
    return [Part(row["name"], row["sql"]) for row in [*indexes, *constraints]]


@contextlib.contextmanager
def without_triggers(link: Connection, tables: Sequence[str]) -> Iterator[None]:
    """Silence the tables' own triggers for a block; the caller checks what they would have checked."""
    for table in tables:
        execute(link, f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table in tables:
        execute(link, f"ALTER TABLE {table} ENABLE TRIGGER USER")


def tables_like(link: Connection, pattern: str) -> list[str]:
    """Return the names of the tables, partitions included, that match a regular expression."""
    rows = fetch(
        link,
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "  # noqa: S608
        f"WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND c.relname ~ '{pattern}' ORDER BY 1",
    )
    return [str(name) for name in rows["name"].to_pylist()]
