"""Rows of PostgreSQL's binary COPY format, built by NumPy a column at a time.

A batch is laid out as one array of fixed-width rows. Where texts differ in length or values are missing, the
lengths most rows have give the width; the other rows are laid out apart and put in between. That costs a tenth of
encoding value by value (docs/adr/0005). Batches of one layout are written into the same memory one after the other:
counts and lengths stand there already, and new memory costs more than the values.
"""

from __future__ import annotations

from collections import Counter
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

_SAMPLE, _FEW = 16, 4
"""The usual lengths are looked for in one row of sixteen; up to a quarter of the rows may have others."""

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


class _Forms:
    """Rows of each layout with their counts and lengths in place, made once and filled in again and again."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Array] = {}

    def form(self, columns: list[_Column], sizes: list[int], count: int, *, cut: bool = False) -> Array:
        """Return `count` rows whose fields have the given lengths (-1 for a missing value), values as they were.

        `cut`: for rows whose lengths the caller changes; nobody else is given the same.
        """
        key = (cut, *((column.kind.str, size) for column, size in zip(columns, sizes, strict=True)))
        form = self._made.get(key)
        if form is None or len(form) < count:
            form = self._made[key] = _form(columns, sizes, count)
        return form[:count]


def encode(rows: pa.Table) -> Iterator[Any]:
    """Yield the whole COPY stream of a table as buffers of bytes, header and trailer included.

    A buffer holds until the next one is asked for: its memory is used again.
    Takes columns of int16, int32, int64, date32, bool, string and dictionary of string; the table's columns
    must have the types smallint, integer, bigint, date, boolean, text or varchar. Missing values become NULL.
    Raises TypeError for a column of another type.
    """
    yield HEADER
    forms = _Forms()
    for low in range(0, rows.num_rows, BATCH_ROWS):
        part = rows.slice(low, BATCH_ROWS)
        columns = [_column(name, part.column(name)) for name in rows.column_names]
        yield _rows(forms, columns, part.num_rows)
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


def _rows(forms: _Forms, columns: list[_Column], count: int) -> Any:
    """Return the rows' bytes: most rows have fields of the same lengths, the others are put in between."""
    ragged = [place for place, column in enumerate(columns) if column.lengths is not None]
    if not ragged:
        return _block(forms, columns, [column.kind.itemsize for column in columns], count).data
    common, odd = _usual([columns[place].lengths for place in ragged])
    if odd is None:
        return _cut(forms, columns, ragged, count).data
    sizes = [_length(column, common) for column in columns]
    block = _block(forms, columns, sizes, count)
    if not len(odd):
        return block.data
    others = [
        _Column(column.values[odd], column.kind, None if column.lengths is None else column.lengths[odd])
        for column in columns
    ]
    return _woven(
        block.reshape(count, -1), _cut(forms, others, ragged, len(odd)), odd, _ends(others, len(odd))
    )


def _usual(lengths: list[Any]) -> tuple[int, Array | None]:
    """Return a row whose lengths most rows have, and the places of all other rows; None when those are too many."""
    sample = [some[::_SAMPLE].tolist() for some in lengths]
    rows = list(zip(*sample, strict=True))
    common = rows.index(Counter(rows).most_common(1)[0][0]) * _SAMPLE
    other = lengths[0] != lengths[0][common]
    for some in lengths[1:]:
        other |= some != some[common]
    odd = np.flatnonzero(other)
    return common, odd if len(odd) * _FEW <= len(other) else None


def _length(column: _Column, row: int) -> int:
    return column.kind.itemsize if column.lengths is None else int(column.lengths[row])


def _form(columns: list[_Column], sizes: list[int], count: int) -> Array:
    """Lay out rows with their counts and lengths; values are zero."""
    parts: list[tuple[str, Any]] = [("count", ">i2")]
    for place, (column, size) in enumerate(zip(columns, sizes, strict=True)):
        parts.append((f"length{place}", ">i4"))
        if size > 0:
            parts.append((f"value{place}", f"S{size}" if column.kind.kind == "S" else column.kind))
    layout = np.dtype(parts)
    row = np.zeros((), layout)
    row["count"] = len(columns)
    for place, size in enumerate(sizes):
        row[f"length{place}"] = size
    return np.frombuffer(bytearray(row.tobytes() * count), layout)  # several times as fast as np.full


def _block(
    forms: _Forms, columns: list[_Column], sizes: list[int], count: int, *, cut: bool = False
) -> Array:
    """Fill in rows whose fields have the given lengths (-1 for a missing value); return their bytes."""
    block = forms.form(columns, sizes, count, cut=cut)
    for place, (column, size) in enumerate(zip(columns, sizes, strict=True)):
        if size > 0:
            block[f"value{place}"] = column.values
    return block.view(np.uint8)


def _cut(forms: _Forms, columns: list[_Column], ragged: list[int], count: int) -> Array:
    """Lay out rows at full width, then cut out the bytes of texts that are shorter and of missing values."""
    widths = [column.kind.itemsize for column in columns]
    block = _block(forms, columns, widths, count, cut=True).reshape(count, -1)
    kept = np.ones(block.shape, np.bool_)
    firsts = 6 + np.cumsum([0, *(4 + width for width in widths[:-1])])
    for place in ragged:
        lengths, size, first = columns[place].lengths, widths[place], int(firsts[place])
        assert lengths is not None
        block[:, first - 4 : first] = lengths.astype(">i4").view(np.uint8).reshape(count, 4)
        steps = np.arange(size + 1)[:, None] > np.arange(size)[None, :]
        kept[:, first : first + size] = steps.take(np.maximum(lengths, 0), axis=0)
    return block[kept]


def _ends(columns: list[_Column], count: int) -> Array:
    """Return where each row ends in the bytes of `_cut`."""
    sizes = np.full(count, 2 + 4 * len(columns), np.int64)
    for column in columns:
        sizes += column.kind.itemsize if column.lengths is None else np.maximum(column.lengths, 0)
    return np.cumsum(sizes)


def _woven(block: Array, others: Array, odd: Array, ends: Array) -> bytes:
    """Put other rows in the places `odd` of a block, keeping the order of all."""
    first = np.flatnonzero(np.diff(odd, prepend=-2) > 1)
    last = np.append(first[1:], len(odd)) - 1
    begins = np.append(0, ends)[first]
    pieces, done, usual, other = [], 0, block.data, others.data
    for low, high, begin, end in zip(
        odd[first].tolist(), odd[last].tolist(), begins.tolist(), ends[last].tolist(), strict=True
    ):
        pieces += [usual[done:low], other[begin:end]]
        done = high + 1
    pieces.append(usual[done:])
    return b"".join(pieces)
