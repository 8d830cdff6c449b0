"""Readings on the day a price changes, and rejected rows that were mended."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.factories import metering as make
from thapsang.domain.billing.bulk.computing import TERMS, USAGE, _arrow
from thapsang.domain.customers import bulk as customers
from thapsang.domain.metering import bulk, operations, queries
from thapsang.domain.metering.operations import ImportOutcome
from thapsang.domain.tariffs.queries import current_book
from thapsang.engines.rating import rate
from thapsang.interfaces.cli import readings
from thapsang.kit.audit.models import AuditEntry
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
MAY, CHANGE, JUNE = date(2025, 5, 1), date(2025, 5, 10), date(2025, 6, 1)
"""Decision 1279/QĐ-BCT: new prices from 10/5/2025."""


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"


def load(*lines: str, header: str = "serial,register,read_on,value,purpose") -> ImportOutcome:
    return operations.import_file("\n".join([header, *lines, ""]).encode(), name="s.csv", at=AT)


@pytest.fixture
def shop() -> Any:
    """A business whose dial shows 1,000 on 1 May and 2,000 on 1 June 2025."""
    installation = make.meter(make.supply_point(make.book()))
    make.model("customers.AgreementTerm").objects.update(category="business")
    make.reading(installation, MAY, 1000)
    make.reading(installation, JUNE, 2000)
    return installation


def line(installation: Any, value: int, purpose: str = "price", day: date = CHANGE) -> str:
    return f"{installation.meter.serial},total,{day},{value},{purpose}"


def billed(installation: Any) -> list[tuple[date, date, int, int]]:
    """What May comes to: (from, to, kWh, price) a line."""
    books = [installation.supply_point.book_id]
    with bulk_connection() as link:
        used, issues = bulk.period_usage(link, book_ids=books, period=MAY)
        terms = customers.billing_terms(link, book_ids=books, start=MAY, end=JUNE)
    assert issues.num_rows == 0
    plain = pl.DataFrame(terms).with_columns(pl.col("category", "voltage").cast(pl.String))
    rated = rate(current_book(), _arrow(pl.DataFrame(used), USAGE), _arrow(plain, TERMS))
    assert rated.problems.num_rows == 0
    return [(r["start"], r["end"], r["kwh"], r["price"]) for r in rated.lines.to_pylist()]


def test_read_on_the_change_day_is_billed_by_difference(shop: Any) -> None:
    by_days = billed(shop)
    assert [row[2] for row in by_days] == [290, 710]  # 1000 × 9 / 31, rounded; tariffs B2
    outcome = load(line(shop, 1100))
    assert (outcome.status, outcome.accepted, outcome.rejected) == ("finished", 1, 0)
    by_reading = billed(shop)
    assert [row[:3] for row in by_reading] == [(MAY, CHANGE, 100), (CHANGE, JUNE, 900)]
    assert [row[3] for row in by_reading] == [row[3] for row in by_days] and by_reading[0][3] < by_reading[1][
        3
    ]


def test_without_the_purpose_a_reading_does_not_split(shop: Any) -> None:
    load(line(shop, 1100, purpose=""))
    assert [row[2] for row in billed(shop)] == [290, 710]
    again = load(line(shop, 1100, purpose="price"))
    assert (again.accepted, again.replaced, again.repeated) == (1, 1, 0)
    assert [row[2] for row in billed(shop)] == [100, 900]
    old = make.model("metering.SupersededReading").objects.get()
    assert (old.value, old.source) == (1100, "import")
    third = load(line(shop, 1100, purpose="price"), line(shop, 1100, purpose="PRICE"))
    assert (third.accepted, third.repeated, third.rejected) == (0, 2, 0)


def split(point: int, **more: Any) -> operations.Split:
    with transaction():
        return operations.split_period(
            supply_point_id=point, read_on=CHANGE, at=AT, **({"reason": "đổi giá", "actor": "test"} | more)
        )


def test_a_reading_that_is_there_is_made_an_interim_one_once_and_audited(shop: Any) -> None:
    make.reading(shop, CHANGE, 1100)
    done = split(shop.supply_point_id)
    assert (done.registers, done.changed) == (1, 1)
    assert [row[2] for row in billed(shop)] == [100, 900]
    assert split(shop.supply_point_id).changed == 0
    entry = AuditEntry.objects.get(action="metering.period-split")
    assert entry.reason == "đổi giá"


def test_every_register_must_have_been_read() -> None:
    three = make.meter(make.supply_point(make.book()), kinds=("normal", "peak", "offpeak"))
    make.reading(three, CHANGE, 5, kind="normal")
    with pytest.raises(operations.SplitRefusedError, match=r"offpeak.*purpose price"):
        split(three.supply_point_id)
    with pytest.raises(operations.SplitRefusedError, match="reason"):
        split(three.supply_point_id, reason=" ")
    bare = make.supply_point(make.book())
    with pytest.raises(operations.SplitRefusedError, match="No meter"):
        split(bare.pk)


def test_the_command_splits(shop: Any) -> None:
    make.reading(shop, CHANGE, 1100)
    words = [
        "split",
        "--serial",
        shop.meter.serial,
        "--on",
        f"{CHANGE}",
        "--reason",
        "r",
        "--actor",
        "a",
        "--json",
    ]
    done = CliRunner().invoke(readings.app, words)
    assert json.loads(done.stdout)["changed"] == 1, done.output


def open_rows() -> list[tuple[str, str]]:
    rows = make.model("metering.RejectedReading").objects.filter(resolved_at=None, action="reject")
    return [(row.raw["serial"], row.code) for row in rows.order_by("import_file_id", "row")]


def test_a_mended_row_settles_its_rejection_even_when_the_serial_was_wrong(shop: Any) -> None:
    serial = shop.meter.serial
    first = load(
        f"X{serial},total,2025-05-20,1500,", f"{serial},total,2025-05-21,9,", f"Y{serial},total,2025-05-22,1,"
    )
    assert [code for _, code in open_rows()] == ["unknown-meter", "backwards", "unknown-meter"]
    back = "".join(queries.rejected_csv(import_id=first.import_id)).splitlines()
    mended = [back[0].lstrip("\ufeff"), back[1].replace(f"X{serial}", serial, 1)]
    mended.append(
        back[2].replace(";9;", ";1600;", 1).rsplit(";", 1)[0] + ";"
    )  # number lost: found by its key
    outcome = operations.import_file("\n".join(mended).encode(), name="back.csv", at=AT)
    assert (outcome.problem, outcome.accepted, outcome.rejected) == ("", 2, 0)
    assert open_rows() == [(f"Y{serial}", "unknown-meter")]
    assert queries.rejection_counts(import_id=first.import_id) == {"unknown-meter": 1}


def test_a_row_that_comes_back_again_settles_nothing(shop: Any) -> None:
    serial = shop.meter.serial
    load(f"{serial},total,2025-05-21,9,")
    load(f"{serial},total,2025-05-21,8,")
    assert len(open_rows()) == 2
    load(f"{serial},total,2025-05-21,1600,")
    assert open_rows() == []
