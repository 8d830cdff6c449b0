"""Facts and evidence in, adjustments and relief lines out: Arrow at the edge, NumPy inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.engines.periods import LAST_DAY
from thapsang.engines.rating.columns import checked, numbers, places
from thapsang.engines.rating.tables import Array
from thapsang.engines.relief.book import Known, ReliefBook
from thapsang.engines.relief.errors import ReliefInputError

_WORD = pa.dictionary(pa.int16(), pa.string())

FACTS = pa.schema({"point": pa.int64(), "use": pa.string(), "area": pa.string()})
"""Facts: at most one row a point. `use` of the vocabulary or null; `area` any code, or null."""

EVIDENCE = pa.schema(
    {
        "list": pa.string(),
        "point": pa.int64(),
        "area": pa.string(),
        "start": pa.date32(),
        "end": pa.date32(),
    }
)
"""Evidence: who stands on a list on the days [start, end), `end` null for until further notice. A row has a
point or an area, as the list's scope says; the other is null. Several rows for one of them add up."""

ADJUSTMENTS = pa.schema(
    {
        "point": pa.int64(),
        "start": pa.date32(),
        "end": pa.date32(),
        "category": pa.dictionary(pa.int16(), pa.string()),
        "household_quarters": pa.int32(),
        "kwh": pa.int64(),
        "net": pa.int64(),
        "vat_rate": pa.int32(),
        "vat": pa.int64(),
        "total": pa.int64(),
        "relief": pa.int64(),
        "relief_vat": pa.int64(),
        "relief_total": pa.int64(),
        "cash": pa.int64(),
    }
)
"""Adjustments: one row a point that gets anything. The bill as rated, what is taken off it (đồng, above zero)
and what the State pays apart in cash."""

RELIEF_LINES = pa.schema(
    {
        "point": pa.int64(),
        "line_no": pa.int16(),
        "programme": _WORD,
        "rule": _WORD,
        "on_bill": pa.bool_(),
        "kwh": pa.int64(),
        "amount": pa.int64(),
        "vat": pa.int64(),
        "reference": pa.int16(),
    }
)
"""Lines: one a granted rule, in stacking order. `amount` (đồng before VAT) and `vat` come off the bill; a line
that is not on the bill is cash and has no VAT. `reference` is a number in the programmes' references."""


@dataclass(frozen=True)
class Stays:
    """Rows of one list: whose (a point, or the place of an area), and the days [start, end)."""

    owner: Array
    start: Array
    end: Array


@dataclass(frozen=True)
class Facts:
    """Facts sorted by point: places of uses and areas, -1 for none; and the lists' rows sorted by owner."""

    point: Array
    use: Array
    area: Array
    areas: int
    lists: dict[str, Stays]

    def of(self, points: Array) -> tuple[Array, Array]:
        """Return the uses and areas of points in ascending order, -1 where there is no fact."""
        if not len(self.point):
            nothing = np.full(len(points), -1, np.int16)
            return nothing, nothing
        first = int(np.searchsorted(self.point, points[:1]).sum())  # 0 for no points
        run = slice(first, first + len(points))
        if np.array_equal(self.point[run], points):  # a fact for each, as a register gives them
            return self.use[run], self.area[run]
        row = np.minimum(np.searchsorted(self.point, points), len(self.point) - 1)
        known = self.point.take(row) == points
        return np.where(known, self.use.take(row), -1), np.where(known, self.area.take(row), -1)


def facts_of(facts: pa.Table, evidence: pa.Table, book: ReliefBook) -> Facts:
    """Turn facts and evidence into arrays.

    Raises RatingInputError for a missing or mistyped column, ReliefInputError for a use or a list that is not in
    the vocabulary, a point given twice, or a row whose owner does not fit its list.
    """
    facts, _ = checked(facts, FACTS, "facts")
    evidence, _ = checked(evidence, EVIDENCE, "evidence")
    _filled(facts, ("point",), "facts")
    _filled(evidence, ("list", "start"), "evidence")
    _known_words(facts, "use", book.uses, "facts")
    _known_words(evidence, "list", book.lists, "evidence")
    areas = tuple(sorted(value for value in pc.unique(evidence["area"]).to_pylist() if value is not None))
    point = numbers(facts, "point")
    use, area = places(facts, "use", tuple(book.uses)), places(facts, "area", areas)
    order = np.argsort(point, kind="stable")
    point = point[order]
    if len(point) > 1 and bool((point[1:] == point[:-1]).any()):
        raise ReliefInputError("The facts table has a point twice; give each point one row.")
    return Facts(point, use[order], area[order], len(areas), _lists(evidence, areas, book))


def _filled(table: pa.Table, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if table[name].null_count:
            raise ReliefInputError(
                f"The {what} table has a row without {name}; fill it in or leave the row out."
            )


def _known_words(table: pa.Table, name: str, known: dict[str, Known], what: str) -> None:
    strange = sorted(set(pc.unique(table[name]).to_pylist()) - {*known, None})
    if strange:
        raise ReliefInputError(
            f"The {what} table has the {name}(s) {', '.join(strange)}; use one of {', '.join(known)}, "
            "or add it to the vocabulary of the reliefs."
        )


def _lists(evidence: pa.Table, areas: tuple[str, ...], book: ReliefBook) -> dict[str, Stays]:
    code = places(evidence, "list", tuple(book.lists))
    point, area = numbers(evidence, "point"), places(evidence, "area", areas)
    has_point = pc.is_valid(evidence["point"]).to_numpy(zero_copy_only=False)
    start = numbers(evidence, "start")
    end = np.where(
        pc.is_valid(evidence["end"]).to_numpy(zero_copy_only=False), numbers(evidence, "end"), LAST_DAY
    )
    if bool((end <= start).any()):
        raise ReliefInputError(
            "The evidence has a row whose end is not after its start; the end is exclusive."
        )
    found: dict[str, Stays] = {}
    for place, known in enumerate(book.lists.values()):
        rows = np.flatnonzero(code == place)
        by_point = known.scope == "point"
        if bool(((has_point[rows] != by_point) | ((area[rows] >= 0) == by_point)).any()):
            raise ReliefInputError(
                f"The evidence of {known.code} has a row without {'a point' if by_point else 'an area'} or with "
                f"something else; this list names {'points' if by_point else 'areas'}."
            )
        owner = (point if by_point else area)[rows]
        order = np.argsort(owner, kind="stable")
        found[known.code] = Stays(owner[order], start[rows][order], end[rows][order])
    return found


def words(values: list[str]) -> tuple[dict[str, int], pa.Array]:
    """Return the place of each text, and the texts as an Arrow dictionary."""
    unique = list(dict.fromkeys(values))
    return {value: place for place, value in enumerate(unique)}, pa.array(unique, pa.string())


def batch_of(schema: pa.Schema, columns: dict[str, Any]) -> pa.RecordBatch:
    """Turn NumPy or Arrow columns into a record batch; int32 day numbers become dates."""
    arrays = []
    for field in schema:
        column = columns[field.name]
        array = column if isinstance(column, pa.Array) else pa.array(column)
        arrays.append(array.view(pa.date32()) if field.type == pa.date32() else array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
