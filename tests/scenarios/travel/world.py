"""The province a story happens in: who and what it knows by which name, and what each owes by the story's figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from thapsang.domain.customers import operations as customers
from thapsang.domain.ledger import operations as ledger
from thapsang.domain.metering import operations as metering
from thapsang.domain.network import operations as network
from thapsang.kit.db.transactions import transaction


@dataclass(frozen=True)
class Person:
    """A customer of the story."""

    id: int
    code: str
    account: int


@dataclass
class Point:
    """A supply point of the story, who holds it now, and the meter on its wall."""

    id: int
    code: str
    who: str
    agreement: int
    serial: str


@dataclass
class World:
    """Everything a story has named so far. `owed` is added up from the files, never read from the product."""

    books: dict[str, int] = field(default_factory=dict)
    communes: dict[str, int] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    touched: set[date] = field(default_factory=set)
    """Months with later bills: corrected, relieved."""
    refunds: dict[str, int] = field(default_factory=dict)
    in_bill: dict[tuple[str, date], int] = field(default_factory=dict)
    """What programmes took off in a point's bill of a month, as it stands, VAT included."""
    relieved: int = 0
    _team: int = 0

    def place(
        self, *, team: str, communes: list[dict[str, str]], books: list[dict[str, Any]], **_: Any
    ) -> None:
        """Make an area team with its communes and reading books."""
        with transaction():
            self._team = network.create_area_team(code=team, name="Đội Quản lý Điện lực khu vực Vinh")
            for one in communes:
                self.communes[one["name"]] = network.create_commune(**one, area_team_id=self._team)
            for book in books:
                self.books[book["code"]] = network.create_book(area_team_id=self._team, **book)
            ledger.open_account(chart="112", code="112")

    def customer(
        self, *, at: datetime, who: str, code: str, name: str, kind: str = "person", **more: Any
    ) -> None:
        """Register a customer with a receivable account."""
        with transaction():
            account = ledger.open_account(chart="131", code=f"131:{code}")
            number = customers.create_customer(
                code=code, kind=kind, name=name, account_id=account, at=at, **more
            )
        self.people[who], self.owed[who] = Person(number, code, account), 0

    def connect(
        self, *, at: datetime, point: str, who: str, address: str, commune: str, book: str, category: str,
        meter: dict[str, Any], **terms: Any,
    ) -> None:  # fmt: skip
        """Make a supply point with its agreement and its meter, from the step's day on."""
        person = self.people[who]
        with transaction():
            premises = customers.create_premises(address=address, commune_id=self.communes[commune])
            number = customers.create_supply_point(
                customer_code=person.code, premises_id=premises, book_id=self.books[book]
            )
            count = sum(one.code.startswith(person.code) for one in self.points.values()) + 1
            agreement = customers.open_agreement(
                number=f"HD-{point}-1", customer_id=person.id, supply_point_id=number, start=at.date(),
                category=category, **quarters(terms),
            )  # fmt: skip
            metering.install_meter(supply_point_id=number, meter=metering.NewMeter(**meter), on=at.date())
        self.points[point] = Point(number, f"{person.code}{count:03d}", who, agreement, meter["serial"])


def quarters(terms: dict[str, Any]) -> dict[str, Any]:
    """Write households as the agreement keeps them: in quarters."""
    kept = {name: value for name, value in terms.items() if name != "households"}
    if "households" in terms:
        kept["household_quarters"] = int(terms["households"] * 4)
    return kept
