"""Reading large results as columns: the server gathers each column into one array, NumPy takes it as it is.

A result that comes row by row costs the client a fixed amount for every value, whoever takes the rows apart.
Gathered into arrays, a column of fifty thousand numbers is one value, and its bytes are the column (docs/adr/0005).
Of a column in which nearly all rows have the same value, only the others travel (`Usual`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

_HEADER = 20
"""Bytes before the elements of a binary array: dimensions, nulls, element type, length, first index."""
_BETWEEN, _MISSING = "\x1f", "\x1e"
"""Unit and record separator: they part texts and stand for missing ones, and occur in no text of ours."""
_NEVER = 2**31 - 1
"""The date "infinity", which stands for a missing one while a column travels."""
_EPOCH = (date(2000, 1, 1) - date(1970, 1, 1)).days
_NUMBERS = {20: (">i8", pa.int64()), 23: (">i4", pa.int32()), 21: (">i2", pa.int16()), 16: ("?", pa.bool_())}
"""Element type of PostgreSQL (bigint, integer, smallint, boolean): as it travels, and as it becomes."""
_DATE = 1082
_TEXTS = (25, 1043)


class ColumnReader(psycopg.Connection[Any]):
    """A connection for large results: `kit.bulk.copy.fetch` reads its columns as arrays."""


@dataclass(frozen=True)
class Usual:
    """Columns in which nearly all rows have one value, and that value (None for a missing one).

    `key` is a bigint column that tells all rows of the result apart. The values change the cost, never the result.
    """

    key: str
    values: Mapping[str, int | bool | str | None]


def fetch_columns(link: psycopg.Connection[Any], query: str, *, usual: Usual | None = None) -> pa.Table:
    """Run a SELECT and return its rows as an Arrow table, in the order the query gives them.

    Takes columns of bigint, integer, smallint, boolean, date, text and varchar; raises TypeError, with the
    column's name, for another type, and ValueError when the key of `usual` does not tell rows apart.
    """
    values = usual.values if usual else {}
    with link.cursor(binary=True) as cursor:
        cursor.execute(f"SELECT * FROM ({query}) AS q LIMIT 0")  # noqa: S608 - the caller's own query
        kinds = {column.name: column.type_code for column in cursor.description or ()}
        asked = [_gather(name, kind) for name, kind in kinds.items() if name not in values]
        for name, value in values.items():
            asked += _gather_unusual(usual.key if usual else "", name, kinds[name], value)
        cursor.execute(sql.SQL("SELECT {} FROM ({}) AS q").format(sql.SQL(", ").join(asked), sql.SQL(query)))
        result = cursor.pgresult
        assert result is not None  # execute has just made it
        raw = iter([result.get_value(0, place) for place in range(len(asked))])
    found = {name: _column(kind, next(raw)) for name, kind in kinds.items() if name not in values}
    if usual:
        place = _Places(usual.key, found[usual.key].to_numpy())
        for name, value in values.items():
            keys = _column(kinds[usual.key], next(raw)).to_numpy()
            found[name] = place.spread(value, keys, _column(kinds[name], next(raw)))
    return pa.table({name: found[name] for name in kinds})


class _Places:
    """Where rows stand, by their key."""

    def __init__(self, name: str, keys: Any) -> None:
        self._name, self._keys = name, keys
        self._order: Any = None

    def spread(self, value: object, keys: Any, others: pa.Array) -> pa.Array:
        """Return a column of `value` in all rows but those with `keys`, which have the `others`."""
        if not len(keys):
            return pa.repeat(pa.scalar(value, others.type), len(self._keys))
        which = np.zeros(len(self._keys), np.int32)
        which[self._find(keys)] = np.arange(1, len(keys) + 1)
        return pa.concat_arrays([pa.array([value], others.type), others]).take(pa.array(which))

    def _find(self, keys: Any) -> Any:
        if self._order is None:
            self._order = np.argsort(self._keys, kind="stable")
            ordered = self._keys[self._order]
            if bool((ordered[1:] == ordered[:-1]).any()):
                raise ValueError(f"The key {self._name} does not tell rows apart: name a column that does.")
        return self._order[np.searchsorted(self._keys, keys, sorter=self._order)]


def _gather_unusual(key: str, name: str, kind: int, value: object) -> list[sql.Composable]:
    """Return what gathers the keys of the rows with another value, and what gathers those values."""
    column = sql.Identifier(name)
    other = sql.SQL("{} IS NOT NULL" if value is None else "{} IS DISTINCT FROM {}")
    where = sql.SQL(" FILTER (WHERE {})").format(other.format(column, sql.Literal(value)))
    return [sql.SQL("array_agg({})").format(sql.Identifier(key)) + where, _gather(name, kind) + where]


def _gather(name: str, kind: int) -> sql.Composable:
    column = sql.Identifier(name)
    if kind in _TEXTS:
        marks = sql.Literal(_MISSING), sql.Literal(_BETWEEN)
        return sql.SQL("string_agg(coalesce({}, {}), {})").format(column, *marks)
    if kind == _DATE:
        return sql.SQL("array_agg(coalesce({}, 'infinity'))").format(column)
    if kind not in _NUMBERS:
        raise TypeError(
            f"The column {name} has PostgreSQL's type {kind}: read numbers, booleans, dates or texts."
        )
    return sql.SQL("array_agg({})").format(column)


def _column(kind: int, data: bytes | None) -> pa.Array:
    """Return a gathered column; `data` is None when there were no rows."""
    if kind in _TEXTS:
        return _texts(data)
    if kind == _DATE:
        return _dates(data)
    travels, becomes = _NUMBERS[kind]
    if data is None:
        return pa.array([], becomes)
    if struct.unpack_from(">i", data, 4)[0]:
        return pa.array(_one_by_one(data, np.dtype(travels)), becomes)
    return pa.array(_values(data, travels), becomes)


def _values(data: bytes, travels: str) -> Any:
    layout = np.dtype([("length", ">i4"), ("value", travels)])
    return np.frombuffer(data, layout, offset=_HEADER)["value"].astype(np.dtype(travels).newbyteorder("="))


def _one_by_one(data: bytes, kind: np.dtype[Any]) -> list[Any]:
    """Take elements apart one after the other: where some are missing, none has a fixed place."""
    found: list[Any] = []
    place = _HEADER
    read: Callable[[int], Any] = lambda at: np.frombuffer(data, kind, 1, at)[0].item()  # noqa: E731
    while place < len(data):
        missing = data[place : place + 4] == b"\xff\xff\xff\xff"
        found.append(None if missing else read(place + 4))
        place += 4 if missing else 4 + kind.itemsize
    return found


def _dates(data: bytes | None) -> pa.Array:
    if data is None:
        return pa.array([], pa.date32())
    days = _values(data, ">i4")
    missing = days == _NEVER
    days = np.where(missing, 0, days) + _EPOCH
    return pa.array(days.astype(np.int32), pa.int32(), mask=missing).view(pa.date32())


def _texts(data: bytes | None) -> pa.Array:
    if data is None:
        return pa.array([], pa.string())
    parts = pl.Series([data.decode()]).str.split(_BETWEEN).explode()
    if _MISSING.encode() in data:
        parts = parts.replace(_MISSING, None)
    return parts.to_arrow()
