"""What came in by day and channel, for those who watch the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from thapsang.kit.db.statements import rows

# `provider` leads the only index with the date; PostgreSQL 18 skips along its few values.
_BY_DAY = """
    SELECT business_date, channel, count(*), sum(amount)::bigint FROM payments_payment
    WHERE business_date >= %(since)s AND business_date < %(until)s GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class DayTotal:
    """Payments of one day through one channel; `amount` in đồng."""

    day: date
    channel: str
    count: int
    amount: int


def day_totals(*, since: date, until: date) -> list[DayTotal]:
    """Return payments by day and channel on [since, until); days without any are left out."""
    return [DayTotal(*row) for row in rows(_BY_DAY, {"since": since, "until": until})]
