"""Relief by resolution: rules as data over rated bills.

`load_reliefs` reads a distributor's programmes; `relieve` applies them to Arrow tables of any size, on top of
`engines.rating`; `why` tells rule by rule why one point got or did not get a relief; `run_scenarios` holds the
programmes to worked cases.
"""

from thapsang.engines.relief.batch import Relieved, relieve, relieve_blocks
from thapsang.engines.relief.billed import BILLED, BilledMonth, BilledRelief, Missed, Needs
from thapsang.engines.relief.book import Programme, ReliefBook, Rule
from thapsang.engines.relief.columns import ADJUSTMENTS, EVIDENCE, FACTS, RELIEF_LINES, Facts, facts_of
from thapsang.engines.relief.errors import ReliefInputError
from thapsang.engines.relief.explaining import Finding, RuleFinding, Why, why
from thapsang.engines.relief.loading import load_reliefs, reliefs_from_content
from thapsang.engines.relief.scenarios import Outcome, Scenario, load_scenarios, run_scenario

__all__ = [
    "ADJUSTMENTS",
    "BILLED",
    "EVIDENCE",
    "FACTS",
    "RELIEF_LINES",
    "BilledMonth",
    "BilledRelief",
    "Facts",
    "Finding",
    "Missed",
    "Needs",
    "Outcome",
    "Programme",
    "ReliefBook",
    "ReliefInputError",
    "Relieved",
    "Rule",
    "RuleFinding",
    "Scenario",
    "Why",
    "facts_of",
    "load_reliefs",
    "load_scenarios",
    "reliefs_from_content",
    "relieve",
    "relieve_blocks",
    "run_scenario",
    "why",
]
