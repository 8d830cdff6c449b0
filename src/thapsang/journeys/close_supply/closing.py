"""Ending an agreement on a day, and its final bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import psycopg
import pyarrow as pa
from django.db import connection
from django.utils import timezone

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing import operations as months
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.bulk.computing import Computed
from thapsang.domain.billing.bulk.finals import compute_final, final_of, insert_final
from thapsang.domain.billing.bulk.relieving import InForce, grant_table, in_force, relieve
from thapsang.domain.billing.bulk.tables import BILL, ENTRIES, LINE
from thapsang.domain.billing.types import PERIOD_FACTOR, FinalBillError, bill_code, bill_id, month_after, yymm
from thapsang.domain.customers import operations as customers
from thapsang.domain.customers import queries as register
from thapsang.domain.customers.types import SupplyPointView
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.metering import operations as metering
from thapsang.domain.metering.types import BookPeriod, book_period
from thapsang.domain.network import queries as network
from thapsang.domain.payments import bulk as payments
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.reliefs.operations import keep_version, standing_batch
from thapsang.domain.tariffs import operations as versions
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import TariffBook
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


@dataclass(frozen=True)
class Closed:
    """An agreement that ended; `bill_id` None when its last day is the last of a month, whose regular bill is the last.

    `total` in đồng; `repeated` when it was closed and billed before.
    """

    agreement_number: str
    ended_on: date
    bill_id: int | None
    total: int
    repeated: bool

    @property
    def bill_code(self) -> str:
        """The final bill's code, empty without one."""
        return bill_code(self.bill_id) if self.bill_id else ""


@dataclass(frozen=True)
class _Leaving:
    point: SupplyPointView
    book_id: int
    period: date
    dates: BookPeriod


def close(
    *,
    point_code: str,
    on: date,
    readings: Mapping[str, int],
    reason: str,
    document: str,
    actor: Person | str,
    at: datetime | None = None,
    take_down: bool = False,
) -> Closed:
    """End a point's agreement on a day (the first without it) and issue its final bill, due the same day.

    `readings`: the dial's values of 00:00 of that day by register kind; `take_down`: the meter goes too. Stopped half
    way, the same call goes on; called again it gives back what it did. Raises FinalBillError (no agreement, a day to
    come, the month is billed, readings give no bill), TermsError, MeterWorkError, CorrectionRefusedError.
    """
    at = at or timezone.now()
    leaving = _leaving(point_code, on, reason, at)
    with transaction():
        repeated = _end(leaving, on, readings, reason, document, actor, at, take_down=take_down)
    if leaving.dates.start == leaving.dates.end:
        return Closed(leaving.point.agreement_number, on, None, 0, repeated)
    with bulk_connection() as read, transaction():
        return _bill(read, leaving, on, reason, document, actor, at)


def _leaving(point_code: str, on: date, reason: str, at: datetime) -> _Leaving:
    if not reason.strip():
        raise FinalBillError("reason: it is empty. Say why the agreement ends.")
    if on > timezone.localtime(at).date():
        raise FinalBillError(
            f"{on} is to come: close the agreement on the day itself, with that day's reading."
        )
    point = register.find_supply_point(code=point_code, on=on - timedelta(days=1))
    if point is None:
        raise FinalBillError(
            f"Supply point {point_code} has no agreement on the day before {on}: check code and day."
        )
    [book] = network.books(codes=[point.book])
    period = on.replace(day=1)
    if on >= book_period(period, book.reading_day).end:
        period = month_after(period)
    dates = book_period(period, book.reading_day)
    if on > dates.start:
        _demand_unbilled_month(point_code, point.id, period)
    start = max(dates.start, point.agreement_start)
    return _Leaving(point, book.id, period, BookPeriod(start, max(on, start)))


def _demand_unbilled_month(point_code: str, point_id: int, period: date) -> None:
    number = bill_id(period, point_id)
    if bills.bills(bill_ids=[number]):
        raise FinalBillError(
            f"{period:%Y-%m} of {point_code} is billed already, with {bill_code(number)}: the day must be in a month "
            "that is not. Correct the billed month first (`thapsang bills correct`)."
        )


