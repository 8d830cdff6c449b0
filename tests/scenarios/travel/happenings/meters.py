"""Work on the meter, readings between months, readings put right."""

from __future__ import annotations

from tests.scenarios.travel.proof import rows
from tests.scenarios.travel.story import Step
from tests.scenarios.travel.traveller import CLERK, Traveller, happens
from thapsang.domain.metering import operations as metering
from thapsang.kit.db.transactions import transaction


@happens("meter replaced")
def meter_replaced(life: Traveller, step: Step) -> None:
    point, meter = life.world.points[step.values["point"]], step.values["meter"]
    with transaction():
        metering.replace_meter(
            supply_point_id=point.id, on=step.at.date(), closing=step.values["closing"],
            meter=metering.NewMeter(**meter),
        )  # fmt: skip
    point.serial = meter["serial"]


@happens("read on the day")
def read_on_the_day(life: Traveller, step: Step) -> None:
    """A reading between two months, on the day a price changes."""
    point = life.world.points[step.values["point"]]
    with transaction():
        metering.read_between(
            supply_point_id=point.id, on=step.at.date(), values=step.values["dial"],
            reason=step.values["reason"], actor=CLERK, at=step.at,
        )  # fmt: skip


@happens("reading corrected")
def reading_corrected(life: Traveller, step: Step) -> None:
    point = life.world.points[step.values["point"]]
    ((register,),) = rows(
        "SELECT r.id FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id JOIN "
        "metering_meter m ON m.id = i.meter_id WHERE m.serial = %s AND r.kind = %s AND i.supply_point_id = %s",
        point.serial, step.values.get("register", "total"), point.id,
    )  # fmt: skip
    with transaction():
        metering.correct_reading(
            register_id=register, read_on=step.values["read_on"], value=step.values["dial"],
            reason=step.values["reason"], actor=CLERK, at=step.at,
        )  # fmt: skip
