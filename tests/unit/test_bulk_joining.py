"""The joins by place give what hash joins give, whatever is missing or twice."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from thapsang.kit.bulk.joining import among, beside, is_ascending

NUMBERS = st.lists(st.integers(1, 60), max_size=40)


@given(st.lists(st.none() | st.integers(1, 60), max_size=40), NUMBERS, st.booleans())
def test_beside_is_a_left_join(left: list[int | None], right: list[int], far: bool) -> None:
    numbers = [*right, 10**9] if far else right
    one = pl.DataFrame({"k": left, "a": list(range(len(left)))}, schema={"k": pl.Int64, "a": pl.Int64})
    two = pl.DataFrame({"k": numbers, "b": list(range(len(numbers)))}, schema={"k": pl.Int64, "b": pl.Int64})
    joined = beside(one, two, on="k")
    assert joined["a"].is_sorted()
    assert sorted(joined.rows(), key=str) == sorted(one.join(two, on="k", how="left").rows(), key=str)


@given(NUMBERS, NUMBERS, st.booleans())
def test_among_is_membership(numbers: list[int], few: list[int], far: bool) -> None:
    few = [*few, 10**9] if far else few
    asked = pl.Series(numbers, dtype=pl.Int64), pl.Series(few, dtype=pl.Int64)
    assert among(*asked).to_list() == [number in few for number in numbers]


@given(st.lists(st.none() | st.integers(1, 9), max_size=6))
def test_ascending_means_distinct_and_in_order(numbers: list[int | None]) -> None:
    whole = [number for number in numbers if number is not None]
    expected = None not in numbers and whole == sorted(set(whole))
    assert is_ascending(pl.Series(numbers, dtype=pl.Int64)) is expected
