"""Rows encoded by NumPy arrive in PostgreSQL as they were."""

from __future__ import annotations

from datetime import date

import psycopg
import pyarrow as pa
import pytest

from thapsang.kit.bulk.binary import BATCH_ROWS
from thapsang.kit.bulk.copy import copy_rows, fetch, url

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "CREATE TEMP TABLE t (a bigint, b int, c smallint, d date, e bool, f varchar(9), g text)"


def sent_and_back(rows: pa.Table) -> list[dict[str, object]]:
    with psycopg.connect(url()) as link:
        link.execute(TABLE)
        assert copy_rows(link, "t", rows) == rows.num_rows
        back: list[dict[str, object]] = fetch(link, "SELECT * FROM t ORDER BY ctid").to_pylist()
        return back


def table(count: int, *, missing: bool = False) -> pa.Table:
    def holes(values: list[object], every: int) -> list[object]:
        return [None if missing and n % every == 0 else value for n, value in enumerate(values)]

    words = ["", "tier", "điện", "reactive"]
    return pa.table(
        {
            "a": pa.array(holes([(-1) ** n * 2**60 + n for n in range(count)], 3), pa.int64()),
            "b": pa.array(holes([-n for n in range(count)], 4), pa.int32()),
            "c": pa.array(holes([n % 30_000 for n in range(count)], 5), pa.int16()),
            "d": pa.array(holes([date(1999 + n % 40, 2, 28) for n in range(count)], 2), pa.date32()),
            "e": pa.array(holes([n % 3 == 0 for n in range(count)], 7), pa.bool_()),
            "f": pa.array(holes([words[n % 4] for n in range(count)], 6), pa.string()).dictionary_encode(),
            "g": pa.array(holes([words[n * 7 % 4] * (n % 5) for n in range(count)], 9), pa.string()),
        }
    )


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("count", [1, 7, BATCH_ROWS, BATCH_ROWS + 3])
def test_every_type_arrives(count: int, missing: bool) -> None:
    rows = table(count, missing=missing)
    assert sent_and_back(rows) == rows.to_pylist()


def test_chunks_with_dictionaries_of_their_own_arrive() -> None:
    rows = pa.concat_tables([table(5), table(2), table(9, missing=True)])
    assert sent_and_back(rows) == rows.to_pylist()


@pytest.mark.parametrize("word", ["", "tier"])
def test_one_text_in_all_rows_arrives(word: str) -> None:
    rows = table(4).set_column(5, "f", pa.array([word] * 4))
    assert sent_and_back(rows) == rows.to_pylist()


def test_no_row_is_no_copy() -> None:
    assert sent_and_back(table(0)) == []


def test_a_type_without_an_encoding_is_refused_by_name() -> None:
    with psycopg.connect(url()) as link:
        link.execute(TABLE)
        with pytest.raises(TypeError, match="column a is double"):
            copy_rows(link, "t", pa.table({"a": [1.5]}))


@pytest.mark.parametrize("usual", ["tier", ""])
@pytest.mark.parametrize("odd", [{0}, {BATCH_ROWS - 1}, {5, 6, 7, 900, BATCH_ROWS, BATCH_ROWS + 1}])
def test_few_rows_of_other_lengths_stay_in_their_places(usual: str, odd: set[int]) -> None:
    count = BATCH_ROWS + 2
    words = [("điện" if n % 2 else "") if n in odd else usual for n in range(count)]
    numbers = [None if n in odd and n % 3 else n for n in range(count)]
    rows = table(count).set_column(6, "g", pa.array(words)).set_column(0, "a", pa.array(numbers, pa.int64()))
    rows = rows.set_column(5, "f", pa.array(["flat"] * count))
    assert sent_and_back(rows) == rows.to_pylist()
