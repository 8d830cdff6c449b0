"""A month's invoices issued, and its mails queued: one path for the worker and the command line."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone

from thapsang.journeys import deliver_bills, issue_invoices
from thapsang.journeys.issue_invoices import Outcome


def issue_and_mail(*, period: date, **how: Any) -> tuple[Outcome, int]:
    """Issue the invoices of a month's bills, then queue the mails of those who want them; return how many are new.

    `how` goes to `issue_invoices.start` (workers, progress), whose errors are raised.
    """
    outcome = issue_invoices.start(period=period, **how)
    return outcome, deliver_bills.queue_month(period=period, at=timezone.now())
