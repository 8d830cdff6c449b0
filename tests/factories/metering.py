"""Small real rows for tests of metering: books, points, meters, readings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from django.apps import apps
from django.db import connection

_numbers = itertools.count(1)


def model(label: str) -> Any:
    """Return a model by `app.Name`."""
    return apps.get_model(label)


def ensure_months(first: date, last: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT metering_ensure_months(%s, %s)", [first, last])


def book(*, reading_day: int = 1) -> Any:
    number = next(_numbers)
    team, _ = model("network.AreaTeam").objects.get_or_create(code="PA13VH", defaults={"name": "Đội Vinh"})
    return model("network.ReadingBook").objects.create(
        code=f"TB{number:06}", area_team=team, reading_day=reading_day
    )


def supply_point(
    book: Any, *, since: date = date(2020, 1, 1), status: str = "active", agreement: bool = True
) -> Any:
    number = next(_numbers)
    team = book.area_team
    commune, _ = model("network.Commune").objects.get_or_create(
        code="16690", defaults={"name": "Trường Vinh", "kind": "phuong", "area_team": team}
    )
    code = f"PA13VH9{number:06}"
    account = model("ledger.Account").objects.create(chart="131", code=f"131:{code}")
    customer = model("customers.Customer").objects.create(
        code=code,
        kind="person",
        name="Nguyễn Văn A",
        account=account,
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    premises = model("customers.Premises").objects.create(address=f"Số {number}", commune=commune)
    point = model("customers.SupplyPoint").objects.create(
        code=f"{code}001", premises=premises, book=book, status=status
    )
    if agreement:
        made = model("customers.SupplyAgreement").objects.create(
            number=f"HD{number:08}", customer=customer, supply_point=point, start=since
        )
        model("customers.AgreementTerm").objects.create(agreement=made, start=since, category="residential")
    return point


def meter(
    point: Any,
    *,
    kinds: Iterable[str] = ("total",),
    start: date = date(2020, 1, 1),
    end: date | None = None,
    multiplier: int = 1,
    digits: int = 6,
    serial: str | None = None,
) -> Any:
    """Hang a new meter on a point; return its installation (registers: `registers(installation)[kind]`)."""
    kinds = tuple(kinds)
    made = model("metering.Meter").objects.create(
        serial=serial or f"2026{next(_numbers):08}", kind="three-rate" if "peak" in kinds else "single"
    )
    installation = model("metering.Installation").objects.create(
        meter=made, supply_point=point, start=start, end=end, multiplier=multiplier
    )
    for kind in kinds:
        model("metering.Register").objects.create(installation=installation, kind=kind, digits=digits)
    return installation


def registers(installation: Any) -> dict[str, Any]:
    return {register.kind: register for register in installation.registers.all()}


def reading(installation: Any, on: date, value: int, *, kind: str = "total", **more: Any) -> Any:
    """Insert one reading of an installation's register, its partition included."""
    ensure_months(on, on)
    register = registers(installation)[kind]
    return model("metering.Reading").objects.create(register=register, read_on=on, value=value, **more)
