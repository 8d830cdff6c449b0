"""The billing rules of the facts, one by one, with figures worked out on paper."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from math import isqrt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.factories.rating import (
    REFERENCE,
    Point,
    Segment,
    Term,
    book,
    by_hand_reactive,
    plain,
    terms_table,
    usage_table,
)
from thapsang.engines.rating import (
    BILLS,
    LINES,
    PROBLEMS,
    RatingInputError,
    RatingProblem,
    Reading,
    rate,
    rate_blocks,
    rate_one,
)
from thapsang.engines.rating.pricing import power_factor

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def lines_of(*points: Point) -> list[dict[str, Any]]:
    result = rate(book(), usage_table(list(points)), terms_table(list(points)))
    assert result.problems.num_rows == 0, result.problems.to_pylist()
    return result.lines.to_pylist()


def kwh_by_tier(*points: Point) -> list[tuple[int, int]]:
    return [(line["tier"], line["kwh"]) for line in lines_of(*points)]


# ---- tiers (B1)


def test_a_whole_month_has_the_plain_widths() -> None:
    assert kwh_by_tier(plain(1, 450, JUNE, JULY)) == [(1, 50), (2, 50), (3, 100), (4, 100), (5, 100), (6, 50)]


def test_widths_follow_the_days_of_the_month_of_the_first_day() -> None:
    # 10 June – 5 July: 25 days of June's 30: 41.67 → 42, 83.33 → 83
    assert kwh_by_tier(plain(1, 400, date(2026, 6, 10), date(2026, 7, 5))) == [
        (1, 42), (2, 42), (3, 83), (4, 83), (5, 83), (6, 67),
    ]  # fmt: skip
    # 10 February – 7 March: 25 days of February's 28: 44.64 → 45, 89.29 → 89
    assert kwh_by_tier(plain(1, 100, date(2026, 2, 10), date(2026, 3, 7))) == [(1, 45), (2, 45), (3, 10)]


def test_a_width_of_exactly_a_half_is_rounded_up() -> None:
    # 3 days of 30, one household: 50 × 3 / 30 = 5; a quarter household: 1.25 → 1; 6 days: 2.5 → 3
    assert kwh_by_tier(plain(1, 9, JUNE, date(2026, 6, 7), quarters=1)) == [(1, 3), (2, 3), (3, 3)]


def test_widths_grow_with_the_households() -> None:
    assert kwh_by_tier(plain(1, 450, JUNE, JULY, quarters=8)) == [(1, 100), (2, 100), (3, 200), (4, 50)]


def test_tenants_count_in_quarters_of_a_household() -> None:
    # 3 people = 3/4 household: 37.5 → 38 and 75
    assert kwh_by_tier(plain(1, 151, JUNE, JULY, quarters=3)) == [(1, 38), (2, 38), (3, 75)]


def test_a_tier_without_width_is_passed_over() -> None:
    # one day, one quarter: 50 / 30 / 4 = 0.42 → 0, and 100 / 30 / 4 = 0.83 → 1
    assert kwh_by_tier(plain(1, 5, JUNE, date(2026, 6, 2), quarters=1)) == [(3, 1), (4, 1), (5, 1), (6, 2)]


def test_no_energy_gives_a_bill_of_nothing_without_lines() -> None:
    result = rate(book(), usage_table([plain(1, 0, JUNE, JULY)]), terms_table([plain(1, 0, JUNE, JULY)]))
    assert (
        result.bills.to_pylist()[0] | {"total": 0, "vat": 0, "net": 0, "kwh": 0}
        == result.bills.to_pylist()[0]
    )
    assert result.lines.num_rows == 0


# ---- other price rules


def test_undeclared_tenants_pay_tier_three_for_everything() -> None:
    (line,) = lines_of(plain(1, 500, JUNE, JULY, category="tenant"))
    assert (line["kind"], line["tier"], line["price"], line["amount"]) == ("flat", 3, 2380, 500 * 2380)


def test_a_prepaid_meter_has_one_price() -> None:
    (line,) = lines_of(plain(1, 500, JUNE, JULY, category="residential-prepaid"))
    assert (line["kind"], line["tier"], line["price"]) == ("flat", 0, 2909)


def test_without_three_rates_production_pays_the_normal_hour_price() -> None:
    (line,) = lines_of(plain(1, 100, JUNE, JULY, category="production", voltage="6to22", time_of_use=True))
    assert (line["kind"], line["band"], line["price"]) == ("flat", "normal", 1899)


def test_three_rates_count_only_for_those_billed_by_time_of_use() -> None:
    segment = Segment(JUNE, JULY, 60, (10, 20, 30))
    (line,) = lines_of(Point(1, (segment,), (Term(JUNE, JULY, "business"),)))
    assert (line["kind"], line["kwh"], line["price"]) == ("flat", 60, 3152)


def test_three_bands_in_the_order_normal_peak_offpeak() -> None:
    segment = Segment(JUNE, JULY, 60, (10, 20, 30))
    found = lines_of(Point(1, (segment,), (Term(JUNE, JULY, "business", time_of_use=True),)))
    assert [(x["band"], x["kwh"], x["price"]) for x in found] == [
        ("normal", 10, 3152), ("peak", 20, 5422), ("offpeak", 30, 1918),
    ]  # fmt: skip


def test_the_bands_of_a_household_are_summed_and_tiered() -> None:
    segment = Segment(JUNE, JULY, 160, (100, 20, 40))
    assert kwh_by_tier(Point(1, (segment,), (Term(JUNE, JULY, time_of_use=True),))) == [
        (1, 50),
        (2, 50),
        (3, 60),
    ]


def test_a_meter_changed_for_a_three_rate_one_is_billed_by_band_from_then_on() -> None:
    middle = date(2026, 6, 11)
    segments = (Segment(JUNE, middle, 100), Segment(middle, JULY, 60, (10, 20, 30)))
    found = lines_of(Point(1, segments, (Term(JUNE, JULY, "business", time_of_use=True),)))
    assert [(x["kind"], x["band"], x["kwh"]) for x in found] == [
        ("band", "normal", 110), ("band", "peak", 20), ("band", "offpeak", 30),
    ]  # fmt: skip


def test_band_columns_of_a_single_register_are_not_read() -> None:
    points = [
        Point(1, (Segment(JUNE, JULY, 60),), (Term(JUNE, JULY, "business", time_of_use=True),)),
        Point(2, (Segment(JUNE, JULY, 60, (10, 20, 30)),), (Term(JUNE, JULY, "business", time_of_use=True),)),
    ]
    usage = usage_table(points)
    stray = usage.set_column(usage.schema.get_field_index("kwh_peak"), "kwh_peak", pa.array([7, 20]))
    result = rate(book(), stray, terms_table(points))
    assert [(x["point"], x["band"], x["kwh"]) for x in result.lines.to_pylist()] == [
        (1, "normal", 60), (2, "normal", 10), (2, "peak", 20), (2, "offpeak", 30),
    ]  # fmt: skip


def test_a_period_that_ends_on_the_change_day_has_the_old_price_only() -> None:
    (*_, line) = lines_of(plain(1, 30, date(2025, 4, 10), date(2025, 5, 10)))
    assert (line["price"], line["end"]) == (1893, date(2025, 5, 10))
    (*_, line) = lines_of(plain(1, 30, date(2025, 5, 10), date(2025, 6, 10)))
    assert (line["price"], line["start"]) == (1984, date(2025, 5, 10))


# ---- changes inside a period (B2)


def test_a_price_change_shares_energy_by_days_and_scales_both_tiers() -> None:
    # 10 May 2025: 9 old days of 31: 200 × 9 / 31 = 58.06 → 58; widths 14.5 → 15, 29.03 → 29; 22 new days
    found = lines_of(plain(1, 200, date(2025, 5, 1), date(2025, 6, 1)))
    assert [(x["tier"], x["kwh"], x["price"]) for x in found] == [
        (1, 15, 1893), (2, 15, 1956), (3, 28, 2271), (1, 35, 1984), (2, 35, 2050), (3, 71, 2380), (4, 1, 2998),
    ]  # fmt: skip
    assert {x["end"] for x in found[:3]} == {x["start"] for x in found[3:]} == {date(2025, 5, 10)}
    assert [book().reference(x["reference"]).code for x in (found[0], found[-1])] == [
        "2699/QĐ-BCT",
        "1279/QĐ-BCT",
    ]


def test_a_reading_on_the_change_day_replaces_the_sharing() -> None:
    start, change, end = date(2025, 5, 1), date(2025, 5, 10), date(2025, 6, 1)
    read = Point(1, (Segment(start, change, 90), Segment(change, end, 110)), (Term(start, end),))
    assert sum(x["kwh"] for x in lines_of(read) if x["end"] == change) == 90


def test_a_reading_near_the_change_day_shares_only_its_own_stretch() -> None:
    start, read, end = date(2025, 5, 1), date(2025, 5, 12), date(2025, 6, 1)
    # 110 kWh in 11 days, 9 of them old: 90
    point = Point(1, (Segment(start, read, 110), Segment(read, end, 90)), (Term(start, end),))
    assert sum(x["kwh"] for x in lines_of(point) if x["end"] == date(2025, 5, 10)) == 90


def test_a_period_over_two_price_changes_loses_no_energy() -> None:
    found = lines_of(plain(1, 100_003, date(2023, 5, 1), date(2023, 12, 1)))
    assert sum(x["kwh"] for x in found) == 100_003
    assert {x["start"] for x in found} == {date(2023, 5, 1), date(2023, 5, 4), date(2023, 11, 9)}


def test_a_change_of_households_scales_each_stretch_by_its_own() -> None:
    middle = date(2026, 6, 16)
    terms = (Term(JUNE, middle), Term(middle, JULY, quarters=8))
    # 15 days each: 25, 25, 50 … for one household, 50, 50, 100 … for two
    assert kwh_by_tier(Point(1, (Segment(JUNE, JULY, 200),), terms)) == [
        (1, 25),
        (2, 25),
        (3, 50),
        (1, 50),
        (2, 50),
    ]


def test_a_change_of_category_prices_each_stretch_by_its_own() -> None:
    middle = date(2026, 6, 16)
    terms = (Term(JUNE, middle), Term(middle, JULY, "business"))
    point = Point(1, (Segment(JUNE, middle, 40), Segment(middle, JULY, 70)), terms)
    assert [(x["kind"], x["kwh"], x["price"]) for x in lines_of(point)] == [
        ("tier", 25, 1984),
        ("tier", 15, 2050),
        ("flat", 70, 3152),
    ]
    bill = rate(book(), usage_table([point]), terms_table([point])).bills.to_pylist()[0]
    assert (bill["category"], bill["household_quarters"]) == ("business", 4)


def test_terms_that_say_the_same_do_not_cut_the_period() -> None:
    middle = date(2026, 6, 16)
    halves = Point(1, (Segment(JUNE, JULY, 187),), (Term(JUNE, middle), Term(middle, JULY)))
    assert lines_of(halves) == lines_of(plain(1, 187, JUNE, JULY))


def test_terms_longer_than_the_period_are_cut_to_it() -> None:
    wide = Point(
        1,
        (Segment(JUNE, JULY, 187),),
        (Term(date(2020, 1, 1), date(2026, 6, 5)), Term(date(2026, 6, 5), date(2030, 1, 1))),
    )
    assert lines_of(wide) == lines_of(plain(1, 187, JUNE, JULY))
    outside = replace(wide, terms=(Term(date(2020, 1, 1), JUNE, "business"), Term(JUNE, date(2030, 1, 1))))
    assert lines_of(outside) == lines_of(plain(1, 187, JUNE, JULY))


# ---- VAT (B4)


@pytest.mark.parametrize(
    ("start", "end", "rate_"),
    [
        (date(2022, 1, 1), date(2022, 2, 1), 1000),
        (date(2022, 1, 2), date(2022, 2, 2), 800),
        (date(2022, 12, 1), date(2023, 1, 1), 800),
        (date(2023, 1, 1), date(2023, 2, 1), 1000),
        (date(2023, 6, 1), date(2023, 7, 1), 1000),
        (date(2023, 6, 15), date(2023, 7, 15), 800),
        (date(2026, 12, 1), date(2027, 1, 1), 800),
    ],
)
def test_vat_is_the_rate_of_the_last_day(start: date, end: date, rate_: int) -> None:
    assert rate_one(book(), category="residential", kwh=100, start=start, end=end).vat_rate == rate_


def test_vat_is_rounded_half_up_to_one_dong() -> None:
    fictional = book(REFERENCE)
    case = rate_one(fictional, category="lighting", kwh=1, start=date(2030, 1, 1), end=date(2030, 2, 1))
    assert (case.net, case.vat) == (1800, 180)
    case = rate_one(book(), category="residential", kwh=187, start=JUNE, end=JULY)
    assert (case.net, case.vat, case.total) == (408_760, 32_701, 441_461)  # 32,700.8
    assert case.vat_reference.code == "NĐ 174/2025"


# ---- reactive energy (B5)


def test_k_follows_the_rule_for_every_printed_power_factor() -> None:
    """k = (0.9 / cos φ - 1) x 100 to two decimals for the thirty factors 0.60 … 0.89; below, 52.54."""
    k = book().tables.reactive_k
    for factor in range(60, 90):
        assert k[factor] == int((90 / factor - 1) * 10_000 + 0.5), factor
    assert set(k[:60]) == {5254} and not k[90:].any()
    assert (k[60], k[80], k[85], k[89]) == (5000, 1250, 588, 112)


def test_the_reactive_charge_is_a_line_of_its_own() -> None:
    segment = Segment(JUNE, JULY, 160, (100, 10, 50), kvarh=200)
    term = Term(JUNE, JULY, "production", "ge110", time_of_use=True, reactive=True)
    *_, line = lines_of(Point(1, (segment,), (term,)))
    # cos φ = 160 / √(160² + 200²) = 0.62; k = 45.16 %; 271,060 × 45.16 % = 122,410.7
    assert (line["kind"], line["kwh"], line["price"], line["amount"], line["line_no"]) == (
        "reactive",
        0,
        4516,
        122_411,
        4,
    )
    assert (line["start"], line["end"]) == (JUNE, JULY)
    assert book().reference(line["reference"]).code == "TT 15/2014"


@pytest.mark.parametrize(("kvarh", "charged"), [(0, False), (48, False), (50, True)])
def test_a_power_factor_of_090_is_free(kvarh: int, charged: bool) -> None:
    segment = Segment(JUNE, JULY, 100, kvarh=kvarh)
    found = lines_of(Point(1, (segment,), (Term(JUNE, JULY, "production", reactive=True),)))
    assert (found[-1]["kind"] == "reactive") == charged


def test_reactive_energy_without_active_energy_costs_nothing() -> None:
    assert (
        lines_of(
            Point(1, (Segment(JUNE, JULY, 0, kvarh=50),), (Term(JUNE, JULY, "production", reactive=True),))
        )
        == []
    )


def test_reactive_energy_is_charged_only_on_the_stretch_whose_terms_charge_it() -> None:
    middle = date(2026, 6, 16)
    terms = (Term(JUNE, middle, "production"), Term(middle, JULY, "production", reactive=True))
    segments = (Segment(JUNE, middle, 100, kvarh=500), Segment(middle, JULY, 100, kvarh=100))
    reactive = [x for x in lines_of(Point(1, segments, terms)) if x["kind"] == "reactive"]
    assert [x["amount"] for x in reactive] == [by_hand_reactive(100, 100, 100 * 1987)]


def test_the_power_factor_is_exact_where_a_float_cannot_tell() -> None:
    # The two whole kvarh on either side of cos φ = 0.895, which rounds up to the free 0.90.
    active = 10**9
    edge = isqrt(active**2 * (200**2 - 179**2) // 179**2)
    assert power_factor(np.array([active] * 2), np.array([edge, edge + 1])).tolist() == [90, 89]
    assert power_factor(np.array([3, 4]), np.array([4, 3])).tolist() == [60, 80]


# ---- what cannot be rated

WRONG: dict[str, Point] = {
    "period-empty": Point(1, (Segment(JULY, JUNE, 5),), (Term(JUNE, JULY),)),
    "negative-energy": plain(1, -1, JUNE, JULY),
    "energy-too-large": plain(1, 10**10 + 1, JUNE, JULY),
    "bands-differ": Point(1, (Segment(JUNE, JULY, 5, (1, 1, 1)),), (Term(JUNE, JULY),)),
    "segments-apart": Point(
        1, (Segment(JUNE, date(2026, 6, 5), 1), Segment(date(2026, 6, 6), JULY, 1)), (Term(JUNE, JULY),)
    ),
    "unknown-category": plain(1, 1, JUNE, JULY, category="castle"),
    "unknown-voltage": plain(1, 1, JUNE, JULY, voltage="999"),
    "households": plain(1, 1, JUNE, JULY, quarters=0),
    "terms-gap": Point(1, (Segment(JUNE, JULY, 1),), (Term(JUNE, date(2026, 6, 30)),)),
    "terms-overlap": Point(
        1, (Segment(JUNE, JULY, 1),), (Term(JUNE, date(2026, 6, 20)), Term(date(2026, 6, 10), JULY))
    ),
    "no-price": plain(1, 1, date(2014, 7, 1), date(2014, 8, 1), category="business"),
    "no-vat": plain(1, 1, date(2027, 1, 1), date(2027, 2, 1)),
}
MORE_WRONG = [
    ("negative-energy", Point(1, (Segment(JUNE, JULY, 1, kvarh=-1),), (Term(JUNE, JULY),))),
    ("negative-energy", Point(1, (Segment(JUNE, JULY, 0, (1, -1, 0)),), (Term(JUNE, JULY),))),
    ("terms-gap", Point(1, (Segment(JUNE, JULY, 1),), ())),
    ("terms-gap", Point(1, (Segment(JUNE, JULY, 1),), (Term(date(2026, 6, 2), JULY),))),
    ("terms-gap", Point(1, (Segment(JUNE, JULY, 1),), (Term(JUNE, date(2026, 6, 9)), Term(date(2026, 6, 10), JULY)))),
    ("terms-gap", Point(1, (Segment(JUNE, JULY, 1),), (Term(JULY, date(2026, 8, 1)),))),
    ("no-price", plain(1, 1, date(2014, 5, 20), date(2014, 6, 20))),
    ("no-price", plain(1, 1, date(2013, 5, 20), date(2013, 6, 20))),
    ("no-price", plain(1, 1, date(2015, 3, 1), date(2015, 4, 1), category="business")),
    ("no-price", plain(1, 1, date(2014, 7, 1), date(2014, 8, 1), category="residential-prepaid")),
    ("households", plain(1, 1, JUNE, JULY, quarters=5_000_000)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "point"), [*WRONG.items(), *MORE_WRONG])
def test_a_wrong_point_becomes_a_problem_and_the_others_their_bills(code: str, point: Point) -> None:
    good = [plain(0, 187, JUNE, JULY), plain(9, 150, JUNE, JULY)]
    result = rate(book(), usage_table([*good, point]), terms_table([*good, point]))
    assert result.bills["point"].to_pylist() == [0, 9]
    assert result.bills["total"].to_pylist() == [441_461, 346_356]
    (problem,) = result.problems.to_pylist()
    assert (problem["point"], problem["code"]) == (1, code)
    detail = json.loads(problem["detail"])
    assert all(detail[name] for name in ("field", "problem", "remedy", "problem_vi", "remedy_vi", "usage"))


def test_all_wrong_at_once_is_a_list_of_problems_and_no_bill() -> None:
    points = [replace(point, number=i) for i, point in enumerate(WRONG.values())]
    result = rate(book(), usage_table(points), terms_table(points))
    assert result.problems["code"].to_pylist() == list(WRONG)
    assert (result.bills.num_rows, result.lines.num_rows) == (0, 0)


@pytest.mark.parametrize("column", ["kwh", "kvarh", "start", "banded"])
def test_a_missing_value_of_usage_is_a_problem(column: str) -> None:
    point = plain(1, 10, JUNE, JULY)
    usage = usage_table([point])
    usage = usage.set_column(
        usage.schema.get_field_index(column), column, pa.nulls(1, usage.schema.field(column).type)
    )
    assert rate(book(), usage, terms_table([point])).problems["code"].to_pylist() == ["value-missing"]


@pytest.mark.parametrize("column", ["category", "household_quarters", "time_of_use"])
def test_a_missing_value_of_terms_is_a_problem(column: str) -> None:
    point = plain(1, 10, JUNE, JULY)
    terms = terms_table([point])
    terms = terms.set_column(
        terms.schema.get_field_index(column), column, pa.nulls(1, terms.schema.field(column).type)
    )
    assert rate(book(), usage_table([point]), terms).problems["code"].to_pylist() == ["value-missing"]


def test_a_day_outside_the_calendar_is_told_by_its_number() -> None:
    usage = usage_table([plain(1, 10, JUNE, JULY)])
    far = pa.array([2**31 - 1], pa.int32()).view(pa.date32())
    usage = usage.set_column(usage.schema.get_field_index("end"), "end", far)
    (problem,) = rate(book(), usage, terms_table([plain(1, 10, JUNE, JULY)])).problems.to_pylist()
    assert json.loads(problem["detail"])["usage"][0]["end"] == "day 2147483647"


# ---- tables


def test_tables_have_the_stated_shapes_even_when_empty() -> None:
    for points in ([], [plain(1, 187, JUNE, JULY)]):
        result = rate(book(), usage_table(points), terms_table(points))
        assert (result.bills.schema, result.lines.schema, result.problems.schema) == (BILLS, LINES, PROBLEMS)


def test_terms_of_points_without_usage_are_passed_over() -> None:
    asked, other = plain(5, 187, JUNE, JULY), [plain(1, 0, JUNE, JULY), plain(9, 0, JUNE, JULY)]
    both = [plain(4, 1, JUNE, JULY), asked]
    terms = terms_table([other[0], *both, plain(6, 0, JUNE, JULY), other[1]])
    assert rate(book(), usage_table(both), terms).bills["point"].to_pylist() == [4, 5]


def test_dictionary_columns_and_chunks_are_as_good_as_plain_ones() -> None:
    points = [plain(1, 187, JUNE, JULY), plain(2, 20, JUNE, JULY, category="business")]
    usage, terms = usage_table(points), terms_table(points)
    coded = terms.set_column(3, "category", terms["category"].dictionary_encode())
    chunked = pa.concat_tables([usage.slice(0, 1), usage.slice(1)])
    assert rate(book(), chunked, coded).lines == rate(book(), usage, terms).lines


def test_a_missing_column_is_named() -> None:
    point = plain(1, 187, JUNE, JULY)
    with pytest.raises(RatingInputError, match=r"usage table lacks the column.* kvarh"):
        rate(book(), usage_table([point]).drop_columns(["kvarh"]), terms_table([point]))


def test_a_column_of_the_wrong_type_is_named() -> None:
    usage = usage_table([plain(1, 187, JUNE, JULY)])
    wrong = usage.set_column(4, "kwh", pa.array(["many"]))
    with pytest.raises(RatingInputError, match="column kwh of the usage table is string"):
        rate(book(), wrong, terms_table([]))


def test_narrower_whole_numbers_are_accepted() -> None:
    point = plain(1, 187, JUNE, JULY)
    usage = usage_table([point])
    narrow = usage.set_column(4, "kwh", usage["kwh"].cast(pa.int32()))
    assert rate(book(), narrow, terms_table([point])).bills["total"].to_pylist() == [441_461]


def test_blocks_stream_without_holding_all() -> None:
    points = [plain(i, i, JUNE, JULY) for i in range(10)]
    blocks = list(rate_blocks(book(), usage_table(points), terms_table(points), block=4))
    assert [bills.num_rows for bills, _, _ in blocks] == [4, 4, 2]


# ---- one case


def test_a_reading_given_with_its_energy_splits_a_case() -> None:
    start, end = date(2025, 5, 1), date(2025, 6, 1)
    case = rate_one(
        book(),
        category="residential",
        kwh=200,
        start=start,
        end=end,
        readings=(Reading(date(2025, 5, 10), 90),),
    )
    assert sum(line.kwh for line in case.lines if line.end == date(2025, 5, 10)) == 90


def test_a_reading_without_energy_shares_by_days_at_its_day() -> None:
    start, end = date(2025, 5, 1), date(2025, 6, 1)
    plain_, read = (
        rate_one(book(), category="residential", kwh=200, start=start, end=end, readings=readings)
        for readings in ((), (Reading(date(2025, 5, 10)),))
    )
    assert read == plain_


def test_a_case_with_bands_and_a_reading_keeps_the_sum_of_each_band() -> None:
    case = rate_one(
        book(), category="business", kwh=100, bands={"normal": 33, "peak": 33, "offpeak": 34}, kvarh=200,
        start=date(2025, 5, 1), end=date(2025, 6, 1), readings=(Reading(date(2025, 5, 20)),),
    )  # fmt: skip
    by_band = {
        band: sum(line.kwh for line in case.lines if line.band == band)
        for band in ("normal", "peak", "offpeak")
    }
    assert by_band == {"normal": 33, "peak": 33, "offpeak": 34}
    assert case.lines[-1].kind == "reactive" and case.kvarh == 200


def test_a_case_that_cannot_be_rated_raises_its_problem() -> None:
    with pytest.raises(RatingProblem, match="VAT rate") as raised:
        rate_one(book(), category="residential", kwh=1, start=date(2027, 1, 1), end=date(2027, 2, 1))
    assert raised.value.code == "no-vat"
    with pytest.raises(RatingProblem) as raised:
        rate_one(book(), category="residential", kwh=1, start=JULY, end=JUNE)
    assert raised.value.code == "period-empty"
