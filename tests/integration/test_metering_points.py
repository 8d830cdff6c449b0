"""Meters hung, replaced, corrected, estimated; what the pages ask."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection

from tests.factories import metering as make
from thapsang.domain.metering import bulk, operations, queries
from thapsang.domain.metering.operations import CorrectionRefusedError, MeterWorkError, NewMeter
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import TransactionRequiredError, transaction

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
JUL, AUG, SEP, OCT, NOV = (date(2026, month, 1) for month in (7, 8, 9, 10, 11))


def usage(book: Any, period: date = OCT) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with bulk_connection() as link:
        used, issues = bulk.period_usage(link, book_ids=[book.id], period=period)
    return used.to_pylist(), issues.to_pylist()


def test_a_meter_is_hung_and_replaced_inside_the_period() -> None:
    point = make.supply_point(book := make.book())
    with transaction():
        operations.install_meter(supply_point_id=point.id, meter=NewMeter("A1", {"total": 7}), on=SEP)
    [first] = queries.meters(supply_point_id=point.id)
    make.reading(make.model("metering.Installation").objects.get(), OCT, 100)
    day = date(2026, 10, 10)
    new = NewMeter("B2", {"normal": 0, "peak": 0, "offpeak": 0, "reactive": 0}, multiplier=40, digits=7)
    with transaction():
        operations.replace_meter(supply_point_id=point.id, on=day, closing={"total": 130}, meter=new)
    now, before = queries.meters(supply_point_id=point.id)
    assert (before.serial, before.end, before.installation_id) == ("A1", day, first.installation_id)
    assert (now.serial, now.start, now.multiplier, now.kind) == ("B2", day, 40, "three-rate")
    hung = make.model("metering.Installation").objects.get(end=None)
    for kind in ("normal", "peak", "offpeak", "reactive"):
        make.reading(hung, NOV, 2, kind=kind)
    [row], issues = usage(book)
    assert (row["kwh"], row["kvarh"], issues) == (30 + 3 * 80, 80, [])
    assert queries.points_by_meter(serial="A1") == [point.id] == queries.points_by_meter(serial=" B2 ")
    oldest = queries.readings(supply_point_id=point.id, limit=100)[-1]
    assert (oldest.meter, oldest.register, oldest.value) == ("A1", "total", 7)


@pytest.mark.parametrize(
    ("meter", "words"),
    [
        (NewMeter("X", {"peak": 0}), "make no meter"),
        (NewMeter("X", {"reactive": 0}), "make no meter"),
        (NewMeter("X", {"total": 10**6}), "does not fit"),
        (NewMeter("X", multiplier=0), "Multiplier 0"),
        (NewMeter("TAKEN"), "hangs on another point"),
    ],
)
def test_meters_that_cannot_be_hung(meter: NewMeter, words: str) -> None:
    make.meter(make.supply_point(book := make.book()), serial="TAKEN")
    point = make.supply_point(book)
    with pytest.raises(MeterWorkError, match=words), transaction():
        operations.install_meter(supply_point_id=point.id, meter=meter, on=OCT)
    assert queries.meters(supply_point_id=point.id) == []


def test_a_point_has_one_meter_at_a_time() -> None:
    point = make.supply_point(make.book())
    make.meter(point, serial="OLD")
    with pytest.raises(MeterWorkError, match="has meter OLD"), transaction():
        operations.install_meter(supply_point_id=point.id, meter=NewMeter("NEW"), on=OCT)


@pytest.mark.parametrize(
    ("closing", "words"),
    [({"total": 90}, "below 100"), ({}, "no more, no less"), ({"total": 10**6}, "does not fit")],
)
def test_closing_readings_that_cannot_be(closing: dict[str, int], words: str) -> None:
    point = make.supply_point(make.book())
    make.reading(make.meter(point), OCT, 100)
    with pytest.raises(MeterWorkError, match=words), transaction():
        operations.remove_meter(supply_point_id=point.id, on=date(2026, 10, 5), closing=closing)


def test_work_on_meters_needs_a_transaction() -> None:
    with pytest.raises(TransactionRequiredError):
        operations.install_meter(supply_point_id=1, meter=NewMeter("A"), on=OCT)


def test_the_database_itself_refuses_overlaps_strangers_and_deletion() -> None:
    point = make.supply_point(book := make.book())
    one = make.meter(point, end=OCT)
    other = make.meter(make.supply_point(book))
    make.reading(one, SEP, 5)
    register = make.registers(one)["total"]
    reading = make.model("metering.Reading")
    with pytest.raises(IntegrityError, match="two meters at one time"):
        make.meter(point, start=SEP)
    with pytest.raises(IntegrityError, match="hangs in two places"):
        make.model("metering.Installation").objects.create(
            meter=other.meter, supply_point=point, start=OCT, end=NOV, multiplier=1
        )
    with pytest.raises(IntegrityError, match="does not exist"):
        reading.objects.create(register_id=10**9, read_on=SEP, value=1)
    with pytest.raises(IntegrityError, match="Import 5 does not exist"):
        reading.objects.create(
            register=make.registers(other)["total"], read_on=SEP, value=1, import_file_id=5
        )
    with pytest.raises(IntegrityError, match="more than 6 digits"):
        reading.objects.create(register=make.registers(other)["total"], read_on=SEP, value=10**6)
    with connection.cursor() as cursor:
        for sql, words in (
            (f"DELETE FROM metering_register WHERE id = {register.id}", "never deleted"),
            ("DELETE FROM metering_reading", "never deleted"),
            ("UPDATE metering_reading SET value = 6", "with a reason"),
            ("DELETE FROM metering_reading_202609", "never deleted"),
            ("INSERT INTO metering_reading_202609 VALUES (999999999, '2026-09-02', 1)", "does not exist"),
        ):
            with pytest.raises(DatabaseError, match=words):
                cursor.execute(sql)


def test_a_correction_keeps_the_old_value_and_is_in_the_audit_log() -> None:
    installation = make.meter(point := make.supply_point(make.book()))
    register = make.registers(installation)["total"].id
    for day, value in ((SEP, 100), (OCT, 250), (NOV, 300)):
        make.reading(installation, day, value)
    with transaction():
        done = operations.correct_reading(
            register_id=register, read_on=OCT, value=200, reason="đọc nhầm", actor="kiểm tra viên", at=AT
        )
    assert (done.before, done.after) == (250, 200)
    assert [r.value for r in queries.readings(supply_point_id=point.id)] == [300, 200, 100]
    [old] = queries.superseded(supply_point_id=point.id)
    assert (old.value, old.quality, old.read_on) == (250, "A", OCT)
    entry = make.model("audit.AuditEntry").objects.get()
    assert (entry.action, entry.reason) == ("metering.reading-corrected", "đọc nhầm")


@pytest.mark.parametrize(
    ("value", "reason", "day", "words"),
    [
        (50, "x", OCT, "below 100"), (400, "x", OCT, "above 300"), (-1, "x", OCT, "does not fit"),
        (200, " ", OCT, "needs a reason"), (200, "x", date(2026, 10, 2), "no reading"),
    ],
)  # fmt: skip
def test_corrections_that_are_refused(value: int, reason: str, day: date, words: str) -> None:
    installation = make.meter(make.supply_point(make.book()))
    for on, dial in ((SEP, 100), (OCT, 250), (NOV, 300)):
        make.reading(installation, on, dial)
    register = make.registers(installation)["total"].id
    with pytest.raises(CorrectionRefusedError, match=words), transaction():
        operations.correct_reading(
            register_id=register, read_on=day, value=value, reason=reason, actor="x", at=AT
        )


def history(installation: Any, *values: int, kind: str = "total") -> None:
    for day, value in zip((JUL, AUG, SEP, OCT), values, strict=True):
        make.reading(installation, day, value, kind=kind)


def test_an_estimate_is_the_mean_daily_use_of_three_periods_times_the_days() -> None:
    installation = make.meter(make.supply_point(book := make.book()), multiplier=10)
    history(installation, 0, 100, 220, 300)  # 300 in 92 days
    make.ensure_months(NOV, NOV)
    dry = operations.estimate_missing(period=OCT, dry_run=True)
    assert (dry.registers, dry.kwh, dry.reference["document"]) == (1, 1010, "13/2025/TT-BCT")
    assert usage(book)[0] == []
    done = operations.estimate_missing(period=OCT, book_codes=[book.code])
    assert (done.registers, done.points, done.kwh, done.not_estimated) == (1, 1, 1010, [])
    [row], issues = usage(book)
    assert (row["kwh"], row["estimated"], issues) == (1010, True, [])  # 300 × 31 / 92 = 101.09
    assert operations.estimate_missing(period=OCT).registers == 0


def test_an_estimate_rolls_over_and_uses_what_history_there_is() -> None:
    book = make.book()
    rolling = make.meter(make.supply_point(book), digits=3)
    for day, value in ((SEP, 850), (OCT, 970)):
        make.reading(rolling, day, value)
    bare = make.meter(make.supply_point(book))
    make.reading(bare, OCT, 5)
    done = operations.estimate_missing(period=OCT)
    assert done.registers == 1
    assert [row.serial for row in done.not_estimated] == [bare.meter.serial]
    newest = make.model("metering.Reading").objects.get(
        register=make.registers(rolling)["total"], read_on=NOV
    )
    assert (newest.value, newest.quality) == ((970 + 124) % 1000, "E")


def test_vacant_closed_read_and_removed_points_are_not_estimated() -> None:
    book = make.book()
    history(make.meter(make.supply_point(book, agreement=False)), 0, 1, 2, 3)
    history(make.meter(make.supply_point(book, status="closed")), 0, 1, 2, 3)
    history(make.meter(make.supply_point(book), end=date(2026, 10, 9)), 0, 1, 2, 3)
    history(read := make.meter(make.supply_point(book)), 0, 1, 2, 3)
    make.reading(read, date(2026, 11, 2), 4)
    done = operations.estimate_missing(period=OCT)
    assert (done.registers, done.not_estimated) == (0, [])


def test_months_of_a_point_with_a_replacement_and_an_estimate() -> None:
    point = make.supply_point(make.book())
    old = make.meter(point, end=date(2026, 9, 10))
    new = make.meter(point, start=date(2026, 9, 10), multiplier=2)
    make.reading(old, AUG, 10)
    make.reading(old, date(2026, 8, 31), 50)  # a day early stands for 1/9
    make.reading(old, date(2026, 9, 10), 60)
    make.reading(new, date(2026, 9, 10), 0)
    make.reading(new, OCT, 20)
    make.reading(new, NOV, 45, quality="E")
    months = queries.monthly_usage(supply_point_id=point.id, months=25, until=NOV)
    assert [(m.month, m.kwh, m.estimated) for m in months] == [
        (AUG, 40, False), (SEP, 50, False), (OCT, 50, True),
    ]  # fmt: skip
    assert queries.monthly_usage(supply_point_id=point.id, months=1, until=NOV) == months[-1:]
    assert queries.monthly_usage(supply_point_id=point.id, months=25, until=OCT) == months[:-1]
    assert queries.monthly_usage(supply_point_id=0, until=NOV) == []


def test_months_agree_with_the_bills_consumption_for_bands() -> None:
    kinds = ("total", "normal", "peak", "offpeak", "reactive")
    installation = make.meter(point := make.supply_point(book := make.book()), kinds=kinds)
    for number, kind in enumerate(kinds):
        make.reading(installation, OCT, 0, kind=kind)
        make.reading(installation, NOV, 10**number, kind=kind)
    [row], _ = usage(book)
    [month] = queries.monthly_usage(supply_point_id=point.id, until=NOV)
    assert month.kwh == row["kwh"] == 1110


def test_rejections_come_back_as_a_file_that_can_be_mended(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path
    installation = make.meter(make.supply_point(book := make.book()))
    make.reading(installation, OCT, 500)
    serial = installation.meter.serial
    content = f"serial,register,read_on,value\n{serial},total,2026-11-01,=1+1\nx,total,2026-11-01,-3\na,b\n"
    done = operations.import_file(content.encode(), name="a.csv", at=AT)
    assert queries.rejection_counts(import_id=done.import_id) == {
        "malformed": 1, "not-a-number": 1, "negative": 1,
    }  # fmt: skip
    assert [r.row for r in queries.rejections(import_id=done.import_id, code="negative")] == [2]
    lines = "".join(queries.rejected_csv(import_id=done.import_id)).splitlines()
    assert lines[0] == "\ufeffserial;register;read_on;value;quality;purpose;row;code;reason;remedy;rejection"
    assert lines[1].startswith(f"{serial};total;2026-11-01;'=1+1;;;1;not-a-number;")
    assert [m.serial for m in queries.missing_readings(read_on=NOV, book=book.code)] == [serial]
    mended = "\n".join([lines[0], lines[1].replace("'=1+1", "555")])
    again = operations.import_file(mended.encode(), name="b.csv", at=AT)
    assert (again.problem, again.accepted, again.rejected) == ("", 1, 0)
    assert queries.missing_readings(read_on=NOV, book=book.code) == []
    newest, first = queries.imports()
    assert (newest.name, first.name, first.percent) == ("b.csv", "a.csv", 100)
    assert queries.reading_import(import_id=first.id) == first
    assert queries.imports(status="refused") == []
