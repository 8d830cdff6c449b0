"""Laws the relief engine keeps for any input."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.rating import Point, Segment, Term, book, plain
from tests.factories.relief import Fact, listed, reasons, reliefs, relieved, tables
from thapsang.engines.money import share
from thapsang.engines.rating import rate
from thapsang.engines.relief import Relieved, reliefs_from_content, relieve, relieve_blocks

CATEGORIES = ("residential", "tenant", "production", "business", "hospital-school", "lighting-admin")
USES = (None, *reliefs().uses)
LISTS = tuple(reliefs().lists.values())
AREAS = ("vinh", "cửa lò", "yên thành")
MONTHS = [date(2020, m, 1) for m in range(4, 13)] + [date(2021, m, 1) for m in range(6, 13)]
energies = st.one_of(st.integers(0, 500), st.integers(0, 10**7))
Case = tuple[list[Point], list[Fact], list[dict[str, Any]], date]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One bill month with up to six points of any category, use, area and lists."""
    month = draw(st.sampled_from(MONTHS))
    points, facts, evidence = [], [], []
    for number in range(draw(st.integers(1, 6))):
        start = month - timedelta(days=draw(st.integers(20, 40)))
        end = start + timedelta(days=draw(st.integers(1, 62)))
        bands = draw(st.none() | st.tuples(energies, energies, energies))
        segment = Segment(start, end, sum(bands) if bands else draw(energies), bands, draw(energies))
        term = Term(
            start, end, draw(st.sampled_from(CATEGORIES)), "lt6", draw(st.sampled_from((1, 4, 6, 12))),
            bands is not None, draw(st.booleans()),
        )  # fmt: skip
        points.append(Point(number, (segment,), (term,)))
        facts.append(Fact(number, draw(st.sampled_from(USES)), draw(st.sampled_from((None, *AREAS)))))
        for known in draw(st.lists(st.sampled_from(LISTS), max_size=3)):
            first = (
                date(2021, 7, 30)
                if draw(st.booleans())
                else draw(st.dates(date(2020, 1, 1), date(2021, 12, 31)))
            )
            until = draw(st.none() | st.just(first + timedelta(days=40)))
            by_point = known.scope == "point"
            area = None if by_point else draw(st.sampled_from(AREAS))
            evidence.append(listed(known.code, number if by_point else None, area, first, until))
    return points, facts, evidence, month


def result(case: Case) -> Relieved:
    points, facts, evidence, month = case
    return relieved(points, facts, evidence, month=month)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_relief_never_exceeds_the_bill_and_adds_up(case: Case) -> None:
    found = result(case)
    assert found.problems.num_rows == 0
    lines = found.lines.to_pylist()
    for row in found.adjustments.to_pylist():
        own = [line for line in lines if line["point"] == row["point"]]
        on_bill = [line for line in own if line["on_bill"]]
        assert 0 <= row["relief"] <= row["net"] and 0 <= row["relief_vat"] <= row["vat"]
        assert row["relief"] == sum(line["amount"] for line in on_bill)
        assert row["relief_vat"] == sum(line["vat"] for line in on_bill)
        assert row["vat"] - row["relief_vat"] == share(row["net"] - row["relief"], row["vat_rate"])
        assert row["relief_total"] == row["relief"] + row["relief_vat"]
        assert row["cash"] == sum(line["amount"] for line in own if not line["on_bill"])
        assert all(line["amount"] > 0 and 0 <= line["kwh"] <= max(row["kwh"], 30 * 3) for line in own)
        assert [line["line_no"] for line in own] == list(range(1, len(own) + 1))
        assert len({line["programme"] for line in own}) == len(own), "one rule a programme"


@given(cases())
@settings(max_examples=60, deadline=None)
def test_the_bill_is_the_one_rating_gives(case: Case) -> None:
    usage, terms, *_ = tables(case[0])
    rated = {row["point"]: row for row in rate(book(), usage, terms).bills.to_pylist()}
    for row in result(case).adjustments.to_pylist():
        shared = set(row) & set(rated[row["point"]])
        assert {name: row[name] for name in shared} == {name: rated[row["point"]][name] for name in shared}


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_no_order_of_rows_or_files_matters(case: Case, chance: random.Random) -> None:
    points, facts, evidence, month = case
    mixed = [list(rows) for rows in tables_rows(case)]
    for rows in mixed:
        chance.shuffle(rows)
    schemas = [table.schema for table in tables(points, facts, evidence)]
    again = [pa.Table.from_pylist(rows, schema) for rows, schema in zip(mixed, schemas, strict=True)]
    files = list(reliefs().content.items())
    chance.shuffle(files)
    shuffled = relieve(
        book(), reliefs_from_content(dict(files), book()), *again, bill_month=month, invoice_date=month
    )
    assert same(shuffled, result(case))


