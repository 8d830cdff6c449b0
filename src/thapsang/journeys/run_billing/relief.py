"""Reliefs inside the run: which programmes count for a month, and what its bills give by them (docs/adr/0026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import psycopg
from django.utils import timezone

from thapsang.domain.billing.bulk.computing import Computed
from thapsang.domain.billing.bulk.relieving import (
    InForce,
    funded,
    funded_entries,
    grant_table,
    in_force,
    kept,
)
from thapsang.domain.billing.types import OpenedRun
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.ledger import operations as accounts
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.reliefs import operations
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief import reliefs_from_content


@dataclass(frozen=True)
class Granting:
    """How a run grants, as it travels to its workers: book version, standing batch, and accounts that bear some."""

    version_id: int
    batch_id: int
    invoice_date: date
    funding: dict[str, int]
    content: dict[str, Any]
    """The book's files: a helper asks the database by its own connections only."""

    def law(self, prices: TariffBook, period: date) -> InForce:
        """Return the kept book over the month's bills."""
        return InForce(reliefs_from_content(self.content, prices), prices, period, self.invoice_date)


def keep_in_force(prices: TariffBook, *, period: date, at: datetime) -> int | None:
    """Keep the programmes in force when any counts for the month; return their version, else None."""
    law = in_force(prices, period=period, invoice_date=timezone.localtime(at).date())
    return operations.keep_version(book=law.book, at=at) if law else None


def granting(run: OpenedRun, prices: TariffBook, *, period: date, at: datetime) -> Granting | None:
    """Return how a run grants by the version it keeps; None when it keeps none."""
    day = timezone.localtime(run.started_at).date()
    law = kept(run.relief_version_id, prices, period=period, invoice_date=day)
    if law is None or run.relief_version_id is None:
        return None
    charts = {p.code: p.funding.account for p in law.book.programmes if p.funding.account}
    funding = {
        code: accounts.open_account(chart=number, code=number) for code, number in sorted(charts.items())
    }
    batch = operations.standing_batch(
        version_id=run.relief_version_id, month=period, programmes=law.programmes, name=f"Hóa đơn {period:%m/%Y}", at=at
    )  # fmt: skip
    return Granting(run.relief_version_id, batch, day, funding, law.book.content)


def borne_by_others(computed: Computed, how: Granting | None) -> pl.DataFrame | None:
    """Return what accounts other than revenue bear of the bills' reliefs, by book; None when nobody does."""
    if how is None or computed.given is None or not how.funding:
        return None
    found = funded(computed.given, computed.points, how.funding)
    return found if found.height else None


def grant(
    write: psycopg.Connection[Any],
    computed: Computed,
    how: Granting | None,
    *,
    period: date,
    borne: pl.DataFrame | None,
    journals: Mapping[int, int],
    revenue: int,
) -> None:
    """Keep what bills gave, in their transaction; move what other accounts bear from revenue to them."""
    if how is None or computed.given is None:
        return
    reliefs.insert_grants(write, grants=grant_table(computed.given, batch_id=how.batch_id, period=period))
    entries = None if borne is None else funded_entries(borne, journals, revenue=revenue)
    if entries is not None:
        ledger.post_columns(write, entries)
