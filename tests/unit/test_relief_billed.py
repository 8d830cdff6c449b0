"""Relief over bills as issued is relief over usage: the same lines, whatever the bills were rated from."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from tests.factories.rating import NGHE_AN, REFERENCE, Point, Segment, Term, book, plain
from tests.factories.relief import Fact, listed, reliefs, relieved, tables
from tests.unit.test_relief_properties import Case, cases
from thapsang.engines.rating import RatingInputError, rate
from thapsang.engines.relief import BILLED, BilledMonth, BilledRelief, facts_of
from thapsang.engines.relief.billed import usage_of_lines

JULY, AUGUST = date(2021, 7, 1), date(2021, 8, 1)


def billed(
    points: list[Point], facts: list[Fact] | None = None, evidence: list[dict[str, Any]] | None = None,
    *, month: date, tariffs: Any = NGHE_AN, only_what_is_asked: bool = False, near: bool = False,
) -> BilledRelief:  # fmt: skip
    """Bill the points, then relieve from the bills alone."""
    usage, terms, known, listings = tables(points, facts, evidence)
    prices, programmes = book(tariffs), reliefs(tariffs)
    rated = rate(prices, usage, terms)
    assert rated.problems.num_rows == 0
    bills = rated.bills.select(BILLED.names).cast(BILLED)
    run = BilledMonth(
        prices, programmes, facts_of(known, listings, programmes), bill_month=month, invoice_date=month
    )
    needs = run.needs
    lines = rated.lines
    if only_what_is_asked and not needs.lines:
        again = set(needs.again.tolist()) if needs.again is not None else set()
        keep = pa.array([p in again for p in lines["point"].to_pylist()], pa.bool_())
        lines = lines.filter(keep)
        terms = terms.filter(pa.array([p in again for p in terms["point"].to_pylist()], pa.bool_()))
    return run.relieve(bills, lines, terms, near=near)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_from_bills_as_from_usage(case: Case) -> None:
    points, facts, evidence, month = case
    expected = relieved(points, facts, evidence, month=month)
    found = billed(points, facts, evidence, month=month)
    assert found.lines.to_pylist() == expected.lines.to_pylist()
    assert (found.problems is None) == (expected.problems.num_rows == 0)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_what_is_not_asked_for_is_not_needed(case: Case) -> None:
    points, facts, evidence, month = case
    expected = relieved(points, facts, evidence, month=month).lines.to_pylist()
    found = billed(points, facts, evidence, month=month, only_what_is_asked=True)
    assert found.lines.to_pylist() == expected


def test_round_four_asks_for_the_bills_alone() -> None:
    facts = facts_of(*tables([], [Fact(1)], [])[2:], reliefs())
    run = BilledMonth(book(), reliefs(), facts, bill_month=date(2021, 9, 1), invoice_date=date(2021, 9, 1))
    assert not run.needs.lines and not run.needs.terms
    assert run.needs.again is not None and run.needs.again.tolist() == []
    early = BilledMonth(book(), reliefs(), facts, bill_month=date(2020, 5, 1), invoice_date=date(2020, 5, 1))
    assert early.needs.lines  # round 1 takes a percentage off the prices of tiers


def test_a_month_in_which_nothing_holds_is_empty() -> None:
    facts = facts_of(*tables([], [], [])[2:], reliefs())
    run = BilledMonth(book(), reliefs(), facts, bill_month=date(2010, 1, 1), invoice_date=date(2010, 1, 1))
    programmes = {programme.code for programme, _ in run.run.live}
    assert programmes <= {"support-30-kwh"}  # by the last billed day, which is asked bill by bill


def test_who_just_missed_two_hundred_kwh() -> None:
    points = [plain(n, kwh, JULY, AUGUST) for n, kwh in enumerate((199, 200, 201, 210, 211), start=1)]
    facts = [Fact(point.number, area="vinh") for point in points]
    found = billed(points, facts, [listed("directive-16", area="vinh")], month=AUGUST, near=True)
    (missed,) = [one for one in found.missed if one.programme == "covid-4"]
    assert (missed.rule, missed.point.tolist(), missed.kwh.tolist()) == ("up-to-200", [3, 4], [201, 210])
    assert missed.limit.tolist() == [200, 200]


def test_a_rule_that_asks_for_a_voltage_gets_it_from_the_terms() -> None:
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [
        Point(n, (Segment(*inside, 1000, (0, 1000, 0)),), (Term(*inside, "production", voltage, 4, True),))
        for n, voltage in ((1, "high"), (2, "lt6"))
    ]
    expected = relieved(points, month=inside[0], tariffs=REFERENCE).lines.to_pylist()
    assert expected and billed(points, month=inside[0], tariffs=REFERENCE).lines.to_pylist() == expected


def test_usage_is_put_together_from_the_lines() -> None:
    half = date(2021, 7, 16)
    by_hours = Term(JULY, AUGUST, "business", time_of_use=True, reactive=True)
    points = [
        Point(1, (Segment(JULY, AUGUST, 300, (100, 120, 80), 50),), (by_hours,)),
        Point(2, (Segment(JULY, AUGUST, 90),), (Term(JULY, half), Term(half, AUGUST, "business"))),
        plain(3, 0, JULY, AUGUST),
    ]  # fmt: skip
    usage, terms, *_ = tables(points)
    rated = rate(book(), usage, terms)
    rows = usage_of_lines(rated.bills, rated.lines).to_pylist()
    assert [(r["point"], r["segment"], r["start"], r["end"]) for r in rows] == [
        (1, 0, JULY, AUGUST), (2, 0, JULY, half), (2, 1, half, AUGUST), (3, 0, JULY, AUGUST),
    ]  # fmt: skip
    assert [rows[0][name] for name in ("kwh", "kwh_normal", "kwh_peak", "kwh_offpeak", "kvarh")] == [
        300, 100, 120, 80, 50,
    ]  # fmt: skip
    assert rows[1]["kwh"] + rows[2]["kwh"] == 90 and rows[3]["kwh"] == 0


def test_a_missing_column_is_named() -> None:
    run = BilledMonth(
        book(), reliefs(), facts_of(*tables([], [], [])[2:], reliefs()), bill_month=AUGUST, invoice_date=AUGUST
    )  # fmt: skip
    with pytest.raises(RatingInputError, match="bills table lacks the column"):
        run.relieve(pa.table({"point": pa.array([1])}), None, None)
