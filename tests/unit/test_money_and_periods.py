"""Whole đồng, day numbers, months."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.rating import half_up
from thapsang.engines.money import divide_half_up, format_dong, share
from thapsang.engines.periods import day_number, day_of, days_in_month


@settings(deadline=None)
@given(st.integers(0, 10**17), st.integers(1, 10**6))
def test_division_is_half_up(numerator: int, denominator: int) -> None:
    assert divide_half_up(numerator, denominator) == half_up(Fraction(numerator, denominator))


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(1, 10**5))
def test_columns_are_divided_like_numbers(numerators: list[int], denominator: int) -> None:
    by_one = divide_half_up(np.array(numerators), denominator)
    by_column = divide_half_up(np.array(numerators), np.full(len(numerators), denominator))
    assert by_one.tolist() == by_column.tolist() == [divide_half_up(n, denominator) for n in numerators]


@pytest.mark.parametrize(
    ("amount", "vat"), [(0, 0), (1, 0), (6, 0), (7, 1), (408_760, 32_701), (434_491, 34_759)]
)
def test_eight_percent_of_an_amount(amount: int, vat: int) -> None:
    assert share(amount, 800) == vat


def test_a_half_dong_goes_up() -> None:
    assert share(25, 200) == 1  # 0.5
    assert share(75, 200) == 2  # 1.5


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 đ"), (999, "999 đ"), (1_347_300, "1.347.300 đ"), (-32_000, "-32.000 đ")]
)
def test_dong_as_printed(amount: int, text: str) -> None:
    assert format_dong(amount) == text


@settings(deadline=None)
@given(st.lists(st.dates(date(1990, 1, 1), date(2200, 12, 31)), min_size=1))
def test_month_lengths_in_columns(days: list[date]) -> None:
    numbers = np.array([day_number(day) for day in days], np.int32)
    assert days_in_month(numbers).tolist() == [monthrange(day.year, day.month)[1] for day in days]
    assert [day_of(number) for number in numbers] == days


def test_month_lengths_far_outside_the_calendar_do_not_fail() -> None:
    assert days_in_month(np.array([-(2**31), 2**31 - 1], np.int32)).tolist() == [31, 31]
