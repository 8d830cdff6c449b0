"""Time without supply: counted once however many areas overlap, day by day, in Vietnamese days."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.metering.queries.darkness import (
    DAY_SECONDS,
    Darkness,
    dark_steps,
    midnight,
    period_month,
    period_of,
)

FIRST = date(2026, 10, 1)
START = int(midnight(FIRST).timestamp())
HOURS = st.integers(0, 24 * 20)
SPANS = st.lists(st.tuples(HOURS, st.one_of(st.none(), HOURS)), max_size=6)


def spans(hours: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    return [(START + a * 3600, None if b is None else START + b * 3600) for a, b in hours]


def dark_hours(hours: list[tuple[int, int | None]], until: int) -> set[int]:
    return {h for a, b in hours for h in range(a, until if b is None else min(b, until))}


@given(SPANS, st.integers(1, 20), st.integers(0, 20))
def test_steps_are_the_union_of_the_spans(hours: list[tuple[int, int | None]], days: int, cut: int) -> None:
    until = FIRST + timedelta(days=days)
    steps = dark_steps(spans(hours), FIRST, until)
    dark = dark_hours(hours, days * 24)
    assert (steps[-1][1] if steps else 0) == len(dark) * 3600
    assert steps == sorted(steps) and all(FIRST < day <= until for day, _ in steps)
    known = Darkness(
        pl.DataFrame({"point": [1], "areas": ["1"]}),
        pl.DataFrame(
            [("1", day, seconds) for day, seconds in steps],
            {"areas": pl.String, "day": pl.Date, "dark": pl.Int64}, orient="row",
        ),
    )  # fmt: skip
    split = FIRST + timedelta(days=min(cut, days))
    rows = known.joined(pl.DataFrame({"point": [1, 2]}), "point")
    before = known.between(rows, FIRST, split, "dark")["dark"].to_list()
    after = known.between(rows, split, until, "dark")["dark"].to_list()
    assert before[0] + after[0] == len(dark) * 3600 and before[1] == after[1] == 0
    assert before[0] == len({h for h in dark if h < min(cut, days) * 24}) * 3600 <= days * DAY_SECONDS


def test_a_day_begins_at_midnight_in_vietnam() -> None:
    [(day, seconds)] = dark_steps(
        [(START - 3600, START + 3600)], FIRST - timedelta(days=0), FIRST + timedelta(days=2)
    )
    assert (day, seconds) == (FIRST + timedelta(days=1), 3600)
    both = dark_steps([(START - 3600, START + 7200)], FIRST - timedelta(days=1), FIRST + timedelta(days=2))
    assert both == [(FIRST, 3600), (FIRST + timedelta(days=1), 10800)]


def test_a_closing_day_names_its_period() -> None:
    assert (period_month(date(2026, 11, 1)), period_of(date(2026, 11, 1)).start) == (FIRST, FIRST)
    assert (period_month(date(2026, 10, 15)), period_of(date(2026, 10, 15)).start) == (
        FIRST,
        date(2026, 9, 15),
    )
    assert period_of(date(2026, 10, 15)).end == date(2026, 10, 15)
