"""Consumption of a period, from dial values to points."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.factories import metering as make
from thapsang.domain.metering import bulk
from thapsang.domain.metering.operations import fetching
from thapsang.kit.bulk.copy import bulk_connection

pytestmark = pytest.mark.django_db(transaction=True)

OCT, NOV = date(2026, 10, 1), date(2026, 11, 1)


def usage(*books: Any, period: date = OCT) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with bulk_connection() as link:
        used, issues = bulk.period_usage(link, book_ids=[book.id for book in books], period=period)
    return used.to_pylist(), issues.to_pylist()


def test_a_plain_point() -> None:
    book = make.book()
    installation = make.meter(point := make.supply_point(book))
    make.reading(installation, OCT, 1000)
    make.reading(installation, NOV, 1187)
    used, issues = usage(book)
    assert issues == []
    assert used == [
        {
            "point": point.id, "segment": 0, "start": OCT, "end": NOV, "kwh": 187, "kwh_normal": 0,
            "kwh_peak": 0, "kwh_offpeak": 0, "banded": False, "kvarh": 0, "estimated": False,
        }
    ]  # fmt: skip


def test_multiplier_bands_and_reactive() -> None:
    book = make.book()
    kinds = ("total", "normal", "peak", "offpeak", "reactive")
    installation = make.meter(make.supply_point(book), kinds=kinds, multiplier=20)
    for kind, first, last in (
        ("total", 0, 1000), ("normal", 0, 600), ("peak", 0, 300), ("offpeak", 0, 100), ("reactive", 50, 90),
    ):  # fmt: skip
        make.reading(installation, OCT, first, kind=kind)
        make.reading(installation, NOV, last, kind=kind)
    [row], issues = usage(book)
    assert issues == []
    assert (row["kwh"], row["kwh_normal"], row["kwh_peak"], row["kwh_offpeak"]) == (20000, 12000, 6000, 2000)
    assert row["banded"] and row["kvarh"] == 800


def test_the_dial_rolls_over() -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book), digits=5)
    make.reading(installation, OCT, 99_950)
    make.reading(installation, NOV, 130)
    [row], issues = usage(book)
    assert (row["kwh"], issues) == (180, [])


def test_a_dial_going_backwards_is_an_issue() -> None:
    book = make.book()
    installation = make.meter(point := make.supply_point(book))
    make.reading(installation, OCT, 5000)
    make.reading(installation, NOV, 4000)
    used, [issue] = usage(book)
    assert used == []
    assert (issue["point"], issue["code"]) == (point.id, "backwards")
    assert json.loads(issue["detail"]) == {
        "register": "total",
        "date": "2026-11-01",
        "before": 5000,
        "after": 4000,
    }


@pytest.mark.parametrize(("have", "lacking"), [(OCT, NOV), (NOV, OCT)])
def test_a_missing_reading_is_an_issue(have: date, lacking: date) -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book))
    make.reading(installation, have, 5000)
    make.ensure_months(OCT, NOV)
    used, [issue] = usage(book)
    assert used == []
    assert issue["code"] == "missing-reading"
    assert json.loads(issue["detail"])["date"] == f"{lacking}"


def test_no_meter_is_an_issue_only_for_a_supplied_point() -> None:
    book = make.book()
    bare = make.supply_point(book)
    make.supply_point(book, agreement=False)
    make.supply_point(book, status="closed")
    used, issues = usage(book)
    assert used == []
    assert issues == [{"point": bare.id, "code": "no-meter", "detail": "{}"}]


def test_a_meter_replaced_inside_the_period() -> None:
    book = make.book()
    point = make.supply_point(book)
    old = make.meter(point, end=date(2026, 10, 12))
    new = make.meter(point, start=date(2026, 10, 12), multiplier=2)
    make.reading(old, OCT, 1000)
    make.reading(old, date(2026, 10, 12), 1060)
    make.reading(new, date(2026, 10, 12), 3)
    make.reading(new, NOV, 53)
    [row], issues = usage(book)
    assert (row["kwh"], row["start"], row["end"], issues) == (60 + 100, OCT, NOV, [])


def test_single_rate_kwh_before_a_three_rate_meter_count_as_normal_hours() -> None:
    book = make.book()
    point = make.supply_point(book)
    old = make.meter(point, end=date(2026, 10, 12))
    new = make.meter(point, start=date(2026, 10, 12), kinds=("normal", "peak", "offpeak"))
    make.reading(old, OCT, 1000)
    make.reading(old, date(2026, 10, 12), 1060)
    for kind, value in (("normal", 30), ("peak", 20), ("offpeak", 10)):
        make.reading(new, date(2026, 10, 12), 0, kind=kind)
        make.reading(new, NOV, value, kind=kind)
    [row], issues = usage(book)
    assert (row["kwh"], row["kwh_normal"], row["kwh_peak"], row["kwh_offpeak"]) == (120, 90, 20, 10)
    assert row["banded"] and issues == []


def test_a_move_in_starts_with_the_installation() -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book), start=date(2026, 10, 20))
    make.reading(installation, date(2026, 10, 20), 7)
    make.reading(installation, NOV, 50)
    [row], issues = usage(book)
    assert (row["start"], row["end"], row["kwh"], issues) == (date(2026, 10, 20), NOV, 43, [])


def test_an_interim_reading_splits_the_period_and_a_daily_one_does_not() -> None:
    book = make.book()
    split = make.meter(one := make.supply_point(book))
    daily = make.meter(make.supply_point(book))
    for installation, source in ((split, "price"), (daily, "ami")):
        make.reading(installation, OCT, 100)
        make.reading(installation, date(2026, 10, 11), 130, source=source)
        make.reading(installation, NOV, 200)
    used, issues = usage(book)
    assert issues == []
    assert len(used) == 3
    first, second = (row for row in used if row["point"] == one.id)
    assert (first["segment"], first["start"], first["end"], first["kwh"]) == (0, OCT, date(2026, 10, 11), 30)
    assert (second["segment"], second["start"], second["end"], second["kwh"]) == (
        1,
        date(2026, 10, 11),
        NOV,
        70,
    )


def test_an_interim_reading_of_one_register_of_three_does_not_split() -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book), kinds=("normal", "peak", "offpeak"))
    for kind in ("normal", "peak", "offpeak"):
        make.reading(installation, OCT, 0, kind=kind)
        make.reading(installation, NOV, 10, kind=kind)
    make.reading(installation, date(2026, 10, 11), 4, kind="peak", source="price")
    [row], issues = usage(book)
    assert (row["kwh"], issues) == (30, [])


def test_a_reading_a_day_off_closes_one_period_and_opens_the_next() -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book))
    make.reading(installation, OCT, 100)
    make.reading(installation, date(2026, 10, 31), 190)
    make.reading(installation, date(2026, 12, 1), 300)
    [october], _ = usage(book)
    [november], _ = usage(book, period=NOV)
    assert (october["kwh"], october["end"]) == (90, NOV)
    assert (november["kwh"], november["start"]) == (110, NOV)


def test_a_book_read_on_the_tenth() -> None:
    book = make.book(reading_day=10)
    installation = make.meter(make.supply_point(book))
    make.reading(installation, date(2026, 9, 10), 0)
    make.reading(installation, date(2026, 10, 10), 77)
    [row], issues = usage(book)
    assert (row["start"], row["end"], row["kwh"], issues) == (date(2026, 9, 10), date(2026, 10, 10), 77, [])


def test_an_estimated_end_marks_the_point() -> None:
    book = make.book()
    installation = make.meter(make.supply_point(book))
    make.reading(installation, OCT, 100, quality="E")
    make.reading(installation, NOV, 190, quality="E", source="estimate")
    [row], _ = usage(book)
    assert row["estimated"] is True
    make.reading(installation, date(2026, 12, 1), 250)
    [row], _ = usage(book, period=NOV)
    assert row["estimated"] is False


def test_no_books_no_rows() -> None:
    assert usage() == ([], [])


@pytest.mark.parametrize("dense", [2, 0])
def test_the_same_by_range_and_by_join(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    """Books whose numbers lie apart are read by a join; what comes out is the same."""
    monkeypatch.setattr(fetching, "DENSE", dense)
    book, other = make.book(), make.book()
    for one in (book, other, book):
        installation = make.meter(make.supply_point(one), kinds=("normal", "peak", "offpeak"))
        for kind in ("normal", "peak", "offpeak"):
            make.reading(installation, OCT, 5, kind=kind)
            make.reading(installation, NOV, 15, kind=kind)
    moved_in = make.meter(make.supply_point(book), start=date(2026, 10, 20))
    make.reading(moved_in, date(2026, 10, 20), 1)
    make.reading(moved_in, NOV, 4)
    make.supply_point(book)
    used, issues = usage(book)
    assert sorted(row["kwh"] for row in used) == [3, 30, 30]
    assert [issue["code"] for issue in issues] == ["no-meter"]
