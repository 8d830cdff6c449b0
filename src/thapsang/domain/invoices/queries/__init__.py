"""Reading invoices: one, a month, what was rejected, a day's reconciliation, the policy. Nothing here writes."""

from thapsang.domain.invoices.queries.batches import batches, obstacles, packs, progress
from thapsang.domain.invoices.queries.days import day_sheet, outcomes_of_day
from thapsang.domain.invoices.queries.invoices import (
    events,
    invoice,
    invoice_by_look_up_code,
    invoice_named,
    invoices_of_bills,
    message_invoices,
    newer,
    rejected,
)
from thapsang.domain.invoices.queries.messages import message_counts, stuck_messages
from thapsang.domain.invoices.queries.policy import current_policy, load_policy

__all__ = [
    "batches",
    "current_policy",
    "day_sheet",
    "events",
    "invoice",
    "invoice_by_look_up_code",
    "invoice_named",
    "invoices_of_bills",
    "load_policy",
    "message_counts",
    "message_invoices",
    "newer",
    "obstacles",
    "outcomes_of_day",
    "packs",
    "progress",
    "rejected",
    "stuck_messages",
]
