"""`thapsang bills correct …`: derive billed months again, see the difference, issue what sets them right."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import (
    BillingError,
    CorrectionRow,
    CorrectionView,
    FinalBillError,
    bill_code,
    month_of,
)
from thapsang.domain.customers import operations as register
from thapsang.domain.customers import queries as customers
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, WRONG, AsJson, Limit, plain, print_json
from thapsang.journeys import correct_bills
from thapsang.kit.db.transactions import transaction

app = typer.Typer(help="Corrections: preview, show, issue, withdraw.", no_args_is_help=True)
out, errors = Console(), Console(stderr=True)
Actor = Annotated[
    str, typer.Option(help="Who does it, as signed in; kept in the audit log. Default: cli:<login>.")
]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log and named beside the bills.")]
Number = Annotated[int, typer.Argument(help="Number of the correction.")]
SHOWN = 50


@app.command()
def preview(
    reason: Reason,
    document: Annotated[str, typer.Option(help="The paper it rests on.")],
    since: Annotated[str, typer.Option("--from", metavar="YYYY-MM", help="First month.")],
    until: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM", help="Last month; default: the first.")
    ] = "",
    point: Annotated[list[str] | None, typer.Option(help="Code of a supply point; again for more.")] = None,
    book: Annotated[
        list[str] | None, typer.Option(help="Code of a reading book, whole; again for more.")
    ] = None,
    tariff: Annotated[str, typer.Option(help="kept: of each month's run; current: today's.")] = "kept",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Derive billed months again and keep what differs as a draft; nothing is issued."""
    with database(), _refusals():
        if bool(point) == bool(book):
            raise BillingError(
                "Name supply points (--point) or whole reading books (--book), one of the two."
            )
        found = correct_bills.preview(
            first=month_of(since), last=month_of(until or since), reason=reason, document=document, tariff=tariff,
            point_codes=point, book_codes=book, actor=who(actor), at=timezone.now(),
        )  # fmt: skip
        rows = queries.correction_rows(correction_id=found.correction.id, limit=SHOWN)
    _show(found.correction, rows, as_json=as_json)


@app.command()
def show(number: Number, limit: Limit = SHOWN, as_json: AsJson = False) -> None:
    """Show a correction: month by month as billed, as derived, and what was paid; with `--json` line by line."""
    with database(), _refusals():
        found = queries.correction(correction_id=number)
        rows = queries.correction_rows(correction_id=number, limit=limit)
    _show(found, rows, as_json=as_json)


@app.command("list")
def listed(
    status: Annotated[str, typer.Option(help="draft, issuing, issued or withdrawn.")] = "",
    limit: Limit = SHOWN,
    as_json: AsJson = False,
) -> None:
    """List corrections, the newest first."""
    with database():
        found = queries.corrections(status=status, limit=limit)
    if as_json:
        print_json([plain(one) for one in found])
        return
    table = Table(
        "no.", "status", "how", "customers", "bills", "total, đồng", "asked by", "issued by", "reason"
    )
    for one in found:
        numbers = (f"{one.customers:,}", f"{one.bills:,}", f"{one.total:,}")
        table.add_row(
            str(one.id), one.status, one.how, *numbers, one.asked_name, one.approved_name, one.reason
        )
    out.print(table)


