"""What can happen in a story, each by the product's own journey or operation; and what must hold afterwards."""

from __future__ import annotations

from tests.scenarios.travel.happenings import agreements, corrections, meters, money, reliefs
from tests.scenarios.travel.happenings.months import end_of_month, read
from tests.scenarios.travel.story import Month, Reading, Step
from tests.scenarios.travel.traveller import HAPPENINGS, Traveller

__all__ = ["agreements", "corrections", "live", "meters", "money", "reliefs"]


def live(life: Traveller, one: Step | Reading | Month) -> None:
    """Do what happens at one moment, and prove the money afterwards."""
    if isinstance(one, Reading):
        read(life, one)
        return
    if isinstance(one, Month):
        end_of_month(life, one)
        where = f"end of {one.period:%Y-%m}"
    else:
        where = one.where
        HAPPENINGS[one.name](life, one)
        for who, amount in one.then.get("owes", {}).items():
            life.proof.same(where, f"{who} owes, as worked out", amount, life.world.owed[who])
    life.proof.money(where, life.world)
