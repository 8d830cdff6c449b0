"""Laws of judging readings, whatever the file."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from thapsang.domain.metering.operations import judging
from thapsang.domain.metering.types import dial_use, reading_policy
from thapsang.kit.db.place import ROOT

POLICY = reading_policy(ROOT / "policies" / "nghe-an", date(2026, 10, 1))
DAY = date(2026, 1, 1)
ROWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 12), st.integers(0, 999), st.sampled_from("ACV")), max_size=25
)
KNOWN = st.dictionaries(
    st.tuples(st.integers(1, 3), st.integers(0, 12)),
    st.tuples(st.integers(0, 999), st.sampled_from("AE")),
    max_size=12,
)
Known = dict[tuple[int, int], tuple[int, str]]


def consistent(known: Known) -> Known:
    """Keep of the known readings those that never fall (what the database would hold)."""
    kept: Known = {}
    last: dict[int, int] = {}
    for (register, day), (value, quality) in sorted(known.items()):
        if value >= last.get(register, 0):
            kept[(register, day)] = (value, quality)
            last[register] = value
    return kept


def judged(rows: list[tuple[int, int, int, str]], known: Known) -> list[dict]:
    candidates = pl.DataFrame(
        [(n + 1, register, 3, 1, DAY + timedelta(days=30 * day), value, quality)
         for n, (register, day, value, quality) in enumerate(rows)],
        schema=judging.CANDIDATE, orient="row",
    )  # fmt: skip
    there = pl.DataFrame(
        [(register, DAY + timedelta(days=30 * day), value, quality) for (register, day), (value, quality)
         in known.items()],
        schema=judging.KNOWN, orient="row",
    )  # fmt: skip
    return judging.judge(candidates, there, POLICY).to_dicts()


@settings(deadline=None)
@given(ROWS, KNOWN)
def test_every_row_gets_one_verdict_with_its_reason(
    rows: list[tuple[int, int, int, str]], known: Known
) -> None:
    found = judged(rows, consistent(known))
    assert [row["row"] for row in found] == list(range(1, len(rows) + 1))
    for row in found:
        assert row["verdict"] in {"accept", "replace", "repeat", "reject"}
        assert (row["verdict"] == "reject") == (row["code"] is not None)


@settings(deadline=None)
@given(ROWS, KNOWN)
def test_what_is_taken_makes_a_dial_that_never_falls(
    rows: list[tuple[int, int, int, str]], known: Known
) -> None:
    """One value a register and day, and between neighbours either a rise or a plausible roll-over."""
    known = consistent(known)
    line = {
        (register, DAY + timedelta(days=30 * day)): value for (register, day), (value, _) in known.items()
    }
    for row in judged(rows, known):
        key = (row["register"], row["read_on"])
        if row["verdict"] == "accept":
            assert key not in line
        if row["verdict"] == "repeat":
            assert line[key] == row["value"] or row["value"] in {
                other["value"]
                for other in judged(rows, known)
                if (other["register"], other["read_on"]) == key
            }
        if row["verdict"] in {"accept", "replace"}:
            line[key] = row["value"]
    for register in {1, 2, 3}:
        values = [value for (one, _), value in sorted(line.items()) if one == register]
        for before, after in pairwise(values):
            assert dial_use(before, after, 3, POLICY.dial_share) is not None


@settings(deadline=None)
@given(ROWS, KNOWN)
def test_judging_again_what_was_taken_finds_only_repeats(
    rows: list[tuple[int, int, int, str]], known: Known
) -> None:
    known = consistent(known)
    taken = [row for row in judged(rows, known) if row["verdict"] in {"accept", "replace"}]
    for row in taken:
        known[(row["register"], (row["read_on"] - DAY).days // 30)] = (row["value"], row["quality"])
    again = [
        (row["register"], (row["read_on"] - DAY).days // 30, row["value"], row["quality"]) for row in taken
    ]
    assert {row["verdict"] for row in judged(again, known)} <= {"repeat"}
