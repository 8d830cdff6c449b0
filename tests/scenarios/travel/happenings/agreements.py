"""Customers, points, agreements and their terms; leaving and moving in."""

from __future__ import annotations

from tests.scenarios.travel import working
from tests.scenarios.travel.story import Step
from tests.scenarios.travel.traveller import CLERK, Traveller, happens
from tests.scenarios.travel.world import quarters
from thapsang.domain.customers import operations as customers
from thapsang.journeys import close_supply
from thapsang.kit.db.transactions import transaction


@happens("place")
def place(life: Traveller, step: Step) -> None:
    life.world.place(**step.values)


@happens("customer")
def customer(life: Traveller, step: Step) -> None:
    life.world.customer(at=step.at, **step.values)


@happens("point")
def point(life: Traveller, step: Step) -> None:
    life.world.connect(at=step.at, **step.values)


@happens("terms corrected")
def terms_corrected(life: Traveller, step: Step) -> None:
    values = quarters(step.values)
    point = life.world.points[values.pop("point")]
    with transaction():
        customers.correct_terms(
            agreement_id=point.agreement, start=values.pop("from"), actor=CLERK, at=step.at, **values
        )


@happens("terms changed")
def terms_changed(life: Traveller, step: Step) -> None:
    values = quarters(step.values)
    point = life.world.points[values.pop("point")]
    with transaction():
        customers.change_terms(agreement_id=point.agreement, start=step.at.date(), **values)


@happens("supply closed")
def supply_closed(life: Traveller, step: Step) -> None:
    point, day = life.world.points[step.values["point"]], step.at.date()
    closed = close_supply.close(
        point_code=point.code, on=day, readings=step.values["dial"], reason=step.values["reason"],
        document=step.values["document"], actor=CLERK, at=step.at, take_down=step.values.get("take_down", False),
    )  # fmt: skip
    if "bill" not in step.then:
        life.proof.same(step.where, "no final bill", None, closed.bill_id)
        return
    wanted = working.figures(step.then["bill"], step.where)
    life.proof.bill(step.where, closed.bill_id or 0, wanted)
    life.world.owed[point.who] += wanted.total
    life.proof.explains(step.where, [closed.bill_id or 0])


@happens("moves in")
def moved_in(life: Traveller, step: Step) -> None:
    values = dict(step.values)
    point, who = life.world.points[values.pop("point")], values.pop("who")
    point.agreement = close_supply.move_in(
        point_code=point.code, customer_code=life.world.people[who].code, on=step.at.date(), actor=CLERK,
        at=step.at, **quarters(values),
    )  # fmt: skip
    point.who = who


@happens("looked at")
def looked_at(life: Traveller, step: Step) -> None:
    """Nothing happens: the story states what holds."""
