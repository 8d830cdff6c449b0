"""Tasks of e-invoices: a month issued for a page that asked, messages to the tax authority every minute."""

from __future__ import annotations

import logging
from datetime import date

from django.utils import timezone
from procrastinate.contrib.django import app

from thapsang.interfaces.shared.issuing_months import issue_and_mail
from thapsang.interfaces.shared.jobs import ISSUE
from thapsang.journeys import deliver_bills, hand_over_invoices

logger = logging.getLogger(__name__)


@app.task(name=ISSUE, queue="billing")
def issue_month(period: str) -> None:
    """Issue the e-invoices of a month's bills (its first day, ISO), then queue the mails of those who want them."""
    issue_and_mail(period=date.fromisoformat(period))


@app.task(name="thapsang.hand_over_invoices", queue="authority")
def hand_over() -> None:
    """Hand signed invoices over to the tax authority and fetch answers that are due."""
    done = hand_over_invoices.hand_over(at=timezone.now())
    if done.stopped or done.overdue:
        logger.warning(
            "%s messages stopped, %s invoices unanswered: see the invoice desk", done.stopped, done.overdue
        )


@app.task(name="thapsang.mail_bills", queue="authority")
def mail_bills() -> None:
    """Send bills by e-mail that are due, as many as the policy allows."""
    done = deliver_bills.send_waiting()
    if lost := done["refused"] + done["failed"]:
        logger.warning("%s bills by e-mail did not arrive; `thapsang invoices mail` says why", lost)
