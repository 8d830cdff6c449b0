"""Tasks of e-invoices: a month issued for a page that asked, messages to the tax authority every minute."""

from __future__ import annotations

import logging
from datetime import date

from django.utils import timezone
from procrastinate.contrib.django import app

from thapsang.interfaces.shared.jobs import ISSUE
from thapsang.journeys import hand_over_invoices, issue_invoices

logger = logging.getLogger(__name__)


@app.task(name=ISSUE, queue="billing")
def issue_month(period: str) -> None:
    """Issue the e-invoices of a month's bills (its first day, ISO)."""
    issue_invoices.start(period=date.fromisoformat(period))


@app.task(name="thapsang.hand_over_invoices", queue="authority")
def hand_over() -> None:
    """Hand signed invoices over to the tax authority and fetch answers that are due."""
    done = hand_over_invoices.hand_over(at=timezone.now())
    if done.stopped or done.overdue:
        logger.warning(
            "%s messages stopped, %s invoices unanswered: see the invoice desk", done.stopped, done.overdue
        )
