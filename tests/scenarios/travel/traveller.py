"""Who travels: the world, the proof, and what can happen, by its name in the stories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from tests.scenarios.travel.proof import Proof
from tests.scenarios.travel.story import Step
from tests.scenarios.travel.world import World
from thapsang.journeys import issue_invoices

DRAFTER, REVIEWER, ASKER, APPROVER, CLERK = "lan", "minh", "hoa", "tuan", "thu"


@dataclass
class Traveller:
    """Lives a story through; what differs is in `proof`."""

    world: World = field(default_factory=World)
    proof: Proof = field(default_factory=Proof)
    slips: int = 0

    def issue(self, where: str, period: date, at: datetime) -> None:
        """Issue the invoices a month still lacks, and look at them."""
        issue_invoices.start(period=period, workers=1, at=at)
        self.proof.invoices(where, period)


Happening = Callable[[Traveller, Step], None]
HAPPENINGS: dict[str, Happening] = {}


def happens(name: str) -> Callable[[Happening], Happening]:
    """Let a function do what stories call by this name."""

    def keep(function: Happening) -> Happening:
        HAPPENINGS[name] = function
        return function

    return keep
