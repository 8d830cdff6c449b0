"""Relief's tasks: a simulation, a batch computed, a batch carried out; asked for on a page, done by the worker."""

from __future__ import annotations

from datetime import date

from django.core.cache import caches
from procrastinate.contrib.django import app

from thapsang.domain.reliefs.types import ReliefError
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.shared.relief_jobs import COMPUTE, KEPT_SECONDS, RUN, SIMULATE, simulation_key
from thapsang.journeys import relieve_months


@app.task(name=SIMULATE, queue="billing")
def simulate_reliefs(key: str, variants: list[list[str]], names: list[str], months: list[str]) -> None:
    """Simulate variants (programmes as #number) over billed months and keep the outcome for the page that asked."""
    try:
        asked = [
            relieve_months.variant_of(name=name, codes=codes)
            for name, codes in zip(names, variants, strict=True)
        ]
        found = relieve_months.simulate(variants=asked, months=[date.fromisoformat(m) for m in months])
        kept: dict[str, object] = {"variants": found, "problem": ""}
    except (ReliefError, PolicyError, ValueError) as error:
        kept = {"variants": [], "problem": str(error)}
    caches["shared"].set(simulation_key(key), {**kept, "months": months}, KEPT_SECONDS)


@app.task(name=COMPUTE, queue="billing")
def compute_batch(batch: int) -> None:
    """Compute what a batch would come to, for the one who approves it."""
    relieve_months.compute(batch_id=batch)


@app.task(name=RUN, queue="billing")
def run_batch(batch: int) -> None:
    """Carry out an approved batch, or its reversal, from where it stopped."""
    relieve_months.run(batch_id=batch)
