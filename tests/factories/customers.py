"""A small province for tests: one team, commune, book; customers with a point and an agreement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from thapsang.domain.customers import operations as customers
from thapsang.domain.network import operations as network
from thapsang.kit.db.transactions import transaction

AT = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


@dataclass(frozen=True)
class Place:
    """Where the test customers live."""

    team_id: int
    commune_id: int
    book_id: int


@dataclass(frozen=True)
class Supplied:
    """A customer with one supply point under an agreement."""

    customer_id: int
    customer_code: str
    account_id: int
    supply_point_id: int
    supply_point_code: str
    agreement_id: int
    book_id: int


def _account(code: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_account (chart, code) VALUES ('131', %s) "
            "ON CONFLICT (code) DO UPDATE SET chart = '131' RETURNING id",
            [f"131:{code}"],
        )
        return int(cursor.fetchone()[0])


def make_place(*, unit: str = "PA13VH", book: str = "VH0001", reading_day: int = 1) -> Place:
    """Make an area team, a commune and a reading book."""
    with transaction():
        team = network.create_area_team(code=unit, name="Đội Quản lý Điện lực khu vực Vinh")
        commune = network.create_commune(
            code=f"9{unit[-2:]}01", name="Phường Trường Vinh", kind="phuong", area_team_id=team
        )
        book_id = network.create_book(code=book, area_team_id=team, reading_day=reading_day)
        return Place(team, commune, book_id)


def make_supplied(
    place: Place,
    *,
    serial: int = 1,
    name: str = "Nguyễn Văn An",
    kind: str = "person",
    phone: str = "",
    address: str = "Số 12 đường Nguyễn Du",
    start: date = date(2020, 1, 1),
    category: str = "residential",
    household_quarters: int = 4,
    voltage: str = "lt6",
    time_of_use: bool = False,
    reactive_charged: bool = False,
    book_id: int | None = None,
    unit: str = "PA13VH",
) -> Supplied:
    """Make a customer with an account, a premises, a supply point and an agreement from `start`."""
    code = f"{unit}{serial:07d}"
    with transaction():
        account = _account(code)
        customer = customers.create_customer(code=code, kind=kind, name=name, account_id=account, at=AT)
        if phone:
            customers.add_contact_point(customer_id=customer, kind="phone", value=phone, primary=True)
        premises = customers.create_premises(address=address, commune_id=place.commune_id)
        book = book_id or place.book_id
        point = customers.create_supply_point(customer_code=code, premises_id=premises, book_id=book)
        agreement = customers.open_agreement(
            number=f"HD-{code}", customer_id=customer, supply_point_id=point, start=start, category=category,
            household_quarters=household_quarters, voltage=voltage, time_of_use=time_of_use,
            reactive_charged=reactive_charged,
        )  # fmt: skip
    return Supplied(customer, code, account, point, f"{code}001", agreement, book)
