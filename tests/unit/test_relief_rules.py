"""Each rule of the relief engine by a case worked out in the test; and why it came out so."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.factories.rating import REFERENCE, Point, Segment, Term, book, plain
from tests.factories.relief import Fact, facts_table, fictional, listed, reasons, reliefs, relieved, tables
from thapsang.engines.rating import RatingInputError, load_book
from thapsang.engines.relief import ReliefInputError, RuleFinding, load_reliefs, relieve

JULY = (date(2021, 7, 1), date(2021, 8, 1))
AUGUST = date(2021, 8, 1)
FEBRUARY, MARCH = date(2030, 2, 1), date(2030, 3, 1)
D16 = listed("directive-16", area="yên thành", start=date(2021, 7, 19), end=date(2021, 9, 1))


def lines(result: Any) -> list[tuple[int, str, str, int, int]]:
    return [(x["point"], x["programme"], x["rule"], x["kwh"], x["amount"]) for x in result.lines.to_pylist()]


def fiction(
    *points: Point, facts: Any = None, evidence: Any = None, invoice: date = FEBRUARY, **more: Any
) -> Any:
    return relieved(
        list(points),
        facts,
        evidence,
        month=FEBRUARY,
        invoice=invoice,
        tariffs=more.pop("tariffs", REFERENCE),
        **more,
    )


def test_an_area_list_reaches_the_points_of_the_area_only() -> None:
    points = [plain(n, 200, *JULY) for n in (1, 2, 3)]
    facts = [Fact(1, area="yên thành"), Fact(2, area="vinh")]
    assert lines(relieved(points, facts, [D16], month=AUGUST)) == [(1, "covid-4", "up-to-200", 200, 55_800)]


def test_an_adjustment_carries_the_bill_and_what_is_taken_off() -> None:
    (row,) = relieved(
        [plain(9, 201, *JULY)], [Fact(9, area="yên thành")], [D16], month=AUGUST
    ).adjustments.to_pylist()
    assert row == {
        "point": 9, "start": JULY[0], "end": JULY[1], "category": "residential", "household_quarters": 4,
        "kwh": 201, "net": 374_536, "vat_rate": 1000, "vat": 37_454, "total": 411_990,
        "relief": 37_454, "relief_vat": 3_746, "relief_total": 41_200, "cash": 0,
    }  # fmt: skip


def test_nothing_to_give_gives_empty_tables_with_their_columns() -> None:
    result = relieved([plain(1, 100, *JULY)], month=date(2022, 5, 1))
    assert result.adjustments.num_rows == result.lines.num_rows == result.problems.num_rows == 0
    assert "relief" in result.adjustments.column_names and "amount" in result.lines.column_names
    assert relieved([], month=AUGUST).adjustments.num_rows == 0


def test_a_bill_without_energy_gets_no_line() -> None:
    assert lines(relieved([plain(1, 0, *JULY)], [Fact(1, area="yên thành")], [D16], month=AUGUST)) == []


def test_a_point_that_cannot_be_rated_is_a_problem_beside_the_others() -> None:
    broken = plain(2, -5, *JULY)
    result = relieved([plain(1, 200, *JULY), broken], [Fact(1, area="yên thành")], [D16], month=AUGUST)
    assert result.problems["code"].to_pylist() == ["negative-energy"]
    assert [x[0] for x in lines(result)] == [1]


# ---- the fictional distributor: every feature once


def test_days_of_use_share_the_relief() -> None:
    """25 % of 200,000 đồng for 18 of 28 days; for a period all inside the whole; outside nothing."""
    facts, evidence = [Fact(n, area="a") for n in (1, 2, 3)], [listed("flooded", area="a")]
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [
        plain(1, 150, FEBRUARY, MARCH),
        plain(2, 150, *inside),
        plain(3, 150, date(2030, 4, 1), date(2030, 5, 1)),
    ]
    found = lines(fiction(*points, facts=facts, evidence=evidence))
    assert found == [(1, "flood", "homes", 96, 32_143), (2, "flood", "homes", 150, 50_000)]


def test_only_the_named_tiers_are_relieved() -> None:
    """250 kWh: 100 at 1,000, 100 at 2,000, 50 at 3,000; the third tier keeps its price."""
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    found = lines(
        fiction(plain(1, 250, *inside), facts=[Fact(1, area="a")], evidence=[listed("flooded", area="a")])
    )
    assert found == [(1, "flood", "homes", 200, 75_000)]


def test_uses_and_lists_refuse() -> None:
    flooded = listed("flooded", area="a")
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [plain(n, 250, *inside) for n in (1, 2, 3)]
    facts = [Fact(1, use="inn", area="a"), Fact(2, area="a"), Fact(3, area="a")]
    refused = [listed("refused", 2), listed("refused", 3, end=date(2030, 3, 10))]
    # The last billed day is 10 March: the third point's refusal ended the day before.
    assert [x[0] for x in lines(fiction(*points, facts=facts, evidence=[flooded, *refused]))] == [3]


def test_a_list_counts_on_any_billed_day_or_on_its_date() -> None:
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [plain(1, 250, *inside), plain(2, 250, date(2030, 2, 12), date(2030, 3, 11))]
    facts = [Fact(1, area="a"), Fact(2, area="a")]
    first_day = [listed("flooded", area="a", start=date(2030, 2, 1), end=date(2030, 2, 12))]
    assert [x[0] for x in lines(fiction(*points, facts=facts, evidence=first_day))] == [1]
    for day, found in ((date(2030, 2, 15), 1), (date(2030, 2, 16), 0)):
        gift = fiction(points[0], evidence=[listed("named", 1, start=day, end=date(2030, 2, 20))])
        assert gift.lines.num_rows == found


def test_rows_of_strangers_do_no_harm() -> None:
    evidence = [listed("named", n) for n in (-7, 1, 5, 10**15)] + [listed("named", 1, end=date(2014, 1, 2))]
    assert [
        x[0]
        for x in lines(
            fiction(plain(1, 10, FEBRUARY, MARCH), plain(4, 10, FEBRUARY, MARCH), evidence=evidence)
        )
    ] == [1]


def test_a_price_list_moves_points_of_a_voltage_and_rates_them_again() -> None:
    """1,000 kWh at 1,500 in production, at 1,800 under lighting: dearer, so nothing; at peak 3,000 cheaper."""
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    banded = Term(*inside, category="production", voltage="high", time_of_use=True)
    low = Term(*inside, category="production", voltage="lt6", time_of_use=True)
    segment = Segment(*inside, 1000, (0, 1000, 0))
    points = [
        plain(1, 1000, *inside, category="production", voltage="high"),
        Point(2, (segment,), (banded,)),
        Point(3, (segment,), (low,)),
    ]
    result = fiction(*points)
    assert lines(result) == [(2, "flood", "high", 1000, 1_200_000)]


def test_the_voltage_is_that_of_the_last_billed_day() -> None:
    inside, change = (date(2030, 2, 11), date(2030, 3, 11)), date(2030, 2, 20)
    segment = Segment(*inside, 1000, (0, 1000, 0))
    terms = [
        Term(a, b, category="production", voltage=voltage, time_of_use=True)
        for a, b, voltage in ((inside[0], change, "lt6"), (change, inside[1], "high"))
    ]
    other = [
        Term(t.start, t.end, "production", v, 4, True) for t, v in zip(terms, ("high", "lt6"), strict=True)
    ]
    found = lines(fiction(Point(1, (segment,), tuple(terms)), Point(2, (segment,), tuple(other))))
    assert [x[0] for x in found] == [1]


def test_a_point_without_a_price_on_the_other_list_is_a_problem(tmp_path: Path) -> None:
    folder = fictional(tmp_path)
    for name in ("d1.yaml", "d2.yaml"):
        path = folder / "tariffs" / name
        kept = [line for line in path.read_text().splitlines() if not line.startswith("  lighting")]
        path.write_text("\n".join(kept))
    tariffs = load_book(folder / "tariffs")
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [
        plain(1, 100, *inside),
        plain(2, 100, *inside, category="production", voltage="high"),
        plain(3, -1, *inside),
    ]
    result = relieve(
        tariffs, load_reliefs(folder / "reliefs", tariffs), *tables(points), bill_month=FEBRUARY, invoice_date=FEBRUARY
    )  # fmt: skip
    assert result.problems["point"].to_pylist() == [2, 3]
    assert result.problems["code"].to_pylist() == ["relief-no-price", "negative-energy"]
    detail = json.loads(result.problems["detail"][0].as_py())
    assert (detail["programme"], detail["rule"]) == ("flood", "high") and "lighting" in detail["remedy"]
    assert result.lines.num_rows == 0


def test_a_percentage_of_the_whole_bill_is_cut_to_what_is_left() -> None:
    """100 kWh for 100,000 đồng: the flood takes 25,000, 90 % of the bill would be 90,000, 75,000 is left."""
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    flooded = [listed("flooded", area="a")]
    point = plain(1, 100, *inside)
    found = lines(fiction(point, facts=[Fact(1, area="a")], evidence=flooded, invoice=date(2030, 3, 20)))
    assert found == [(1, "flood", "homes", 100, 25_000), (1, "thanks", "small", 100, 75_000)]


def test_limits_are_up_to_and_above_and_do_not_grow_when_the_rule_says_so() -> None:
    march = date(2030, 3, 20)
    points = [plain(n, kwh, FEBRUARY, MARCH, quarters=8) for n, kwh in enumerate((10, 11, 100, 101))]
    assert [x[0] for x in lines(fiction(*points, invoice=march))] == [1, 2]
    assert lines(fiction(*points, invoice=date(2030, 4, 1))) == []


def test_of_two_that_exclude_each_other_the_earlier_wins() -> None:
    points = [plain(1, 100, FEBRUARY, MARCH), plain(2, 200, FEBRUARY, MARCH)]
    evidence = [listed("named", 1), listed("named", 2)]
    found = lines(fiction(*points, evidence=evidence, invoice=date(2030, 3, 20)))
    assert found == [(1, "thanks", "small", 100, 90_000), (2, "gift", "named", 30, 30_000)]
    assert reliefs(REFERENCE).barred_by("gift") == {"thanks"}
    assert reliefs(REFERENCE).barred_by("thanks") == {"gift"} and not reliefs(REFERENCE).barred_by("flood")


def test_cash_grows_with_days_and_households_and_leaves_the_bill_alone() -> None:
    """14 of 28 days, six people's three quarters twice: 30 × ½ × 1½ = 22.5, half-up 23 kWh at 1,000 đồng."""
    point = plain(1, 100, date(2030, 2, 10), date(2030, 2, 24), quarters=6)
    (row,) = fiction(point, evidence=[listed("named", 1)]).adjustments.to_pylist()
    assert (row["relief"], row["relief_vat"], row["cash"]) == (0, 0, 23_000)
    later = plain(1, 100, date(2030, 6, 1), date(2030, 7, 1))  # the price of the last billed day, D2's
    (row,) = fiction(later, evidence=[listed("named", 1)]).adjustments.to_pylist()
    assert row["cash"] == 33_000