@app.command()
def issue(
    number: Number,
    how: Annotated[
        str, typer.Option(help="adjust: bills with the difference; replace: cancel and bill anew.")
    ],
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Issue a correction. Stopped at any moment, the same command goes on; issued once, it stays so."""
    with database(), _refusals():
        done = correct_bills.issue(correction_id=number, how=how, actor=who(actor))
    if as_json:
        print_json(
            plain(done.correction) | {"new_bills": done.new_bills, "nothing_to_do": done.nothing_to_do}
        )
    elif done.nothing_to_do:
        out.print(
            f"Correction {number} was issued on {done.correction.issued_at:%Y-%m-%d}; nothing was written."
        )
    else:
        out.print(f"Correction {number}: {done.new_bills:,} bills, {done.correction.total:,} đồng in all.")


@app.command()
def withdraw(number: Number, reason: Reason, actor: Actor = "", as_json: AsJson = False) -> None:
    """Drop a draft, or what is left of a correction under way; what is issued stays."""
    with database(), _refusals():
        dropped = correct_bills.withdraw(
            correction_id=number, reason=reason, actor=who(actor), at=timezone.now()
        )
    if as_json:
        print_json({"id": number, "dropped": dropped})
    else:
        out.print(f"Correction {number}: {dropped:,} months are dropped.")


@app.command()
def terms(
    point: Annotated[str, typer.Argument(help="Code of the supply point.")],
    reason: Reason,
    document: Annotated[str, typer.Option(help="The paper it rests on.")],
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day they hold.")],
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="First day they no longer hold.")
    ] = None,
    household_quarters: Annotated[int | None, typer.Option(min=1, help="Households × 4.")] = None,
    category: Annotated[str, typer.Option(help="Tariff category.")] = "",
    voltage: Annotated[str, typer.Option(help="Voltage band.")] = "",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Say what a point's terms were from a past day on; then preview the months it touches."""
    changes = {"household_quarters": household_quarters, "category": category, "voltage": voltage}
    with database(), _refusals():
        agreement = _agreement(point, since.date())
        with transaction():
            changed = register.correct_terms(
                agreement_id=agreement, start=since.date(), until=until.date() if until else None, reason=reason,
                document=document, actor=who(actor), at=timezone.now(),
                **{name: value for name, value in changes.items() if value},
            )  # fmt: skip
    if as_json:
        print_json({"point": point, "changed": changed})
    else:
        out.print(
            f"{point}: {changed} stretch(es) of terms corrected; what they were is kept. Now preview the months."
        )


def _agreement(code: str, on: date) -> int:
    found = customers.find_supply_point(code=code, on=on)
    if found is None:
        raise BillingError(f"No supply point {code} has an agreement on {on}: check code and day.")
    return found.agreement_id


def who(actor: str) -> str:
    """Return who acts: the name given, or the login of the shell."""
    return actor or f"cli:{getpass.getuser()}"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (BillingError, FinalBillError, PolicyError, register.TermsError) as error:
        code = REFUSED
        told = error
    except correct_bills.CorrectionInterruptedError as error:
        code, told = WRONG, error  # type: ignore[assignment]
    else:
        return
    errors.print(str(told), style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def _show(found: CorrectionView, rows: list[CorrectionRow], *, as_json: bool) -> None:
    if as_json:
        print_json(plain(found) | {"rows": [_row(row) for row in rows]})
        return
    eyes = "; another person must issue it" if found.four_eyes and found.status == "draft" else ""
    out.print(
        f"Correction {found.id} ({found.status}{eyes}): {found.bills:,} months of {found.customers:,} customers "
        f"differ, {found.same:,} do not; {found.kwh:+,} kWh, net {found.net:+,}, VAT {found.vat:+,}, "
        f"total {found.total:+,} đồng",
        highlight=False,
    )
    table = Table("bill", "kWh", "→", "total", "→", "change", "paid", "credit", "owed", "by")
    for row in rows:
        if row.code:
            table.add_row(row.bill_code, row.code, json.dumps(dict(row.detail), ensure_ascii=False))
            continue
        money = (row.old_total, row.new_total, row.total, row.paid, row.credit, row.owed)
        made = bill_code(row.made_bill_id) if row.made_bill_id else row.only
        table.add_row(row.bill_code, f"{row.old_kwh:,}", f"{row.new_kwh:,}", *(f"{n:,}" for n in money), made)
    out.print(table)


def _row(row: CorrectionRow) -> dict[str, Any]:
    extra = {"bill": row.bill_code, "total": row.total, "credit": row.credit, "owed": row.owed}
    return plain(row) | extra | {"made_bill": bill_code(row.made_bill_id) if row.made_bill_id else None}
