"""The past of the demonstration: earlier months are paid, last month mostly is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.payments import bulk as payments
from thapsang.kit.bulk.copy import bulk_connection

PAID_OF_LAST_MONTH = 55
"""Percent of last month's bills that are paid when the demonstration opens."""


def settle(*, months: list[date], progress: Callable[[int], None] | None = None) -> int:
    """Pay the bills of `months` (ascending), the last of them in part; return how many were paid.

    One transaction a month; a second call adds nothing to months that are paid.
    """
    paid = 0
    for number, month in enumerate(months, start=1):
        with bulk_connection() as link:
            bank = ledger.chart_account(link, chart="112")
            percent = PAID_OF_LAST_MONTH if month == months[-1] else 100
            at = _day_of_payment(month)
            paid += payments.collect_month(link, period=month, percent=percent, bank_account=bank, at=at)
            link.commit()
        if progress:
            progress(number)
    return paid


def _day_of_payment(month: date) -> datetime:
    """The eighth of the following month, nine in the morning."""
    following = (month + timedelta(days=32)).replace(day=8)
    return datetime.combine(following, time(9), timezone.get_default_timezone())
