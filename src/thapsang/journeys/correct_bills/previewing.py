"""What a correction would come to: every month looked at again, kept as a draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.bulk.deriving import Looked, derive
from thapsang.domain.billing.bulk.finals import finals_of_points
from thapsang.domain.billing.operations import corrections as keeping
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import (
    PERIOD_FACTOR,
    BillingError,
    CorrectionView,
    PeriodError,
    month_after,
    yymm,
)
from thapsang.domain.payments import queries as payments
from thapsang.domain.tariffs import operations as versions
from thapsang.domain.tariffs import queries as tariffs
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import Link, bulk_connection
from thapsang.kit.db.transactions import transaction

MOST_MONTHS = 36
_LINE = (
    "kind", "tier", "band", "price", "start", "end", "old_kwh", "old_amount", "new_kwh", "new_amount",
)  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """A draft, and how many months of how many points were looked at for it."""

    correction: CorrectionView
    months: int
    points: int


def preview(
    *,
    first: date,
    last: date,
    reason: str,
    document: str,
    actor: Person | str,
    at: datetime,
    points: list[int] | None = None,
    point_codes: list[str] | None = None,
    book_codes: list[str] | None = None,
    tariff: str = "kept",
    progress: Callable[[int, int], None] | None = None,
) -> Preview:
    """Derive months (`first` to `last`, both first days) of supply points or whole books again; keep a draft.

    `tariff`: `kept`, the tariffs of each month's run, or `current`, today's. Nothing is issued. `progress` is told
    how many units of how many are done. Raises BillingError (nothing to correct, no reason, unknown points or
    books), PeriodError (a month never billed, or too many), PolicyError for the tariffs.
    """
    if tariff not in {"kept", "current"}:
        raise BillingError(f"tariff: {tariff!r}: choose `kept` or `current`.")
    months = _months(first, last)
    version = _current_version(at) if tariff == "current" else None
    with bulk_connection() as link:
        members = billing.points_with_books(
            link, points=points, point_codes=point_codes, book_codes=book_codes
        )
        _demand_known(members, points, point_codes, book_codes)
        units = _units(link, months, members)
        looked = []
        for number, (period, book_id, day, numbers, sequence) in enumerate(units, 1):
            looked.append(
                derive(link, period=period, book_id=book_id, reading_day=day, points=numbers, version=version,
                       sequence=sequence)
            )  # fmt: skip
            if progress:
                progress(number, len(units))
    number = _keep(looked, tariff, version, reason, document, actor, at)
    return Preview(queries.correction(correction_id=number), len(months), members.height)


def _months(first: date, last: date) -> list[date]:
    if first > last:
        raise PeriodError(f"From {first:%Y-%m} to {last:%Y-%m}: the first month comes after the last.")
    months = [first.replace(day=1)]
    while months[-1] < last.replace(day=1):
        months.append(month_after(months[-1]))
    if len(months) > MOST_MONTHS:
        raise PeriodError(
            f"{len(months)} months: correct at most {MOST_MONTHS} at once; make two corrections."
        )
    return months


_Unit = tuple[date, int, int, pl.Series, int]


def _units(link: Link, months: list[date], members: pl.DataFrame) -> list[_Unit]:
    """Return month, book, reading day, points and sequence of what is looked at: regular bills, then final ones.

    A month with final bills only, whose run has not begun, has no regular bills to look at.
    """
    found: list[_Unit] = []
    for period in months:
        begun = bills.run(period=period) is not None
        for (book_id, day), group in members.group_by("book_id", "reading_day", maintain_order=True):
            points = group["point"]
            finals = finals_of_points(link, period=period, points=points)
            if begun or finals.is_empty():
                found.append((period, int(book_id), int(day), points, 0))
            found += [
                (period, int(book_id), int(day), part["point"], int(sequence))
                for (sequence,), part in finals.sort("sequence", "point").group_by("sequence", maintain_order=True)
            ]  # fmt: skip
    return found


def _current_version(at: datetime) -> int:
    with transaction():
        return versions.keep_version(tariffs.current_book(), at)


def _demand_known(
    members: pl.DataFrame,
    points: list[int] | None,
    point_codes: list[str] | None,
    book_codes: list[str] | None,
) -> None:
    wanted: list[tuple[str, list[int] | list[str]]] = [
        ("point", points or []), ("point_code", point_codes or []), ("book", book_codes or [])
    ]  # fmt: skip
    unknown = [
        name for column, names in wanted for name in names if name not in set(members[column].to_list())
    ]
    if unknown or members.is_empty():
        raise BillingError(f"No such supply points or books: {unknown[:5]}. Check them, or name some.")


def _keep(
    looked: list[Looked], tariff: str, version: int | None, reason: str, document: str, actor: Person | str,
    at: datetime,
) -> int:  # fmt: skip
    rows = pl.concat([_rows(one) for one in looked])
    numbers = [
        number for one in looked for listed in one.compared.rows["bills"].to_list() for number in listed or []
    ]
    paid = payments.paid_of(bill_ids=numbers)
    sums = pl.Series(
        [sum(paid[number] for number in listed or []) for listed in rows["bills"].to_list()], dtype=pl.Int64
    )
    table = rows.with_columns(paid=sums).select(keeping.ROWS.names).to_arrow().cast(keeping.ROWS)
    digests = {
        one.key: one.compared.digest() for one in looked if not one.compared.rows.filter(code="").is_empty()
    }
    with transaction():
        return keeping.keep_draft(
            tariff=tariff, policy_version_id=version, reason=reason, document=document, rows=table,
            same=sum(one.compared.same for one in looked), digests=digests, actor=actor, at=at,
        )  # fmt: skip


def _rows(looked: Looked) -> pl.DataFrame:
    """Return a unit's rows as they are kept, beside `bills` (the numbers of those standing)."""
    base = yymm(looked.period) * PERIOD_FACTOR + looked.sequence
    texts = looked.compared.lines.with_columns(pl.col("start", "end").dt.to_string())
    told = texts.select("point", text=pl.struct(_LINE).struct.json_encode()).group_by(
        "point", maintain_order=True
    )
    lines = told.agg(lines="[" + pl.col("text").str.join(",") + "]")
    rows = looked.compared.rows.join(lines, on="point", how="left", maintain_order="left")
    return rows.with_columns(
        pl.col("of_bill").fill_null(base + pl.col("point") * 10).alias("of_bill_id"),
        pl.lit(looked.book_id, pl.Int64).alias("book_id"), pl.col("lines").fill_null("[]"),
    ).select(
        "of_bill_id", "book_id", "customer_id", "code", "only", "detail", "lines", "relief_total", "bills",
        *(f"{when}_{name}" for when in ("old", "new") for name in ("kwh", "net", "vat", "total")),
    )  # fmt: skip
