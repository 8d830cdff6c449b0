"""`thapsang rate`: the answer as JSON and as a table; wrong options named with their remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.factories.rating import NGHE_AN, ROOT
from thapsang.domain.tariffs import queries
from thapsang.interfaces.cli.rate import rate

JUNE = ("--from", "2026-06-01", "--to", "2026-07-01")
app = typer.Typer()
app.command()(rate)


def run(*options: str) -> Result:
    return CliRunner().invoke(app, list(options), catch_exceptions=False)


def answer(*options: str) -> dict[str, Any]:
    result = run(*options, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_the_case_of_the_issue() -> None:
    found = answer("--category", "residential", "--kwh", "187", *JUNE, "--households", "1")
    assert [(x["kwh"], x["price"], x["amount"]) for x in found["lines"]] == [
        (50, 1984, 99_200), (50, 2050, 102_500), (87, 2380, 207_060),
    ]  # fmt: skip
    assert {(x["from"], x["to"]) for x in found["lines"]} == {("2026-06-01", "2026-07-01")}
    assert all("1279/QĐ-BCT" in x["reference"] for x in found["lines"])
    assert (found["net"], found["vat_rate"], found["vat"], found["total"]) == (408_760, 0.08, 32_701, 441_461)


def test_bands_and_reactive_energy() -> None:
    found = answer(
        "--category", "production", "--voltage", "ge110", "--band", "normal=100", "--band", "peak=10",
        "--band", "offpeak=50", "--kvarh", "200", *JUNE,
    )  # fmt: skip
    assert [x["band"] for x in found["lines"][:3]] == ["normal", "peak", "offpeak"]
    reactive = found["lines"][3]
    assert (reactive["kvarh"], reactive["k_percent"], reactive["amount"]) == (200, 45.16, 122_411)
    assert reactive["doubt"] and found["kwh"] == 160


def test_readings_split_the_energy() -> None:
    may = ("--kwh", "200", "--from", "2025-05-01", "--to", "2025-06-01")
    by_days, read = answer(*may, "--reading", "2025-05-10"), answer(*may, "--reading", "2025-05-10=90")
    assert by_days == answer(*may)
    assert sum(x["kwh"] for x in read["lines"] if x["to"] == "2025-05-10") == 90


@pytest.mark.parametrize("households", ["0.25", "1/4"])
def test_a_tenant_is_a_quarter_household(households: str) -> None:
    assert answer("--kwh", "30", *JUNE, "--households", households)["lines"][0]["kwh"] == 13


def test_the_table_shows_lines_reference_and_doubt() -> None:
    output = run("--kwh", "187", *JUNE).output
    assert all(text in output for text in ("Sinh hoạt", "tier 3", "207.060 đ", "1279/QĐ-BCT", "441.461 đ"))
    reactive = run("--kwh", "10", "--kvarh", "99", "--category", "tenant", *JUNE).output
    assert "99 kvarh" in reactive and "not certain" in reactive


WRONG = [
    (("--kwh", "abc", *JUNE), "--kwh", "whole kWh"),
    (("--kwh", "-5", *JUNE), "--kwh", "zero or more"),
    (("--kwh", "12.5", *JUNE), "--kwh", "digits only"),
    (JUNE, "--kwh", "missing"),
    (("--kwh", "99999999999", *JUNE), "--kwh", "above"),
    (("--kwh", "5", "--to", "2026-07-01"), "--from", "missing"),
    (("--kwh", "5", "--from", "1/6/2026", "--to", "2026-07-01"), "--from", "YYYY-MM-DD"),
    (("--kwh", "5", "--from", "2026-07-01", "--to", "2026-07-01"), "--to", "exclusive"),
    (("--kwh", "5", "--from", "2026-07-02", "--to", "2026-07-01"), "--to", "give a later day"),
    (("--kwh", "5", *JUNE, "--category", "castle"), "--category", "Use one of: residential"),
    (("--kwh", "5", *JUNE, "--voltage", "12"), "--voltage", "Use one of: ge110"),
    (("--kwh", "5", *JUNE, "--households", "0"), "--households", "0.25"),
    (("--kwh", "5", *JUNE, "--households", "1/3"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--households", "x"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--households", "1/0"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--households", "1e9"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--households", "1e999999999"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--households", "999999999"), "--households", "not a number of households"),
    (("--kwh", "5", *JUNE, "--category", "[/x]"), "--category", "'[/x]' is unknown"),
    (("--kwh", "\u0662", *JUNE), "--kwh", "digits only"),
    (("--kwh", "5", "--from", "2026-W05", "--to", "2026-07-01"), "--from", "YYYY-MM-DD"),
    (("--kwh", "5", *JUNE, "--kvarh", "-1"), "--kvarh", "not a whole number of kvarh"),
    (("--band", "night=5", *JUNE), "--band", "normal, peak, offpeak"),
    (("--band", "peak=5", "--band", "peak=6", *JUNE), "--band", "once"),
    (("--band", "peak=x", *JUNE), "--band peak", "whole number"),
    (("--kwh", "6", "--band", "peak=5", *JUNE), "--kwh", "sum of the bands, 5"),
    (("--kwh", "5", *JUNE, "--reading", "2026-06-31"), "--reading", "not a date"),
    (("--kwh", "5", *JUNE, "--reading", "2026-07-01"), "--reading", "after 2026-06-01 and before"),
    (("--kwh", "5", *JUNE, "--reading", "2026-06-05=9"), "--reading", "more than --kwh"),
    (("--kwh", "5", *JUNE, "--reading", "2026-06-05=x"), "--reading 2026-06-05", "whole number"),
    (("--band", "peak=5", *JUNE, "--reading", "2026-06-05=2"), "--reading", "date alone"),
    (
        ("--kwh", "5", "--from", "2014-05-01", "--to", "2014-07-01"),
        "--from",
        "Prices are known from 2014-06-01",
    ),
    (
        ("--kwh", "5", "--from", "2014-07-01", "--to", "2014-08-01", "--category", "business"),
        "--from",
        "not all for business",
    ),
    (
        ("--kwh", "5", "--from", "2026-12-15", "--to", "2027-01-15"),
        "--to",
        "VAT rates are known for last days before 2027-01-01",
    ),
]


@pytest.mark.parametrize(("options", "field", "remedy"), WRONG)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_wrong_option_is_named_with_its_remedy(
    options: tuple[str, ...], field: str, remedy: str, more: tuple[str, ...]
) -> None:
    result = run(*options, *more)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"{field}:") and remedy in result.stderr


def test_a_broken_policy_is_told_with_its_file(settings: Any, tmp_path: Any) -> None:
    settings.POLICIES = tmp_path
    result = run("--kwh", "5", *JUNE)
    assert result.exit_code == 2 and "no tariff file" in result.stderr


def test_it_works_without_a_database() -> None:
    code = "from thapsang.interfaces.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "rate", "--kwh", "187", *JUNE, "--json"], check=False, capture_output=True,
        text=True,
        cwd=ROOT, env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"] == 441_461


def test_the_current_book_is_nghe_ans() -> None:
    assert queries.current_book().distributor == NGHE_AN.parent.name
    assert queries.current_book() is queries.current_book()
