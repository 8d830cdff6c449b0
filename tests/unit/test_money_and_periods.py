"""Whole đồng, half-open dates."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.rating import half_up
from thapsang.engines.money import divide_half_up, format_dong, share
from thapsang.engines.periods import Period, day_number, day_of, days_in_month, month_of


@given(st.integers(0, 10**17), st.integers(1, 10**6))
def test_division_is_half_up(numerator: int, denominator: int) -> None:
    assert divide_half_up(numerator, denominator) == half_up(Fraction(numerator, denominator))


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


def test_a_period_is_half_open() -> None:
    june = Period(date(2026, 6, 1), date(2026, 7, 1))
    assert (june.days, june.last_day) == (30, date(2026, 6, 30))
    assert date(2026, 6, 1) in june and date(2026, 7, 1) not in june


@pytest.mark.parametrize("end", [date(2026, 6, 1), date(2026, 5, 31)])
def test_an_empty_period_is_refused(end: date) -> None:
    with pytest.raises(ValueError, match="the end is exclusive"):
        Period(date(2026, 6, 1), end)


@pytest.mark.parametrize(
    ("day", "days"), [(date(2024, 2, 29), 29), (date(2026, 2, 1), 28), (date(2026, 12, 31), 31)]
)
def test_months(day: date, days: int) -> None:
    month = month_of(day)
    assert month.days == days and day in month and month.start.day == 1


@given(st.lists(st.dates(date(1990, 1, 1), date(2200, 12, 31)), min_size=1))
def test_month_lengths_in_columns(days: list[date]) -> None:
    numbers = np.array([day_number(day) for day in days], np.int32)
    assert days_in_month(numbers).tolist() == [month_of(day).days for day in days]
    assert [day_of(number) for number in numbers] == days


def test_month_lengths_far_outside_the_calendar_do_not_fail() -> None:
    assert days_in_month(np.array([-(2**31), 2**31 - 1], np.int32)).tolist() == [31, 31]
