"""Arithmetic of dials, book periods and the policy on readings."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.metering.types import (
    MeteringPolicyError,
    book_period,
    dial_use,
    dial_use_column,
    month_start,
    reading_policy,
)
from thapsang.kit.db.place import ROOT

DIGITS = st.integers(3, 9)


@given(st.data(), DIGITS)
def test_a_dial_gives_back_what_went_through_it(data: st.DataObject, digits: int) -> None:
    """Whatever is counted, up to a tenth of the dial from its last tenth on, comes out again."""
    dial = 10**digits
    before = data.draw(st.integers(0, dial - 1))
    most = dial - 1 - before if before < dial * 9 // 10 else dial - before + dial // 10
    counted = data.draw(st.integers(0, most))
    assert dial_use(before, (before + counted) % dial, digits, 0.1) == counted


@given(st.data(), DIGITS)
def test_use_is_never_negative_and_never_a_whole_dial(data: st.DataObject, digits: int) -> None:
    before, after = (data.draw(st.integers(0, 10**digits - 1)) for _ in range(2))
    use = dial_use(before, after, digits, 0.1)
    assert use is None or 0 <= use < 10**digits
    assert (use is None) == (
        after < before and not (before >= 0.9 * 10**digits and after <= 0.1 * 10**digits)
    )


@given(
    st.lists(st.tuples(st.integers(0, 10**5 - 1), st.integers(0, 10**5 - 1), st.integers(3, 7)), min_size=1)
)
def test_columns_count_as_single_dials_do(rows: list[tuple[int, int, int]]) -> None:
    rows = [(before % 10**digits, after % 10**digits, digits) for before, after, digits in rows]
    frame = pl.DataFrame(
        rows, schema={"before": pl.Int64, "after": pl.Int64, "digits": pl.Int16}, orient="row"
    )
    found = frame.select(
        dial_use_column(pl.col("before"), pl.col("after"), pl.col("digits"), 0.1)
    ).to_series()
    assert found.to_list() == [dial_use(before, after, digits, 0.1) for before, after, digits in rows]


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 28))
def test_periods_of_a_book_follow_each_other_without_gap(period: date, day: int) -> None:
    now, then = book_period(period, day), book_period(month_start(period, months=1), day)
    assert now.end == then.start
    assert 28 <= (now.end - now.start).days <= 31


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [(1, date(2026, 10, 1), date(2026, 11, 1)), (10, date(2026, 9, 10), date(2026, 10, 10))],
)
def test_the_first_means_the_calendar_month_and_another_day_closes_inside_it(
    day: int, start: date, end: date
) -> None:
    found = book_period(date(2026, 10, 17), day)
    assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize("day", [0, 29, 31])
def test_a_reading_day_that_some_months_lack_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match="only 1 to 28"):
        book_period(date(2026, 10, 1), day)


def test_nghe_an_has_one_set_of_rules_for_every_day_since_2014() -> None:
    folder, day = ROOT / "policies" / "nghe-an", date(2014, 6, 1)
    while day < date(2030, 1, 1):
        assert reading_policy(folder, day).estimate_periods == 3
        day += timedelta(days=30)


GOOD = (ROOT / "policies" / "nghe-an" / "metering" / "reading.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("spike:", "spikes:", "'spike' is missing"),
        ("action: flag", "action: ignore", "neither reject nor flag"),
        ("from: 2014-06-01", "from: 2027-01-01", "no rules for 2026-10-01"),
        ("dial_share: 0.10", "dial_share: x", "could not convert"),
        (
            '      reference: {kind: house, text: "Qua vòng',
            '      note: {kind: house, text: "Qua vòng',
            "has no reference",
        ),
        ("rules:", "rules: [", "while parsing"),
    ],
)
def test_a_broken_policy_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    (tmp_path / "metering").mkdir()
    (tmp_path / "metering" / "reading.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(MeteringPolicyError, match=words) as caught:
        reading_policy(tmp_path, date(2026, 10, 1))
    assert "reading.yaml" in str(caught.value)


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeteringPolicyError, match="is missing"):
        reading_policy(tmp_path, date(2026, 10, 1))
