"""Storm mode: estimates held back, spikes judged by hours with supply, estimates by hours after release."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db import transaction as django_transaction
from typer.testing import CliRunner

from tests.factories import billing as world
from tests.factories import metering as make
from thapsang.domain.metering import bulk, operations, queries
from thapsang.domain.metering.queries import darkness
from thapsang.journeys import run_billing
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
JUL, AUG, SEP, OCT, NOV = (date(2026, month, 1) for month in range(7, 12))
LOCAL = timedelta(hours=7)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"


def local(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC) - LOCAL


def begin(**more: Any) -> int:
    with transaction():
        return operations.begin_storm(
            name="Bão số 10", began_at=more.pop("began_at", local(10, 22)), document="CĐ 12", reason="Đổ cột",
            actor="nga", at=AT, **more,
        )  # fmt: skip


def end(storm: int, ended_at: datetime, **more: Any) -> int:
    with transaction():
        return operations.end_storm(
            storm_id=storm, ended_at=ended_at, reason="Đã đóng điện", actor="nga", at=AT, **more
        )


def decide(storm: int, decision: str, **more: Any) -> None:
    with transaction():
        operations.decide_held(
            storm_id=storm, period=OCT, decision=decision, reason="Đường đã thông", actor="nga", at=AT, **more
        )


def three_periods(book: Any, *values: int) -> Any:
    """Hang a meter read on the first of July to October; the closing reading of October is missing."""
    installation = make.meter(make.supply_point(book))
    for day, value in zip((JUL, AUG, SEP, OCT), values or (0, 310, 620, 920), strict=True):
        make.reading(installation, day, value)
    make.ensure_months(NOV, NOV)
    return installation


def issues(book: Any) -> list[tuple[str, dict[str, Any]]]:
    with bulk_connection() as link:
        _, found = bulk.period_usage(link, book_ids=[book.id], period=OCT)
    return [(row["code"], json.loads(row["detail"])) for row in found.to_pylist()]


def closing(installation: Any) -> tuple[int, str]:
    row = make.model("metering.Reading").objects.get(
        register=make.registers(installation)["total"], read_on=NOV
    )
    return row.value, row.quality


@pytest.mark.parametrize("area", ["team", "commune", "book"])
def test_an_estimate_is_held_until_the_storm_ends_and_then_made_by_hours(area: str) -> None:
    book, other = make.book(), make.book()
    installation = three_periods(book)
    codes = {
        "team": {"team_codes": [book.area_team.code]}, "commune": {"commune_codes": ["16690"]},
        "book": {"book_codes": [book.code]},
    }[area]  # fmt: skip
    storm = begin(**codes)
    done = operations.estimate_missing(period=OCT)
    assert (done.held, done.registers, done.storm) == (1, 0, 0)
    [(code, detail)] = issues(book)
    assert code == "storm-estimate-held"
    assert detail == {
        "register": "total", "date": "2026-11-01", "boundary": "end", "storm": "Bão số 10", "storm_id": storm,
        "waits_for": "storm-lasts",
    }  # fmt: skip
    assert [row.held_by for row in queries.missing_readings(read_on=NOV)] == ["Bão số 10"]
    end(storm, local(10, 27))  # dark for 5 of 31 days: 10 kWh a day × 26 days
    assert issues(book)[0][0] == "missing-reading"
    done = operations.estimate_missing(period=OCT)
    assert (done.held, done.registers, done.storm, done.kwh) == (0, 1, 1, 260)
    assert closing(installation) == (920 + 260, "E")
    assert issues(book) == issues(other) == []


def test_no_storm_changes_nothing_and_a_withdrawn_one_neither() -> None:
    book = make.book()
    installation = three_periods(book)
    storm = begin(book_codes=[book.code])
    with transaction():
        operations.withdraw_storm(storm_id=storm, reason="nhầm sổ", actor="nga", at=AT)
    assert issues(book)[0][0] == "missing-reading"
    assert operations.estimate_missing(period=OCT).kwh == 310
    assert closing(installation) == (1230, "E")
    with pytest.raises(operations.StormRefusedError, match="withdrawn"):
        end(storm, local(10, 27))


def test_an_officer_decides_for_a_book_or_a_point() -> None:
    book = make.book()
    first, second = three_periods(book), three_periods(book)
    storm = begin(book_codes=[book.code])
    decide(storm, "estimate", book_code=book.code)
    decide(storm, "read", point_code=second.supply_point.code)
    done = operations.estimate_missing(period=OCT)
    assert (done.points, done.held, done.storm, done.kwh) == (
        1,
        1,
        1,
        210,
    )  # dark from 22 October on: 21 days
    assert closing(first) == (1130, "E")
    [(code, detail)] = issues(book)
    assert (code, detail["waits_for"]) == ("storm-estimate-held", "read-anew")
    end(storm, local(10, 27))
    assert operations.estimate_missing(period=OCT).held == 1  # still to be read
    [row] = queries.books_in_storm(storm_id=storm, today=date(2026, 11, 23))
    assert (row.points, row.unread, row.held, row.anew, row.released) == (2, 1, 1, 1, 0)
    [held] = queries.held_in_book(storm_id=storm, closing=NOV)
    assert (held.code, held.serial, held.anew) == (second.supply_point.code, second.meter.serial, True)
    decide(storm, "estimate", point_code=second.supply_point.code)
    assert operations.estimate_missing(period=OCT).points == 1
    assert [one.decision for one in queries.decisions(storm_id=storm)] == ["estimate", "read", "estimate"]


def test_time_under_two_areas_counts_once_and_each_area_ends_by_itself() -> None:
    book = make.book()
    installation = three_periods(book)
    storm = begin(book_codes=[book.code], commune_codes=["16690"])
    by_kind = {area.kind: area.id for area in queries.storm(storm_id=storm).areas}
    assert end(storm, local(10, 25), area_ids=[by_kind["book"]]) == 1
    assert operations.estimate_missing(period=OCT).held == 1  # the commune is still dark
    end(storm, local(10, 24, 12))
    assert (
        queries.hours_without_supply(supply_point_id=installation.supply_point_id, start=OCT, end=NOV) == 72
    )
    assert operations.estimate_missing(period=OCT).kwh == 280
    assert queries.storm(storm_id=storm).state == "ended"


def load(*lines: str) -> list[tuple[str, str, str]]:
    content = "\n".join(["serial,register,read_on,value,quality", *lines, ""]).encode()
    outcome = operations.import_file(content, name="so.csv", at=AT)
    rows = queries.rejections(import_id=outcome.import_id)
    return [(row.action, row.code, row.reason) for row in rows]


@pytest.mark.parametrize(
    ("few", "area"), [(99, "book"), (0, "book"), (99, "team"), (0, "commune"), (99, "commune")]
)
def test_a_spike_in_a_storm_is_judged_by_hours_with_supply(
    few: int, area: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darkness, "FEW", few)
    book = make.book()
    installation = three_periods(book)
    codes = {"book": [book.code], "team": [book.area_team.code], "commune": ["16690"]}
    storm = begin(**{f"{area}_codes": codes[area]}, began_at=local(10, 2))
    end(storm, local(10, 30))  # 72 hours with supply: 10 kWh a day make 30, five times that is 150
    line = f"{installation.meter.serial},total,2026-11-01,{920 + 149},"
    assert load(line.replace(str(920 + 149), str(920 + 151))) == [
        ("reject", "storm-spike", "Sản lượng 151 trong 72 giờ có điện (kỳ có mất điện diện rộng), "
         "gấp nhiều lần mức thường thấy 30.")
    ]  # fmt: skip
    assert load(line) == []
    assert closing(installation) == (1069, "A")


def test_the_month_after_a_storm_is_no_spike_and_a_dark_month_no_zero() -> None:
    book, other = make.book(), make.book()
    installation = three_periods(other)
    storm = begin(book_codes=[book.code], began_at=local(9, 3))
    end(storm, local(9, 28))  # September: 5 of 30 days with supply
    quiet = make.meter(make.supply_point(book))
    for day, value in ((AUG, 0), (SEP, 300), (OCT, 340)):  # 40 kWh in 5 days: 8 a day
        make.reading(quiet, day, value)
    serial = quiet.meter.serial
    assert load(f"{serial},total,2026-11-01,{340 + 1200},") == []  # 248 usual by hours; by days 41, a spike
    dark = begin(book_codes=[other.code], began_at=local(10, 2))
    end(dark, local(10, 31))  # 2 of 31 days: 20 kWh usual is below what a zero is noticed at
    assert load(f"{installation.meter.serial},total,2026-11-01,920,") == []


def test_the_bill_run_queues_them_and_bills_them_after_release() -> None:
    book = make.book()
    installation = three_periods(book)
    world.metered_point(make.book(), 100)
    storm = begin(book_codes=[book.code])
    run_billing.start(period=OCT, workers=1, at=world.AT)
    exceptions = make.model("billing.BillingException").objects
    assert [(one.code, one.status) for one in exceptions.all()] == [("storm-estimate-held", "open")]
    end(storm, local(10, 27))
    operations.estimate_missing(period=OCT)
    run_billing.start(period=OCT, workers=1, at=world.AT)
    assert [one.status for one in exceptions.all()] == ["resolved"]
    bill = make.model("billing.Bill").objects.get(supply_point_id=installation.supply_point_id)
    assert (bill.kwh, bill.estimated) == (260, True)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "areas: none"), ({"team_codes": ["PA13ZZ"]}, "PA13ZZ"), ({"commune_codes": ["1"]}, "commune"),
        ({"book_codes": ["X"]}, "book"), ({"book_codes": ["X"], "began_at": local(11, 24)}, "not come yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(operations.StormRefusedError, match=told):
        begin(**wrong)
    assert queries.storms() == []


def test_an_end_before_the_beginning_or_without_a_reason_is_refused() -> None:
    storm = begin(book_codes=[make.book().code])
    with pytest.raises(operations.StormRefusedError, match="not after"):
        end(storm, local(10, 22))
    with pytest.raises(operations.StormRefusedError, match="not come yet"):
        end(storm, local(11, 25))
    with pytest.raises(operations.StormRefusedError, match="reason"), transaction():
        operations.end_storm(storm_id=storm, ended_at=local(10, 27), reason=" ", actor="nga", at=AT)
    with pytest.raises(queries.UnknownStormError):
        end(storm + 1, local(10, 27))


def test_the_database_keeps_storms_as_recorded() -> None:
    storm = begin(book_codes=[make.book().code])
    end(storm, local(10, 27))
    for statement in (
        "DELETE FROM metering_stormarea", "UPDATE metering_stormarea SET ended_at = now()",
        "UPDATE metering_storm SET name = 'x'", "DELETE FROM metering_storm",
    ):  # fmt: skip
        with pytest.raises(IntegrityError), django_transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_all_of_it_from_the_command_line() -> None:
    from thapsang.interfaces.cli import readings

    def run(*words: str) -> Any:
        answer = CliRunner().invoke(readings.app, ["storm", *words, "--json"])
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    book = make.book()
    three_periods(book)
    begun = run(
        "begin", "--name", "Bão", "--from", "2026-10-22 00:00", "--document", "CĐ", "--reason", "r",
        "--book", book.code,
    )  # fmt: skip
    number = str(begun["id"])
    assert (begun["points"], begun["state"]) == (1, "open")
    assert [one["id"] for one in run("list", "--open")] == [begun["id"]]
    run("decide", number, "--period", "2026-10", "--decision", "read", "--reason", "r", "--book", book.code)
    shown = run("show", number)
    assert (shown["books"][0]["held"], shown["books"][0]["anew"], len(shown["decisions"])) == (1, 1, 1)
    assert run("end", number, "--at", "2026-10-27 00:00", "--reason", "r")["state"] == "ended"
    assert run("withdraw", number, "--reason", "r")["state"] == "withdrawn"
    refused = CliRunner().invoke(readings.app, ["storm", "end", "999", "--at", "x", "--reason", "r"])
    assert refused.exit_code == 2
