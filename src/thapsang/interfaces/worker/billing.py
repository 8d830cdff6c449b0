"""Billing's tasks: a bill run and a dry run, asked for on a page and done by the worker."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from django.core.cache import caches
from procrastinate.contrib.django import app

from thapsang.interfaces.shared.jobs import DRY_RUN, KEPT_SECONDS, RUN, dry_run_key
from thapsang.journeys import run_billing


@app.task(name=RUN, queue="billing")
def bill_month(period: str) -> None:
    """Bill a month (its first day, ISO) until every point has its bill or its exception."""
    run_billing.start(period=date.fromisoformat(period))


@app.task(name=DRY_RUN, queue="billing")
def preview_month(period: str) -> None:
    """Compute a month without writing it, and keep the outcome for the page that asked."""
    outcome = run_billing.dry_run(period=date.fromisoformat(period))
    sums = outcome.sums()
    kept = {
        "categories": [asdict(row) for row in outcome.categories],
        "reliefs": [asdict(row) for row in outcome.reliefs],
        "sums": asdict(sums),
        "exceptions": outcome.exceptions,
        "before_from": outcome.before_from,
    }
    caches["shared"].set(dry_run_key(period), kept, KEPT_SECONDS)
