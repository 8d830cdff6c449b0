"""Arrow columns in, NumPy columns inside, Arrow columns out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.engines.rating.errors import RatingInputError
from thapsang.engines.rating.tables import BAND_NAMES, KINDS, Array

_WORD = pa.dictionary(pa.int8(), pa.string())

USAGE = pa.schema(
    {
        "point": pa.int64(),
        "segment": pa.int16(),
        "start": pa.date32(),
        "end": pa.date32(),
        "kwh": pa.int64(),
        "kwh_normal": pa.int64(),
        "kwh_peak": pa.int64(),
        "kwh_offpeak": pa.int64(),
        "banded": pa.bool_(),
        "kvarh": pa.int64(),
    }
)
"""Usage: one row a point and period; several when an interim reading splits it. Energy in kWh, kvarh."""

TERMS = pa.schema(
    {
        "point": pa.int64(),
        "start": pa.date32(),
        "end": pa.date32(),
        "category": pa.string(),
        "voltage": pa.string(),
        "household_quarters": pa.int32(),
        "time_of_use": pa.bool_(),
        "reactive_charged": pa.bool_(),
    }
)
"""Terms: one row a stretch of days with the same terms. Households in quarters (4 = one household)."""

BILLS = pa.schema(
    {
        "point": pa.int64(),
        "start": pa.date32(),
        "end": pa.date32(),
        "kwh": pa.int64(),
        "kvarh": pa.int64(),
        "category": pa.dictionary(pa.int16(), pa.string()),
        "household_quarters": pa.int32(),
        "net": pa.int64(),
        "vat_rate": pa.int32(),
        "vat": pa.int64(),
        "total": pa.int64(),
    }
)
"""Bills: amounts in đồng, `vat_rate` in basis points, category and households of the last day."""

LINES = pa.schema(
    {
        "point": pa.int64(),
        "line_no": pa.int16(),
        "kind": _WORD,
        "tier": pa.int16(),
        "band": _WORD,
        "kwh": pa.int64(),
        "price": pa.int32(),
        "amount": pa.int64(),
        "start": pa.date32(),
        "end": pa.date32(),
        "reference": pa.int16(),
    }
)
"""Lines: amount = kwh × price, but for kind `reactive`: there kwh is 0, price is k in hundredths of a
percent, and the kvarh stand on the bill."""

PROBLEMS = pa.schema({"point": pa.int64(), "code": pa.string(), "detail": pa.string()})
"""Problems: one row a point without a bill; `detail` is JSON with field, value, problem and remedy."""

Rows = TypeVar("Rows", bound="_Rows")


@dataclass
class _Rows:
    """Columns of equal length, sorted by point and start. `faulty` marks rows with a missing value."""

    point: Array
    start: Array
    end: Array
    faulty: Array

    def take(self: Rows, where: Any) -> Rows:
        """Return the rows at an index, a mask or a slice."""
        return replace(self, **{f.name: getattr(self, f.name)[where] for f in fields(self)})

    def __len__(self) -> int:
        return len(self.point)


@dataclass
class Usage(_Rows):
    """Usage rows as arrays."""

    kwh: Array
    normal: Array
    peak: Array
    offpeak: Array
    banded: Array
    kvarh: Array


@dataclass
class Terms(_Rows):
    """Terms rows as arrays; categories and voltages are places in the book's lists, -1 when unknown."""

    category: Array
    voltage: Array
    quarters: Array
    time_of_use: Array
    reactive: Array


def usage_of(table: pa.Table) -> Usage:
    """Turn a usage table into sorted rows; raises RatingInputError naming a missing or mistyped column."""
    table, faulty = checked(table, USAGE, "usage")
    names = {"normal": "kwh_normal", "peak": "kwh_peak", "offpeak": "kwh_offpeak"}
    columns = {f.name: numbers(table, names.get(f.name, f.name)) for f in fields(Usage) if f.name != "faulty"}
    return _sorted(Usage(faulty=faulty, **columns))


def terms_of(table: pa.Table, categories: tuple[str, ...], voltages: tuple[str, ...]) -> Terms:
    """Turn a terms table into sorted rows; raises RatingInputError naming a missing or mistyped column."""
    table, faulty = checked(table, TERMS, "terms")
    return _sorted(
        Terms(
            point=numbers(table, "point"),
            start=numbers(table, "start"),
            end=numbers(table, "end"),
            faulty=faulty,
            category=places(table, "category", categories),
            voltage=places(table, "voltage", voltages),
            quarters=numbers(table, "household_quarters"),
            time_of_use=numbers(table, "time_of_use"),
            reactive=numbers(table, "reactive_charged"),
        )
    )


