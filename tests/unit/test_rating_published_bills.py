"""Bills and price examples others published, each with its source, computed again here."""

from __future__ import annotations

import json
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.factories.rating import ROOT, book, half_up
from thapsang.engines.rating import Case, rate_one
from thapsang.interfaces.cli.main import app, attach

CASES: list[dict[str, Any]] = json.loads((ROOT / "tests/golden/rating/worked_bills.json").read_text())
MONTH = {"1279": (date(2026, 3, 1), date(2026, 4, 1)), "2699": (date(2024, 11, 1), date(2024, 12, 1)),
         "2941": (date(2024, 3, 1), date(2024, 4, 1))}  # fmt: skip
VOLTAGE = {"<6kV": "lt6", ">=110kV": "ge110"}


def cases(prefix: str) -> Any:
    """Parametrise over the published cases of a source."""
    found = [case for case in CASES if case["id"].startswith(prefix)]
    assert found
    return pytest.mark.parametrize("case", found, ids=lambda case: case["id"])


def household(kwh: int, start: date, end: date) -> Case:
    return rate_one(book(), category="residential", kwh=kwh, start=start, end=end)


def test_every_published_case_is_tried_and_has_a_source() -> None:
    assert {case["id"].split("-")[0] for case in CASES} == {"haevn", "bot", "increase", "tou"}
    assert all(case["source"] for case in CASES)


@cases("haevn")
def test_totals_of_the_home_assistant_integration(case: dict[str, Any]) -> None:
    start = date.fromisoformat(case["period_from"])
    end = date.fromisoformat(case["period_to"]) + timedelta(days=1)
    if isinstance(case["kwh"], int):
        assert household(case["kwh"], start, end).total == case["expected"]["total"]
        return
    # 123.45 kWh cannot be billed here: registers are billed in whole kWh, and a fraction is refused, not
    # rounded in silence. The published amount lies between those of the whole kWh on either side.
    below, above = (household(kwh, start, end).total for kwh in (123, 124))
    assert below < case["expected"]["total"] < above
    attach_once()
    refused = CliRunner().invoke(
        app, ["rate", "--kwh", "123.45", "--from", str(start), "--to", str(end)], catch_exceptions=False
    )
    assert refused.exit_code == 2
    assert "--kwh" in refused.output and "whole kWh" in refused.output


@cases("bot")
def test_price_chatbot_examples(case: dict[str, Any]) -> None:
    rated = household(case["kwh"], *MONTH[case["tariff"]])
    assert rated.net == case["expected"]["pre_tax"]
    tiers = {f"t{line.tier}": line.amount for line in rated.lines}
    assert all(tiers[name] == amount for name, amount in case["expected"].items() if name != "pre_tax")


@cases("increase")
def test_increases_the_press_printed(case: dict[str, Any]) -> None:
    new, old = case["tariff"].split(" vs ")
    increase = household(case["kwh"], *MONTH[new]).net - household(case["kwh"], *MONTH[old]).net
    assert increase == case["expected"]["increase_pre_tax"]


@cases("tou")
def test_time_of_use_formulas(case: dict[str, Any]) -> None:
    category, voltage = case["category"].split(" ")
    bands = {name.replace("_", ""): kwh for name, kwh in case["kwh"].items()}
    start, end = MONTH[case["tariff"]]
    rated = rate_one(
        book(),
        category=category,
        voltage=VOLTAGE[voltage],
        kwh=sum(bands.values()),
        bands=bands,
        start=start,
        end=end,
    )
    assert rated.total == half_up(Fraction(str(case["expected"]["total_unrounded"])))


def test_the_press_bill_of_2014() -> None:
    """410 kWh = 771,640 đồng before VAT at the prices of decision 4887 (facts A2)."""
    assert household(410, date(2014, 7, 1), date(2014, 8, 1)).net == 771_640


@pytest.mark.parametrize(
    ("code", "average"),
    [("4495", "1720.65"), ("648", "1864.44"), ("1062", "1920.3732"), ("2941", "2006.79"), ("2699", "2103.1159"),
     ("1279", "2204.0655")],
)  # fmt: skip
def test_tiers_are_the_decreed_shares_of_the_average_price(code: str, average: str) -> None:
    """Since 2017 every tier is the average price times 90, 93, 108, 136, 152 or 157 %, prepaid 132 %."""
    edition = next(e for e in book().editions if e.code == f"{code}/QĐ-BCT")
    assert edition.average_price == average
    shares = [half_up(Fraction(average) * share / 100) for share in (90, 93, 108, 136, 152, 157)]
    assert list(edition.tariffs["residential", "lt6"].prices) == shares
    assert edition.tariffs["residential-prepaid", "lt6"].prices == (half_up(Fraction(average) * 132 / 100),)


_ATTACHED: list[bool] = []


def attach_once() -> None:
    """Attach the commands to the shell's app, once a process."""
    if not _ATTACHED:
        attach()
        _ATTACHED.append(True)