def test_a_use_without_categories_is_asked_of_all() -> None:
    inside = (date(2030, 2, 11), date(2030, 3, 11))
    points = [plain(1, 100, *inside, category="lighting"), plain(2, 100, *inside, category="lighting")]
    assert lines(fiction(*points, facts=[Fact(2, use="shelter")])) == [(2, "flood", "shelter", 100, 180_000)]


def test_a_reactive_line_keeps_its_price() -> None:
    """Round 1: 10 % off 1,000 kWh of production at 1,685 (reduced 1,517); the reactive charge stays."""
    month = (date(2020, 5, 1), date(2020, 6, 1))
    term = Term(*month, category="production", reactive=True)
    result = relieved([Point(1, (Segment(*month, 1000, kvarh=1000),), (term,))], month=date(2020, 6, 1))
    (row,) = result.adjustments.to_pylist()
    assert row["net"] > 1_685_000 and row["relief"] == 168_000


# ---- input that does not fit


@pytest.mark.parametrize(
    ("facts", "evidence", "words"),
    [
        ([Fact(1, use="castle")], [], r"use\(s\) castle; use one of hotel"),
        ([], [listed("gossip", 1)], r"list\(s\) gossip; use one of isolation-free"),
        ([Fact(1), Fact(1)], [], "a point twice"),
        ([], [listed("poor-households", area="vinh")], "poor-households has a row without a point"),
        ([], [listed("poor-households", 1, "vinh")], "this list names points"),
        ([], [listed("directive-16", 1)], "directive-16 has a row without an area"),
        ([], [listed("directive-16", 1, "vinh")], "this list names areas"),
        ([], [listed("directive-16")], "without an area"),
        ([], [{**listed("directive-16", area="vinh"), "start": None}], "a row without start; fill it in"),
        ([], [{**listed("directive-16", area="vinh"), "list": None}], "a row without list"),
        ([], [listed("poor-households", 1, end=date(2014, 1, 1))], "end is not after its start"),
    ],
)
def test_facts_that_do_not_fit_are_named(facts: Any, evidence: Any, words: str) -> None:
    with pytest.raises(ReliefInputError, match=words):
        relieved([plain(1, 100, *JULY)], facts, evidence, month=AUGUST)


