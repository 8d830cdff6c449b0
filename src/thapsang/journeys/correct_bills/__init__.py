"""Corrections: billed months derived again, set against what is billed, and set right by later bills.

`preview` keeps a draft of what would change, `issue` makes it so, month by month and book by book, and goes on
where it stopped. Runbook: docs/operations/corrections.md; decision: docs/adr/0023-corrections.md.
"""

from thapsang.journeys.correct_bills.issuing import CorrectionInterruptedError, Issued, issue, withdraw
from thapsang.journeys.correct_bills.previewing import Preview, preview

__all__ = ["CorrectionInterruptedError", "Issued", "Preview", "issue", "preview", "withdraw"]
