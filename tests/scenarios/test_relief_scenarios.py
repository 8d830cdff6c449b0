"""The worked cases of the policies, each on its own; and a hotel through the five rounds."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from tests.factories.rating import NGHE_AN, REFERENCE, book, plain
from tests.factories.relief import Fact, listed, reliefs, relieved
from thapsang.engines.relief import Scenario, load_scenarios, run_scenario

CASES = [
    pytest.param(tariffs, case, id=f"{tariffs.parent.name}-{case.code}")
    for tariffs in (NGHE_AN, REFERENCE)
    for case in load_scenarios(tariffs.parent / "scenarios" / "reliefs", book(tariffs), reliefs(tariffs))
]


@pytest.mark.parametrize(("tariffs", "case"), CASES)
def test_case(tariffs: object, case: Scenario) -> None:
    outcome = run_scenario(case, book(tariffs), reliefs(tariffs))  # type: ignore[arg-type]
    assert outcome.differences == ()


UNPRICED = {
    ("covid-1", "wholesale-residential"): "no wholesale price of 2020 is known",
    ("covid-1", "wholesale-other"): "no wholesale price of 2020 is known",
}
"""Rules no case can be worked out for."""


@pytest.mark.parametrize("tariffs", [NGHE_AN, REFERENCE], ids=lambda folder: folder.parent.name)
def test_every_rule_has_a_case_that_grants_it(tariffs: Path) -> None:
    """A rule nobody has worked out by hand is a rule nobody has read."""
    cases = load_scenarios(tariffs.parent / "scenarios" / "reliefs", book(tariffs), reliefs(tariffs))
    granted = {
        (line["programme"], line["rule"])
        for case in cases
        for kind in ("relief", "cash")
        for line in case.expected.get(kind, ())
    }
    rules = {(p.code, rule.code) for p in reliefs(tariffs).programmes for rule in p.rules if rule.applied}
    assert rules - granted - UNPRICED.keys() == set()
    assert not UNPRICED.keys() & granted, "these have a case now: take them off the list"


def test_a_hotel_that_became_an_isolation_site_through_2020_and_2021() -> None:
    """1,000 kWh a month on one register: 2,666,000 đồng at business, 1,685,000 at production prices."""
    evidence = [
        listed("isolation-free", 1, start=date(2020, 4, 10), end=date(2020, 5, 1)),
        listed("isolation-part-paid", 1, start=date(2021, 7, 10), end=date(2021, 9, 1)),
    ]
    starts = (
        [date(2020, m, 1) for m in range(3, 13)]
        + [date(2021, m, 1) for m in range(1, 13)]
        + [date(2022, 1, 1)]
    )
    taken = {}
    for start, end in pairwise(starts):
        result = relieved(
            [plain(1, 1000, start, end, category="business")], [Fact(1, "hotel")], evidence, month=end
        )
        for row in result.adjustments.to_pylist():
            taken[end] = row["relief"]
    moved, free = 981_000, 2_666_000
    assert taken == {
        date(2020, 5, 1): 533_200,  # isolation in April: 20 % off
        date(2020, 6, 1): moved, date(2020, 7, 1): moved,  # round 1
        date(2020, 10, 1): moved, date(2020, 11, 1): moved, date(2020, 12, 1): moved,  # round 2
        date(2021, 6, 1): moved, date(2021, 7, 1): moved,  # round 3
        date(2021, 8, 1): free, date(2021, 9, 1): free,  # round 4 over round 3: part-paid isolation
        date(2021, 10, 1): moved, date(2021, 11, 1): moved, date(2021, 12, 1): moved,
    }  # fmt: skip
