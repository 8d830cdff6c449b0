"""`thapsang readings …`: exit codes, JSON, the file of rejected rows."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.factories import metering as make
from thapsang.interfaces.cli.readings import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_import_reject_mend_estimate_correct(tmp_path: Path) -> None:
    book = make.book()
    one, two = make.meter(make.supply_point(book)), make.meter(make.supply_point(book))
    for installation in (one, two):
        make.reading(installation, date(2026, 9, 1), 100)
        make.reading(installation, date(2026, 10, 1), 200)
    file, back = tmp_path / "a.csv", tmp_path / "back.csv"
    file.write_text(f"serial,register,read_on,value\n{one.meter.serial},total,2026-11-01,2x0\n")

    done = run("import", file, "--rejected", back, "--json")
    given = json.loads(done.stdout)
    assert (done.exit_code, given["rejected"], given["by_code"]) == (3, 1, {"not-a-number": 1})
    assert run("import", file).exit_code == 3
    assert "imported before" in run("import", file).stdout

    back.write_text(back.read_text(encoding="utf-8").replace("2x0", "250"), encoding="utf-8")
    done = run("import", back)
    assert done.exit_code == 0, done.output
    assert "1 accepted" in done.stdout and "lack 1 reading" in done.stdout

    missing = json.loads(run("missing", "--on", "2026-11-01", "--json").stdout)
    assert [row["serial"] for row in missing] == [two.meter.serial]
    dry = json.loads(run("estimate", "--period", "2026-10", "--dry-run", "--json").stdout)
    assert (dry["points"], dry["kwh"], dry["dry_run"]) == (1, 103, True)
    assert "103 kWh estimated" in run("estimate", "--period", "2026-10", "--book", book.code).stdout

    words = (
        "correct",
        "--serial",
        two.meter.serial,
        "--on",
        "2026-11-01",
        "--actor",
        "tổ trưởng",
        "--reason",
        "đọc lại",
    )
    assert run(*words, "--value", 150).exit_code == 2
    assert json.loads(run(*words, "--value", 290, "--json").stdout)["before"] == 303
    rows = json.loads(run("imports", "--json").stdout)
    assert [row["status"] for row in rows] == ["finished", "finished"]
    assert json.loads(run("rejected", rows[1]["id"], "--json").stdout) == []  # mended, so settled


def test_a_file_that_cannot_be_read_exits_2(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("serial,value\n1,2\n")
    done = run("import", file)
    assert done.exit_code == 2
    assert "missing: register, read_on" in done.output


@pytest.mark.parametrize(
    "words",
    [("missing", "--on", "1/11/2026"), ("estimate", "--period", "10/2026"), ("import", "/no/such/file")],
)
def test_wrong_words_are_explained(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
