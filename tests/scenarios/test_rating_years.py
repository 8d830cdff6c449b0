"""Twelve years of monthly bills, through every decision and VAT rate since 2014."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pyarrow.compute as pc

from tests.factories.rating import Point, Segment, Term, book, by_hand, terms_table, usage_table
from thapsang.engines.rating import rate

SEASON = (140, 150, 160, 190, 260, 340, 350, 330, 260, 190, 160, 140)


def months() -> list[tuple[date, date]]:
    first = [date(year, month, 1) for year in range(2014, 2027) for month in range(1, 13)] + [
        date(2027, 1, 1)
    ]
    return [(a, b) for a, b in pairwise(first) if a >= date(2014, 6, 1)]


def household() -> list[Point]:
    """A household that grows: its bills, one point a month so that one run rates all."""
    found = []
    for number, (start, end) in enumerate(months()):
        kwh = SEASON[start.month - 1] * (100 + 3 * (start.year - 2014)) // 100
        found.append(
            Point(number, (Segment(start, end, kwh),), (Term(start, end, quarters=4 if number < 80 else 8),))
        )
    return found


def test_every_month_since_2014_is_billed_as_by_hand() -> None:
    bills = household()
    result = rate(book(), usage_table(bills), terms_table(bills))
    assert result.problems.num_rows == 0 and result.bills.num_rows == len(bills) == 151
    expected = [by_hand(book(), point) for point in bills]
    assert result.bills["net"].to_pylist() == [bill["net"] for bill in expected]
    assert result.bills["total"].to_pylist() == [bill["total"] for bill in expected]
    assert pc.sum(result.lines["amount"]).as_py() == sum(bill["net"] for bill in expected)


def test_each_line_names_the_decision_of_its_days() -> None:
    bills = household()
    for line in rate(book(), usage_table(bills), terms_table(bills)).lines.to_pylist():
        edition = book().edition_on(line["start"])
        assert edition and book().reference(line["reference"]).code == edition.code
        assert edition.end is None or line["end"] <= edition.end


def test_a_day_of_change_is_a_day_at_the_new_price() -> None:
    """QĐ 648 held from 20 March 2019: to the 19th the old prices, from the 20th the new (facts B2)."""
    start, end = date(2019, 3, 1), date(2019, 4, 1)
    point = Point(1, (Segment(start, end, 310),), (Term(start, end),))
    lines = rate(book(), usage_table([point]), terms_table([point])).lines.to_pylist()
    old = [line for line in lines if line["end"] == date(2019, 3, 20)]
    assert sum(line["kwh"] for line in old) == 190  # 310 × 19 / 31
    assert {line["price"] for line in old} <= {1549, 1600, 1858, 2340, 2615, 2701}
