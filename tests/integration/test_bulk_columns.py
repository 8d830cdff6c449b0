"""Columns gathered by the server come back as rows would."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection

from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.copy import fetch, url

pytestmark = pytest.mark.django_db(transaction=True)


def _read(query: str) -> dict[str, list[Any]]:
    connection.ensure_connection()
    with ColumnReader.connect(url()) as link:
        return fetch(link, query).to_pydict()


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