def _end(
    leaving: _Leaving, on: date, readings: Mapping[str, int], reason: str, document: str, actor: Person | str,
    at: datetime, *, take_down: bool,
) -> bool:  # fmt: skip
    """Keep the readings, end the agreement; return whether it had ended on that day already."""
    point = leaving.point
    ended = register.agreement_end(agreement_id=point.agreement_id)
    if not take_down:
        metering.read_between(
            supply_point_id=point.id, on=on, values=readings, reason=reason, actor=actor, at=at
        )
    if ended == on:
        return True
    if take_down:
        metering.remove_meter(supply_point_id=point.id, on=on, closing=readings)
    customers.close_agreement(agreement_id=point.agreement_id, end=on)
    audit.record(
        actor=actor, action="customers.agreement-closed", subject=f"agreement:{point.agreement_number}",
        before={"end": ended}, after={"end": on, "document": document, "taken_down": take_down}, reason=reason, at=at,
    )  # fmt: skip
    return False


def _bill(
    read: Connection,
    leaving: _Leaving,
    on: date,
    reason: str,
    document: str,
    actor: Person | str,
    at: datetime,
) -> Closed:
    """Issue the final bill in the open transaction, unless there is one."""
    write, point = cast("psycopg.Connection[Any]", connection.connection), leaving.point
    before = final_of(write, agreement_id=point.agreement_id)
    if before is not None:
        [there] = bills.bills(bill_ids=[before])
        return Closed(point.agreement_number, on, before, there.total, repeated=True)
    book = tariffs.current_book()
    version = versions.keep_version(book, at)
    months.open_period(period=leaving.period)
    run_id = months.open_month(
        period=leaving.period, policy_version_id=version, book_id=leaving.book_id, at=at
    )
    _demand_unbilled_month(
        point.code, point.id, leaving.period
    )  # again: the month's run was kept off by the lock just taken
    law = in_force(book, period=leaving.period, invoice_date=timezone.localtime(at).date())
    relief = keep_version(book=law.book, at=at) if law else None
    rated = _rated(read, leaving, book, law)
    bill = pl.DataFrame(rated.rated.bills).join(rated.owners, on="point")
    bill = bill.with_columns(estimated=pl.col("point").is_in(rated.estimated.implode()))
    funds = _borne(rated, law)
    number = _write(write, leaving, bill, pl.DataFrame(rated.rated.lines), funds, run_id=run_id, at=at)
    if law and relief and rated.given is not None:
        _grant(write, leaving, rated.given, law, relief, number, at)
    insert_final(
        write, bill_id=number, agreement_id=point.agreement_id, ended_on=on, version=version,
        relief_version=relief, reason=reason.strip(), document=document.strip(), at=at,
    )  # fmt: skip
    total = int(bill["total"][0])
    audit.record(
        actor=actor, action="billing.final-bill-issued", subject=f"bill:{bill_code(number)}", before=None,
        after={"agreement": point.agreement_number, "ended_on": on, "total": total, "document": document},
        reason=reason, at=at,
    )  # fmt: skip
    return Closed(point.agreement_number, on, number, total, repeated=False)


def _rated(read: Connection, leaving: _Leaving, book: TariffBook, law: InForce | None) -> Computed:
    """Return the final bill as rated and relieved. Raises FinalBillError when the point cannot be billed."""
    point = leaving.point
    computed: Computed = compute_final(
        read,
        book=book,
        point=point.id,
        book_id=leaving.book_id,
        agreement_id=point.agreement_id,
        dates=leaving.dates,
    )
    if computed.exceptions.height or not computed.rated.bills.num_rows:
        rows = computed.exceptions.select("code", "detail").rows() or [("no-usage", "{}")]
        policy = bills.current_policy().remedy(rows[0][0])
        raise FinalBillError(
            f"{point.code}: the agreement is closed, its final bill cannot be computed: {rows[0][0]} {rows[0][1]}. "
            f"{policy.remedy['en']} Then close it again with the same day."
        )
    return relieve(read, computed, law) if law else computed