def tables_rows(case: Case) -> list[list[dict[str, Any]]]:
    return [table.to_pylist() for table in tables(*case[:3])]


def same(a: Relieved, b: Relieved) -> bool:
    return all(
        getattr(a, name).to_pylist() == getattr(b, name).to_pylist()
        for name in ("adjustments", "lines", "problems")
    )


@given(cases())
@settings(max_examples=60, deadline=None)
def test_a_batch_is_its_points_one_by_one(case: Case) -> None:
    points, facts, evidence, month = case
    singles = [result(([point], [fact], evidence, month)) for point, fact in zip(points, facts, strict=True)]
    whole = result(case)
    assert whole.lines.to_pylist() == [line for single in singles for line in single.lines.to_pylist()]
    assert whole.adjustments.to_pylist() == [row for s in singles for row in s.adjustments.to_pylist()]


def test_blocks_join_to_the_whole() -> None:
    month, count = (date(2021, 7, 1), date(2021, 8, 1)), 70_000
    whole = relieved(
        [plain(n, n % 450, *month) for n in range(count)], [Fact(n, area="a") for n in range(0, count, 2)],
        [listed("directive-16", area="a")], month=month[1],
    )  # fmt: skip
    assert whole.adjustments["point"].to_pylist() == [n for n in range(0, count, 2) if n % 450]
    assert whole.lines["point"].to_pylist() == whole.adjustments["point"].to_pylist()


@given(cases())
@settings(max_examples=60, deadline=None)
def test_why_says_what_was_given(case: Case) -> None:
    points, facts, evidence, month = case
    lines = result(case).lines.to_pylist()
    for point in points:
        found = reasons(point.number, points, facts, evidence, month=month)
        told = [(r.programme, r.rule, r.kwh, r.amount, r.on_bill) for r in found.rules if r.granted]
        given_to = [x for x in lines if x["point"] == point.number]
        assert told == [(x["programme"], x["rule"], x["kwh"], x["amount"], x["on_bill"]) for x in given_to]
        for rule in found.rules:
            if rule.granted:
                groups = {f.group for f in rule.findings if f.group}
                assert all(f.holds for f in rule.findings if not f.group)
                assert any(all(f.holds for f in rule.findings if f.group == group) for group in groups)


@given(st.integers(0, 600), st.integers(1, 6), st.sampled_from(MONTHS))
@settings(max_examples=100, deadline=None)
def test_n_households_on_one_meter_are_n_meters(kwh: int, households: int, month: date) -> None:
    """Over a whole calendar month every width and limit is integral: only the last đồng of a percentage differs."""
    start, end = month.replace(day=1), (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    facts = [Fact(n, area="vinh") for n in (1, 2)]
    evidence = [listed("directive-16", area="vinh"), listed("round-5-localities", area="vinh")]
    evidence += [listed("poor-households", n) for n in (1, 2)]
    points = [plain(1, kwh, start, end), plain(2, kwh * households, start, end, quarters=4 * households)]
    lines = relieved(points, facts, evidence, month=month).lines.to_pylist()
    one, many = ([line for line in lines if line["point"] == n] for n in (1, 2))
    assert [line["rule"] for line in one] == [line["rule"] for line in many]
    for a, b in zip(one, many, strict=True):
        assert b["kwh"] == a["kwh"] * households
        exact = a["programme"] in {"covid-1", "covid-2", "support-30-kwh"}
        assert abs(b["amount"] - a["amount"] * households) <= (0 if exact else households)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_blocks_of_any_size_see_the_same_programmes(case: Case) -> None:
    points, facts, evidence, month = case
    parts = list(
        relieve_blocks(
            book(), reliefs(), *tables(points, facts, evidence), bill_month=month, invoice_date=month
        )
    )
    assert sum(lines.num_rows for _, lines, _ in parts) == result(case).lines.num_rows


@given(cases())
@settings(max_examples=30, deadline=None)
def test_a_relief_of_more_points_leaves_the_others_alone(case: Case) -> None:
    points, facts, evidence, month = case
    more = [replace(points[0], number=100)]
    before = result(case).lines.to_pylist()
    after = relieved(points + more, facts, evidence, month=month).lines.to_pylist()
    assert [line for line in after if line["point"] != 100] == before
