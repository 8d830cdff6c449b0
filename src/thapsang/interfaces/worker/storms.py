"""Storm mode's task: the released estimates of a month, asked for on a storm's page."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from procrastinate.contrib.django import app

from thapsang.domain.metering import operations as metering
from thapsang.domain.metering.operations import Released
from thapsang.interfaces.shared import storm_jobs as jobs


@app.task(name=jobs.ESTIMATE, queue="billing")
def estimate_storm(storm: int, period: str) -> None:
    """Estimate the released points of a month (its first day, ISO) in a storm's books, telling its page how far."""

    def tell(now: Released) -> None:
        told = {"period": period, "books": now.books, "done": now.done, "percent": now.percent,
                "points": now.points, "left": now.left}  # fmt: skip
        jobs.keep(storm=storm, outcome=told)

    tell(
        metering.estimate_released(
            storm_id=storm, period=date.fromisoformat(period), today=timezone.localdate(), progress=tell
        )
    )
