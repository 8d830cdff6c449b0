"""Rows of PostgreSQL's binary COPY format, built by NumPy a column at a time.

A batch is laid out as one array of fixed-width rows; where texts differ in length or values are missing, the
bytes that do not belong are cut out in one pass. That costs a fifth of encoding value by value (docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
BATCH_ROWS = 8_192
"""Rows encoded at a time: about a megabyte, so that the server works while the next are encoded."""

_EPOCH = 10_957
"""Days from 1970-01-01 (Arrow) to 2000-01-01 (PostgreSQL)."""
_NULL = -1
_NUMBERS = {pa.int64(): ">i8", pa.int32(): ">i4", pa.int16(): ">i2", pa.date32(): ">i4", pa.bool_(): "?"}


@dataclass(frozen=True)
class _Column:
    """A column ready to be laid out: values, bytes of each value, or one length for all of them."""

    values: Array
    kind: np.dtype[Any]
    lengths: Array | None


def encode(rows: pa.Table) -> Iterator[Any]:
    """Yield the whole COPY stream of a table as buffers of bytes, header and trailer included.

    Takes columns of int16, int32, int64, date32, bool, string and dictionary of string; the table's columns
    must have the types smallint, integer, bigint, date, boolean, text or varchar. Missing values become NULL.
    Raises TypeError for a column of another type.
    """
    yield HEADER
    for low in range(0, rows.num_rows, BATCH_ROWS):
        part = rows.slice(low, BATCH_ROWS)
        yield _rows([_column(name, part.column(name)) for name in rows.column_names], part.num_rows)
    yield TRAILER


def _column(name: str, chunks: pa.ChunkedArray) -> _Column:
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # several dictionaries, or none
        array = pa.concat_arrays(array.unify_dictionaries().chunks)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.string()).dictionary_encode()
    if pa.types.is_dictionary(array.type):
        return _words(array)
    if array.type not in _NUMBERS:
        raise TypeError(
            f"The column {name} is {array.type}: binary rows take integers, dates, bools and texts."
        )
    return _numbers(array)


def _numbers(array: pa.Array) -> _Column:
    kind = np.dtype(_NUMBERS[array.type])
    lengths = None
    if array.null_count:
        lengths = np.where(pc.is_null(array).to_numpy(zero_copy_only=False), _NULL, kind.itemsize)
    plain = array.view(pa.int32()) if array.type == pa.date32() else array
    if array.null_count:
        plain = plain.fill_null(False if array.type == pa.bool_() else 0)
    values: Array = plain.to_numpy(zero_copy_only=False)
    return _Column(values - np.int32(_EPOCH) if array.type == pa.date32() else values, kind, lengths)


def _words(array: pa.DictionaryArray) -> _Column:
    words = [(word or "").encode() for word in array.dictionary.to_pylist()] or [b""]
    missing = len(words)
    sizes = np.array([*map(len, words), _NULL], np.int32)
    texts = np.array([*words, b""], f"S{max(1, *map(len, words))}")
    places = array.indices.fill_null(missing) if array.indices.null_count else array.indices
    where = places.to_numpy(zero_copy_only=False)
    lengths = sizes.take(where)
    size = int(lengths[0]) if len(lengths) else 0
    alike = size > 0 and bool((lengths == size).all())
    if alike:
        texts = texts.astype(f"S{size}")
        return _Column(texts.take(where), texts.dtype, None)
    return _Column(texts.take(where), texts.dtype, lengths)


def _rows(columns: list[_Column], count: int) -> Any:
    parts: list[tuple[str, Any]] = [("count", ">i2")]
    for place, column in enumerate(columns):
        parts += [(f"length{place}", ">i4"), (f"value{place}", column.kind)]
    layout = np.dtype(parts)
    row = np.zeros((), layout)
    row["count"] = len(columns)
    for place, column in enumerate(columns):
        row[f"length{place}"] = column.kind.itemsize
    block = np.full(count, row, layout)
    for place, column in enumerate(columns):
        block[f"value{place}"] = column.values
        if column.lengths is not None:
            block[f"length{place}"] = column.lengths
    ragged = [place for place, column in enumerate(columns) if column.lengths is not None]
    flat = block.view(np.uint8)
    return (flat[_kept(columns, ragged, layout, count)] if ragged else flat).data


def _kept(columns: list[_Column], ragged: list[int], layout: np.dtype[Any], count: int) -> Array:
    """Tell which bytes of the fixed-width rows belong to the stream."""
    kept = np.ones((count, layout.itemsize), np.bool_)
    assert layout.fields is not None
    for place in ragged:
        lengths = columns[place].lengths
        assert lengths is not None
        first, size = layout.fields[f"value{place}"][1], columns[place].kind.itemsize
        steps = np.arange(size + 1)[:, None] > np.arange(size)[None, :]
        kept[:, first : first + size] = steps.take(np.maximum(lengths, 0), axis=0)
    return kept.reshape(-1)