def _sorted(rows: Rows) -> Rows:
    if len(rows) < 2 or bool(np.all(rows.point[1:] > rows.point[:-1])):
        return rows
    return rows.take(np.lexsort((rows.end, rows.start, rows.point)))


def checked(table: pa.Table, schema: pa.Schema, what: str) -> tuple[pa.Table, Array]:
    """Return the table with the schema's types, and which rows lack a value."""
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise RatingInputError(
            f"The {what} table lacks the column(s) {', '.join(missing)}; it needs {', '.join(schema.names)}."
        )
    faulty = np.zeros(table.num_rows, np.bool_)
    columns = []
    for field in schema:
        column = _typed(table[field.name], field, what)
        if column.null_count:
            faulty |= pc.is_null(column).to_numpy(zero_copy_only=False)
        columns.append(column)
    return pa.table(columns, names=schema.names), faulty


def _typed(column: pa.ChunkedArray, field: pa.Field, what: str) -> pa.Array:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # combining copies
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type) and field.type == pa.string():
        return array
    if array.type == field.type:
        return array
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RatingInputError(
            f"The column {field.name} of the {what} table is {array.type}; make it {field.type} ({error})."
        ) from error


def numbers(table: pa.Table, name: str) -> Array:
    """Return a column as a NumPy array, dates as day numbers, missing values as zero."""
    array = table[name].chunk(0) if table[name].num_chunks else pa.array([], table[name].type)
    if array.type == pa.date32():
        array = array.view(pa.int32())
    if array.null_count:
        array = array.fill_null(False if array.type == pa.bool_() else 0)
    result: Array = array.to_numpy(zero_copy_only=False)
    return result


def places(table: pa.Table, name: str, known: tuple[str, ...]) -> Array:
    """Return each text's place among the known ones, -1 for one that is unknown."""
    array = table[name].chunk(0) if table[name].num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    found = np.array(
        [known.index(v) if v in known else -1 for v in array.dictionary.to_pylist()] + [-1], np.int16
    )
    indices = array.indices.fill_null(len(found) - 1) if array.indices.null_count else array.indices
    result: Array = found.take(indices.to_numpy(zero_copy_only=False))
    return result


def firsts(owner: Array) -> Array:
    """Return a mask of the first row of every owner, for rows sorted by owner."""
    mask = np.ones(len(owner), np.bool_)
    np.not_equal(owner[1:], owner[:-1], out=mask[1:])
    return mask


def lasts(owner: Array) -> Array:
    """Return a mask of the last row of every owner, for rows sorted by owner."""
    mask = np.ones(len(owner), np.bool_)
    np.not_equal(owner[1:], owner[:-1], out=mask[:-1])
    return mask


def word_column(indices: Array, words: tuple[str, ...]) -> pa.Array:
    """Return a dictionary column of words from their places."""
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(words, pa.string()), safe=False)


def day_column(days: Array) -> pa.Array:
    """Return a date32 column from day numbers."""
    return pa.array(days).view(pa.date32())


def lines_batch(columns: dict[str, Array]) -> pa.RecordBatch:
    """Turn line columns into a record batch of the LINES schema."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array(columns["point"]),
            pa.array(columns["line_no"]),
            word_column(columns["kind"], KINDS),
            pa.array(columns["tier"]),
            word_column(columns["band"], BAND_NAMES),
            pa.array(columns["kwh"]),
            pa.array(columns["price"]),
            pa.array(columns["amount"]),
            day_column(columns["start"]),
            day_column(columns["end"]),
            pa.array(columns["reference"]),
        ],
        schema=LINES,
    )


def bills_batch(columns: dict[str, Array], categories: tuple[str, ...]) -> pa.RecordBatch:
    """Turn bill columns into a record batch of the BILLS schema."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array(columns["point"]),
            day_column(columns["start"]),
            day_column(columns["end"]),
            pa.array(columns["kwh"]),
            pa.array(columns["kvarh"]),
            word_column(columns["category"], categories),
            pa.array(columns["quarters"]),
            pa.array(columns["net"]),
            pa.array(columns["vat_rate"]),
            pa.array(columns["vat"]),
            pa.array(columns["total"]),
        ],
        schema=BILLS,
    )