def test_a_missing_column_is_named() -> None:
    usage, terms, facts, evidence = tables([plain(1, 100, *JULY)])
    with pytest.raises(RatingInputError, match=r"facts table lacks the column\(s\) use"):
        relieve(
            book(),
            reliefs(),
            usage,
            terms,
            facts.drop_columns(["use"]),
            evidence,
            bill_month=AUGUST,
            invoice_date=AUGUST,
        )


def test_dictionary_columns_are_taken_as_they_are() -> None:
    usage, terms, _, evidence = tables([plain(1, 200, *JULY)], evidence=[D16])
    facts = facts_table([Fact(1, area="yên thành")])
    facts = pa.table(
        {
            name: facts[name].dictionary_encode() if name != "point" else facts[name]
            for name in facts.column_names
        }
    )
    result = relieve(book(), reliefs(), usage, terms, facts, evidence, bill_month=AUGUST, invoice_date=AUGUST)
    assert result.lines["amount"].to_pylist() == [55_800]


# ---- why


def rule(found: tuple[RuleFinding, ...], programme: str, code: str) -> RuleFinding:
    return next(x for x in found if (x.programme, x.rule) == (programme, code))


def test_why_tells_every_condition_with_its_value() -> None:
    points = [plain(1, 201, *JULY), plain(2, 100, *JULY)]
    facts = [Fact(1, area="yên thành"), Fact(2, area="vinh")]
    found = reasons(1, points, facts, [D16, listed("isolation-paid", 2)], month=AUGUST)
    small, large = rule(found.rules, "covid-4", "up-to-200"), rule(found.rules, "covid-4", "above-200")
    assert (large.granted, large.amount, large.kwh, large.on_bill) == (True, 37_454, 201, True)
    assert all(f.holds for f in large.findings) and large.reference.code == "NQ 83/NQ-CP" and large.doubts
    missed = [f for f in small.findings if not f.holds]
    assert [(f.name, f.wanted, f.value) for f in missed] == [
        ("up-to", "200 kWh a month", "201 kWh, limit 200")
    ]
    told = {f.name: (f.wanted, f.value) for f in large.findings}
    assert told["valid"] == ("bill-month from 2021-08-01 until 2021-10-01", "2021-08-01")
    assert told["category"] == ("residential, tenant", "residential")
    assert told["list"] == ("directive-16 on 2021-07-30",) * 2
    assert told["not-barred"] == ("not together with covid-5", "free")
    assert len(found.rules) == sum(len(p.rules) for p in reliefs().programmes) and found.problems == ()