def _borne(computed: Computed, law: InForce | None) -> dict[str, int]:
    """Return what accounts other than revenue bear of the bill's reliefs, by their number in the chart (đồng)."""
    if law is None or computed.given is None:
        return {}
    charts = {p.code: p.funding.account for p in law.book.programmes if p.funding.account}
    borne: dict[str, int] = {}
    for code, amount in computed.given.select(pl.col("programme").cast(pl.String), "amount").iter_rows():
        if code in charts and amount:
            borne[charts[code]] = borne.get(charts[code], 0) + amount
    return borne


def _grant(
    write: psycopg.Connection[Any],
    leaving: _Leaving,
    given: pl.DataFrame,
    law: InForce,
    version: int,
    number: int,
    at: datetime,
) -> None:
    """Keep what the final bill took off itself, in its transaction."""
    batch = standing_batch(
        version_id=version, month=leaving.period, programmes=law.programmes, name=f"Hóa đơn {leaving.period:%m/%Y}",
        at=at,
    )  # fmt: skip
    rows = grant_table(given, batch_id=batch, period=leaving.period, sequence=number % 10)
    reliefs.insert_grants(write, grants=rows)


def _write(
    write: psycopg.Connection[Any], leaving: _Leaving, bill: pl.DataFrame, lines: pl.DataFrame, funds: dict[str, int],
    *, run_id: int, at: datetime,
) -> int:  # fmt: skip
    """Write bill, lines and ledger entries under the next free sequence; return the bill's number."""
    period, day = leaving.period, timezone.localtime(at).date()
    free = billing.next_sequences(write, period=period, points=bill["point"])
    number = yymm(period) * PERIOD_FACTOR + leaving.point.id * 10 + int(free["sequence"][0])
    whole = bill.with_columns(
        id=pl.lit(number, pl.Int64), run_id=pl.lit(run_id, pl.Int64), supply_point_id="point",
        issued_on=pl.lit(day), due_on=pl.lit(day), category=pl.col("category").cast(pl.String),
    )  # fmt: skip
    texts = lines.with_columns(pl.col("kind", "band").cast(pl.String), bill_id=pl.lit(number, pl.Int64))
    billing.insert_bills(write, period=period, bills=whole.select(BILL.names).to_arrow().cast(BILL))
    billing.insert_lines(write, period=period, lines=texts.select(LINE.names).to_arrow().cast(LINE))
    if whole["total"][0] or funds:
        _post(write, whole, f"final:{bill_code(number)}", day, at, funds)
    return number


def _post(
    write: psycopg.Connection[Any],
    bill: pl.DataFrame,
    reference: str,
    day: date,
    at: datetime,
    funds: dict[str, int],
) -> None:
    policy = bills.current_policy()
    [journal] = ledger.open_journals(write, kind="final", references=[reference], business_date=day, at=at)
    revenue, vat = (ledger.chart_account(write, chart=chart) for chart in (policy.revenue, policy.vat))
    shaped = bill.with_columns(journal_id=pl.lit(journal, pl.Int64))
    ledger.post_columns(write, billing.adjustment_entries(shaped, revenue=revenue, vat=vat))
    if funds:
        moved = [(ledger.chart_account(write, chart=chart), amount) for chart, amount in funds.items()]
        moved.append((revenue, -sum(funds.values())))
        rows = [{"journal_id": journal, "account_id": account, "amount": amount} for account, amount in moved]
        ledger.post_columns(write, pa.Table.from_pylist(rows, ENTRIES))
    notes = shaped.select("journal_id", bill_id="id", of_bill_id="id")  # above zero: only locks the account
    payments.take_credit_notes(
        write, notes=notes.select(payments.NOTES.names).to_arrow().cast(payments.NOTES), day=day, at=at
    )
    payments.use_credit(write, customers=pa.array(bill["customer_id"], pa.int64()))
