"""Re-encrypt personal data under the newest key, in batches that can be stopped and started again.

A value tells by its header which key it is under, so what is left to do is always what the tables say:
nothing is kept beside them. Rows are locked for the length of one batch, in the order of their keys, and a
row that changed meanwhile is read again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from thapsang.kit.privacy import cipher
from thapsang.kit.privacy.registry import EncryptedColumn, encrypted_columns

BATCH = 5_000
Progress = Callable[[str, int, int], None]
"""Told the column, how many of its values are done and how many there were to do."""


@dataclass(frozen=True)
class KeyUse:
    """How many values of a column are under a key. `readable`: the key is in DATA_KEYS."""

    table: str
    column: str
    key_number: int
    values: int
    readable: bool


def _value(column: EncryptedColumn) -> str:
    if column.json_key:
        return f"decode({column.column} ->> '{column.json_key}', 'base64')"
    return column.column


def _number(column: EncryptedColumn) -> str:
    value = _value(column)
    return f"(get_byte({value}, 1) * 256 + get_byte({value}, 2))"


def status() -> list[KeyUse]:
    """Return how many values stand under which key, column by column."""
    known = cipher.data_keys().ciphers
    found = []
    for column in encrypted_columns():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {_number(column)}, count(*) FROM {column.table} "  # noqa: S608 - names of models
                f"WHERE {_value(column)} IS NOT NULL GROUP BY 1 ORDER BY 1"
            )
            found += [
                KeyUse(column.table, column.column, number, count, number in known)
                for number, count in cursor.fetchall()
            ]
    return found


def rotate(*, progress: Progress = lambda *_: None, batch: int = BATCH) -> int:
    """Bring every encrypted value under the newest key; return how many were re-encrypted.

    Each batch commits, so a rotation that is killed goes on where it stopped. Raises CipherError, naming the
    column and the row, when a value cannot be read; what was done so far stays done.
    """
    return sum(_rotate_column(column, progress, batch) for column in encrypted_columns())


def _rotate_column(column: EncryptedColumn, progress: Progress, batch: int) -> int:
    name = f"{column.table}.{column.column}"
    total = _left(column)
    done, after = 0, None
    while rows := _rotate_batch(column, after, batch):
        done, after = done + len(rows), rows[-1]
        progress(name, done, max(total, done))
    return done


def _old(column: EncryptedColumn) -> str:
    return f"{_value(column)} IS NOT NULL AND {_number(column)} <> {cipher.data_keys().newest}"


def _left(column: EncryptedColumn) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {column.table} WHERE {_old(column)}")  # noqa: S608
        return int(cursor.fetchone()[0])


def _rotate_batch(column: EncryptedColumn, after: Any, batch: int) -> list[Any]:
    """Re-encrypt the next rows after a key; return their keys."""
    purpose = column.purpose_column or "NULL"
    beyond = "" if after is None else f"AND {column.key} > %(after)s"
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column.key}, {_value(column)}, {purpose} FROM {column.table} "  # noqa: S608
            f"WHERE {_old(column)} {beyond} ORDER BY {column.key} LIMIT %(batch)s FOR UPDATE",
            {"after": after, "batch": batch},
        )
        rows = cursor.fetchall()
        keys = [key for key, _, _ in rows]
        _write(column, keys, [_again(column, *row) for row in rows])
    return keys


def _again(column: EncryptedColumn, key: Any, value: bytes, deciding: str | None) -> bytes:
    purpose = column.purpose_of(deciding)
    try:
        return cipher.encrypt(cipher.decrypt(value, purpose=purpose), purpose=purpose)
    except cipher.CipherError as error:
        raise cipher.CipherError(f"{column.table}.{column.column}, row {key}: {error}") from error


def _write(column: EncryptedColumn, keys: list[Any], values: list[bytes]) -> None:
    if not keys:
        return
    new = "n.value"
    if column.json_key:
        new = f"jsonb_set({column.column}::jsonb, '{{{column.json_key}}}', to_jsonb(n.value))"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {column.table} t SET {column.column} = {new} "  # noqa: S608 - names of models
            f"FROM unnest(%s::bigint[], %s::{'text' if column.json_key else 'bytea'}[]) AS n(key, value) "
            f"WHERE t.{column.key} = n.key",
            [keys, [base64.b64encode(v).decode() for v in values] if column.json_key else values],
        )
