"""The bill run: readings and terms in, bills, ledger entries and exceptions out, book by book.

`start` bills a month (again and again, if need be: a point has one bill), `dry_run` shows what it would do,
`check` proves what it did, `explain` derives one bill anew. Runbook: docs/operations/bill-run.md.
"""

from thapsang.journeys.run_billing.checking import CheckReport, Violation, check
from thapsang.journeys.run_billing.explaining import Explanation, explain
from thapsang.journeys.run_billing.preview import CategoryPreview, DryRun, ReliefPreview, dry_run
from thapsang.journeys.run_billing.running import (
    BillRunFailedError,
    BillRunInterruptedError,
    Outcome,
    resume,
    start,
)

__all__ = [
    "BillRunFailedError",
    "BillRunInterruptedError",
    "CategoryPreview",
    "CheckReport",
    "DryRun",
    "Explanation",
    "Outcome",
    "ReliefPreview",
    "Violation",
    "check",
    "dry_run",
    "explain",
    "resume",
    "start",
]
