"""Laws the rating engine keeps for any input."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.rating import (
    REFERENCE,
    Point,
    Segment,
    Term,
    book,
    by_hand,
    plain,
    terms_table,
    usage_table,
)
from thapsang.engines.rating import Rated, rate, rate_blocks

CATEGORIES = ("residential", "tenant", "production", "business", "hospital-school", "lighting-admin")
VOLTAGES = ("ge110", "22to110", "6to22", "lt6")
FIRST, LAST = date(2015, 3, 16), date(2026, 12, 31)
energies = st.one_of(st.integers(0, 900), st.integers(0, 10**9))


def rated(points: list[Point]) -> Rated:
    return rate(book(), usage_table(points), terms_table(points))


@st.composite
def points(draw: st.DrawFn, number: int = 1) -> Point:
    """A sound point: 1-3 stretches between readings, 1-3 terms, anywhere since 2015."""
    start = draw(st.dates(FIRST, LAST - timedelta(days=70)))
    days = draw(st.integers(1, 69))
    ends = sorted(draw(st.sets(st.integers(1, days), min_size=1, max_size=3)) | {days})
    bounds = [start + timedelta(days=d) for d in [0, *ends]]
    segments = tuple(draw(_segments(a, b, draw(st.booleans()))) for a, b in pairwise(bounds))
    changes = sorted(draw(st.sets(st.integers(1, days), max_size=2)) | {0, days})
    stretches = [start + timedelta(days=d) for d in changes]
    terms = tuple(draw(_terms(a, b)) for a, b in pairwise(stretches))
    return Point(number, segments, terms)


@st.composite
def _segments(draw: st.DrawFn, start: date, end: date, banded: bool) -> Segment:
    kvarh = draw(st.one_of(st.just(0), energies))
    if not banded:
        return Segment(start, end, draw(energies), kvarh=kvarh)
    bands = (draw(energies), draw(energies), draw(energies))
    return Segment(start, end, sum(bands), bands, kvarh)


@st.composite
def _terms(draw: st.DrawFn, start: date, end: date) -> Term:
    return Term(
        start, end, draw(st.sampled_from(CATEGORIES)), draw(st.sampled_from(VOLTAGES)),
        draw(st.one_of(st.just(4), st.integers(1, 400))), draw(st.booleans()), draw(st.booleans()),
    )  # fmt: skip


def as_seen(result: Rated) -> dict[str, object]:
    """Bring a rated point into the shape of the computation by hand."""
    bill = result.bills.to_pylist()[0]
    lines = result.lines.to_pylist()
    return {
        "lines": [
            (x["kind"], x["kwh"], x["price"], x["start"], x["end"]) for x in lines if x["kind"] != "reactive"
        ],
        "reactive": sum(x["amount"] for x in lines if x["kind"] == "reactive"),
        "net": bill["net"], "vat": bill["vat"], "total": bill["total"],
    }  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(points())
def test_the_kernel_computes_what_one_would_by_hand(point: Point) -> None:
    result = rated([point])
    assert result.problems.num_rows == 0
    assert as_seen(result) == by_hand(book(), point)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_kernel_computes_a_book_whose_tiers_change_number(data: st.DataObject) -> None:
    """The fictional distributor goes from three tiers to two, with VAT changing in between."""
    start = data.draw(st.dates(date(2030, 1, 1), date(2030, 12, 1)))
    middle, end = start + timedelta(days=data.draw(st.integers(1, 40))), start + timedelta(days=60)
    terms = tuple(
        replace(
            data.draw(_terms(a, b)),
            category=data.draw(st.sampled_from(["residential", "tenant", "production", "lighting"])),
            voltage=data.draw(st.sampled_from(["high", "lt6"])),
        )
        for a, b in ((start, middle), (middle, end))
    )
    point = Point(1, (data.draw(_segments(start, end, data.draw(st.booleans()))),), terms)
    fictional = book(REFERENCE)
    result = rate(fictional, usage_table([point]), terms_table([point]))
    assert as_seen(result) == by_hand(fictional, point)


@settings(max_examples=100, deadline=None)
@given(points())
def test_lines_sum_to_the_net_and_the_energy_of_the_readings(point: Point) -> None:
    result = rated([point])
    bill = result.bills.to_pylist()[0]
    lines = result.lines.to_pylist()
    assert sum(line["amount"] for line in lines) == bill["net"]
    assert bill["net"] + bill["vat"] == bill["total"]
    assert sum(line["kwh"] for line in lines) == bill["kwh"] == sum(s.kwh for s in point.segments)
    assert bill["kvarh"] == sum(s.kvarh for s in point.segments)
    assert [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(line["amount"] == line["kwh"] * line["price"] for line in lines if line["kind"] != "reactive")
    assert all(line["amount"] > 0 for line in lines)


@settings(max_examples=100, deadline=None)
@given(points(), st.integers(1, 500), st.data())
def test_more_energy_never_costs_less(point: Point, more: int, data: st.DataObject) -> None:
    """Reactive energy aside: a better power factor may make more active energy cheaper, by the rule."""
    quiet = replace(point, terms=tuple(replace(t, reactive=False) for t in point.terms))
    which = data.draw(st.integers(0, len(quiet.segments) - 1))
    grown = list(quiet.segments)
    s = grown[which]
    bands = (s.bands[0] + more, *s.bands[1:]) if s.bands else None
    grown[which] = replace(s, kwh=s.kwh + more, bands=bands)
    after = replace(quiet, segments=tuple(grown))
    before_total, after_total = (rated([p]).bills["total"][0].as_py() for p in (quiet, after))
    assert after_total >= before_total


@settings(max_examples=100, deadline=None)
@given(energies, st.integers(2, 62), st.integers(1, 40), st.data())
def test_a_reading_inside_a_steady_period_changes_nothing(
    kwh: int, days: int, quarters: int, data: st.DataObject
) -> None:
    start = data.draw(st.dates(date(2019, 4, 1), date(2023, 1, 1)))
    middle, end = start + timedelta(days=data.draw(st.integers(1, days - 1))), start + timedelta(days=days)
    early = data.draw(st.integers(0, kwh))
    whole = plain(1, kwh, start, end, quarters=quarters)
    split = Point(2, (Segment(start, middle, early), Segment(middle, end, kwh - early)), whole.terms)
    one, two = (rated([p]) for p in (whole, split))
    assert one.lines.drop_columns(["point"]) == two.lines.drop_columns(["point"])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 27), st.integers(1, 40), st.data())
def test_two_bills_for_one_month_differ_by_rounding_only(
    kwh: int, day: int, quarters: int, data: st.DataObject
) -> None:
    """Energy used evenly, billed in two parts of a month, costs what one bill costs, within rounding.

    Bound: each of five widths and the split of energy is rounded by half a kWh on either side, so at most
    6 kWh change tier, each by at most the dearest less the cheapest price; and VAT rounds once more.
    """
    start, end = date(2022, 6, 1), date(2022, 7, 1)
    middle = start + timedelta(days=day)
    early = (2 * kwh * day + 30) // 60
    whole = plain(1, kwh, start, end, quarters=quarters)
    parts = [
        plain(2, early, start, middle, quarters=quarters),
        plain(3, kwh - early, middle, end, quarters=quarters),
    ]
    net = rated([whole]).bills["net"][0].as_py()
    split = pc.sum(rated(parts).bills["net"]).as_py()
    assert abs(net - split) <= 6 * (2927 - 1678)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2000), st.integers(1, 60), st.integers(1, 12))
def test_households_of_equal_use_pay_as_many_meters(kwh: int, households: int, month: int) -> None:
    start = date(2026, month, 1)
    end = date(2027, 1, 1) if month == 12 else date(2026, month + 1, 1)
    one, shared = plain(1, kwh, start, end), plain(2, kwh * households, start, end, quarters=4 * households)
    alone, together = rated([one, shared]).bills["net"].to_pylist()
    assert together == households * alone


@settings(max_examples=30, deadline=None)
@given(st.lists(points(), min_size=2, max_size=12), st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_batch_is_each_point_alone_in_any_order(many: list[Point], rng: random.Random, block: int) -> None:
    numbered = [replace(p, number=7 * i - 20) for i, p in enumerate(many)]
    alone = [rated([p]) for p in numbered]
    usage, terms = usage_table(numbered), terms_table(numbered)
    mixed = rate(book(), _shuffled(usage, rng), _shuffled(terms, rng))
    assert mixed.bills == pa.concat_tables([r.bills for r in alone])
    assert mixed.lines == pa.concat_tables([r.lines for r in alone])
    small = list(rate_blocks(book(), usage, terms, block=block))
    assert pa.Table.from_batches([lines for _, lines, _ in small]) == mixed.lines


def _shuffled(table: pa.Table, rng: random.Random) -> pa.Table:
    order = list(range(table.num_rows))
    rng.shuffle(order)
    return table.take(order)


@pytest.mark.parametrize("kwh", [10**9, 10**10])
def test_a_billion_kwh_does_not_overflow(kwh: int) -> None:
    start, end = date(2026, 1, 1), date(2026, 3, 1)
    point = Point(
        1, (Segment(start, end, kwh, (0, kwh, 0), kvarh=kwh),),
        (Term(start, end, "business", "lt6", 4, time_of_use=True, reactive=True),),
    )  # fmt: skip
    assert as_seen(rated([point])) == by_hand(book(), point)
