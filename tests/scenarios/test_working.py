"""The figures of the stories follow from their working; a wrong one is found before the product is asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.travel import story, working
from tests.scenarios.travel.working import WorkingError

FILES = sorted((Path(__file__).parent / "years").glob("*.yaml"))
BILL: dict[str, Any] = {
    "kwh": 180, "lines": "50 x 1678 + 50 x 1734 + 80 x 2014", "net": 331720, "vat": "10 % = 33172", "total": 364892,
}  # fmt: skip


def test_every_sum_in_the_stories_is_right() -> None:
    told = story.load(FILES)
    bills = [
        (f"{point} {name}", entry) for point, months in told.bills.items() for name, entry in months.items()
    ]
    bills += [
        (f"{step.where} {name}", entry)
        for step in told.steps
        for name, entry in step.then.get("bills", {}).items()
    ]
    bills += [(step.where, step.then["bill"]) for step in told.steps if "bill" in step.then]
    for where, entry in bills:
        found = working.figures(entry, where)
        if "change" in entry:
            assert str(entry["change"]).startswith(f"{found.total} - "), where
    for step in told.steps:
        for point, entries in step.then.get("gives", {}).items():
            for name, entry in entries.items():
                working.relief(entry, f"{step.where} {point} {name}")
    assert len(bills) > 240


def test_a_bill_is_read_with_its_lines() -> None:
    found = working.figures(BILL, "a bill")
    assert [(line.kwh, line.price, line.amount) for line in found.lines] == [
        (50, 1678, 83_900), (50, 1734, 86_700), (80, 2014, 161_120),
    ]  # fmt: skip
    assert (found.net, found.vat_rate, found.vat, found.total, found.relief) == (
        331_720,
        1000,
        33_172,
        364_892,
        0,
    )


def test_a_price_change_gives_two_stretches() -> None:
    lines = {date(2023, 5, 1): "10 x 1678", date(2023, 5, 4): "90 x 1728"}
    found = working.figures(
        {"lines": lines, "net": 172_300, "vat": "10 % = 17230", "total": 189_530}, "a split month"
    )
    assert [line.start for line in found.lines] == [date(2023, 5, 1), date(2023, 5, 4)]


def test_relief_in_the_bill_takes_its_vat_along() -> None:
    entry = {
        **BILL,
        "less": ["20 % of 331720 = 66344"],
        "net": 265_376,
        "vat": "10 % = 26538",
        "total": 291_914,
    }
    assert working.figures(entry, "a relieved bill").relief == 66_344 + 33_172 - 26_538


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kwh", 181),
        ("net", 331_721),
        ("vat", "10 % = 33173"),
        ("total", 1),
        ("lines", "50 x 1678"),
        ("vat", "10 %"),
    ],
)
def test_a_wrong_figure_names_the_bill(key: str, value: Any) -> None:
    with pytest.raises(WorkingError, match="home 2020-04"):
        working.figures({**BILL, key: value}, "home 2020-04")


@pytest.mark.parametrize(
    "entry",
    [
        {"less": "50 x 168", "net": 8_400, "vat": "840 - 0 = 839"},
        {"less": "50 x 168", "net": 8_401, "vat": "840 - 0 = 840"},
        {"less": "15 % of 1000 = 151", "net": 151, "vat": "15 - 0 = 15"},
    ],
)
def test_a_wrong_relief_is_found(entry: dict[str, Any]) -> None:
    with pytest.raises(WorkingError):
        working.relief(entry, "home 2020-05")


def test_days_come_in_order_and_each_month_once() -> None:
    told = story.load(FILES)
    moments = [one.at for one in told.days()]
    assert moments == sorted(moments)
    months = [one.period for one in told.days() if isinstance(one, story.Month)]
    assert (len(months), months[0], months[-1]) == (79, date(2020, 4, 1), date(2026, 10, 1))
