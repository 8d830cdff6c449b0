"""Fill the functional tests' database: 300 customers, thirteen months billed, all but the last paid.

Run as `python -m tests.functional.province` with THAPSANG_DB_KEY set to a server that is running.
"""

from __future__ import annotations

import os
from datetime import date, timedelta


def fill() -> None:
    """Migrate, load, bill, pay."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from thapsang.journeys import load_demo, run_billing, settle_demo

    call_command("migrate", interactive=False, verbosity=0)
    load_demo.load(customers=300, seed=7, at=timezone.now(), progress=lambda *_: None)
    months = []
    month = timezone.localdate().replace(day=1)
    for _ in range(13):
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(date(month.year, month.month, 1))
    for period in reversed(months[:-1]):  # the oldest is left for the console to bill
        run_billing.start(period=period, workers=1)
    # The last month of a settlement is paid in part only: a month without bills stands there, so that
    # everybody has paid the past and owes last month.
    settle_demo.settle(months=[*months[:0:-1], date(2000, 1, 1)])


if __name__ == "__main__":
    fill()
