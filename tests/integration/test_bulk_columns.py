"""Columns gathered by the server come back as rows would."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection

from thapsang.kit.bulk.columns import ColumnReader, Usual
from thapsang.kit.bulk.copy import fetch, url

pytestmark = pytest.mark.django_db(transaction=True)


def _read(query: str, usual: Usual | None = None) -> dict[str, list[Any]]:
    connection.ensure_connection()
    with ColumnReader.connect(url()) as link:
        return fetch(link, query, usual=usual).to_pydict()


def test_every_type_comes_back_in_order() -> None:
    found = _read(
        "SELECT * FROM (VALUES (9223372036854775807::bigint, -1::int, 3::smallint, true, '1999-12-31'::date,"
        " 'á'::text), (-5, 2147483647, -32768, false, '2026-11-23', '')) AS v(big, whole, small, yes, day, word)"
    )
    assert found == {
        "big": [2**63 - 1, -5], "whole": [-1, 2**31 - 1], "small": [3, -32768], "yes": [True, False],
        "day": [date(1999, 12, 31), date(2026, 11, 23)], "word": ["á", ""],
    }  # fmt: skip


def test_missing_values_stay_missing_whatever_the_type() -> None:
    found = _read(
        "SELECT * FROM (VALUES (1::bigint, -1::int, NULL::bool, NULL::date, NULL::varchar),"
        " (NULL, NULL, true, '2026-01-01', 'x'), (-1, 4, NULL, NULL, NULL)) AS v(big, whole, yes, day, word)"
    )
    assert found == {
        "big": [1, None, -1], "whole": [-1, None, 4], "yes": [None, True, None],
        "day": [None, date(2026, 1, 1), None], "word": [None, "x", None],
    }  # fmt: skip


def test_no_rows_keep_the_columns() -> None:
    assert _read("SELECT 1::bigint AS a, 'x'::text AS b, now()::date AS c WHERE false") == {
        "a": [],
        "b": [],
        "c": [],
    }


def test_one_empty_text_is_a_row() -> None:
    assert _read("SELECT ''::text AS word, 7::int AS n") == {"word": [""], "n": [7]}


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(TypeError, match="The column odd"):
        _read("SELECT 1.5::numeric AS odd")


def test_a_percent_sign_is_only_a_character() -> None:
    assert _read("SELECT 7 % 4 AS rest, '100 %s'::text AS word") == {"rest": [3], "word": ["100 %s"]}


_MIXED = """
SELECT * FROM (VALUES (70::bigint, 1::int, 4::smallint, NULL::bool, NULL::date, 'lt6'::text),
    (-3, 1, NULL, false, '2026-01-01', 'lt6'), (8, 12, 4, true, NULL, NULL), (9, 1, 4, NULL, NULL, ''))
    AS v(key, whole, small, yes, day, word) WHERE {where}
"""


@pytest.mark.parametrize("where", ["true", "key > 0", "key = 9", "false"])
@pytest.mark.parametrize(
    "values",
    [
        {"whole": 1, "small": 4, "yes": None, "day": None, "word": "lt6"},
        {"whole": 7, "small": None, "yes": False, "word": ""},  # hardly any row has them
        {"word": None, "whole": 12},
    ],
)
def test_what_is_called_usual_never_changes_the_result(values: dict[str, Any], where: str) -> None:
    query = _MIXED.format(where=where)
    found, plain = _read(query, Usual("key", values)), _read(query)
    assert found == plain
    assert list(found) == list(plain)


def test_a_key_that_does_not_tell_rows_apart_is_refused() -> None:
    query = "SELECT * FROM (VALUES (1::bigint, 1::int), (1, 2)) AS v(key, n)"
    with pytest.raises(ValueError, match="The key key"):
        _read(query, Usual("key", {"n": 1}))
