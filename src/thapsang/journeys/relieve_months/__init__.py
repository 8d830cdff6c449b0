"""Relief for months already billed: simulate, grant as a batch, take back, and say why.

`simulate` shows what programmes would give; `ask`, `approve` and `run` grant them in adjusting bills, book by book;
`ask_reversal` and `approve_reversal` take a batch back; `explain` tells rule by rule why one point got what it did.
Runbook: docs/operations/relief.md.
"""

from thapsang.journeys.relieve_months.asking import Explained, explain, explain_bill
from thapsang.journeys.relieve_months.simulating import Variant, simulate, variant_of
from thapsang.journeys.relieve_months.starting import (
    BatchFailedError,
    BatchInterruptedError,
    approve,
    ask,
    ask_reversal,
    compute,
    refuse,
    run,
)

__all__ = [
    "BatchFailedError",
    "BatchInterruptedError",
    "Explained",
    "Variant",
    "approve",
    "ask",
    "ask_reversal",
    "compute",
    "explain",
    "explain_bill",
    "refuse",
    "run",
    "simulate",
    "variant_of",
]
