"""Issuing a month's e-invoices: gapless numbers, signed files, packs by book; replacing what was rejected.

Runbook: docs/operations/invoices.md. Why it is built so: docs/adr/0020.
"""

from thapsang.journeys.issue_invoices.running import (
    IssueFailedError,
    IssueInterruptedError,
    NotBilledError,
    Outcome,
    demand_key,
    replace,
    start,
)

__all__ = [
    "IssueFailedError",
    "IssueInterruptedError",
    "NotBilledError",
    "Outcome",
    "demand_key",
    "replace",
    "start",
]