def test_why_tells_what_was_missing() -> None:
    found = reasons(2, [plain(2, 100, *JULY)], month=AUGUST).rules
    small = rule(found, "covid-4", "up-to-200")
    assert [(f.name, f.value) for f in small.findings if not f.holds] == [("list", "none")]
    hotel = rule(found, "covid-3", "accommodation")
    assert {(f.name, f.value) for f in hotel.findings if not f.holds} == {
        ("category", "residential"),
        ("use", "none"),
    }
    assert not rule(found, "covid-1", "households").findings[0].holds


def test_why_tells_of_order_bars_doubts_and_days() -> None:
    point = plain(1, 100, FEBRUARY, MARCH)
    found = reasons(
        1,
        [point],
        evidence=[listed("named", 1)],
        month=FEBRUARY,
        invoice=date(2030, 3, 20),
        tariffs=REFERENCE,
    )
    gift = rule(found.rules, "gift", "named")
    assert [(f.name, f.value) for f in gift.findings if not f.holds] == [("not-barred", "barred")]
    assert {f.name: f.value for f in gift.findings}["valid"] == "2030-02-28"
    rumour = rule(found.rules, "thanks", "rumour")
    assert {f.name: f.value for f in rumour.findings if not f.holds} == {
        "category": "residential", "first-of-programme": "one is", "applied": "too doubtful to grant",
    }  # fmt: skip
    homes = rule(found.rules, "flood", "homes")
    assert {f.name: f.value for f in homes.findings}["valid"] == "18 of 28 days"
    assert {f.name: f.value for f in homes.findings}["not-use"] == "none"


def test_why_of_a_point_without_a_bill_gives_its_problems() -> None:
    found = reasons(1, [plain(1, -1, *JULY)], month=AUGUST)
    assert (found.rules, found.problems) == ((), ("negative-energy",))
