"""`thapsang invoices issue|status|send|reconcile|rejected|replace|pack|lookup`: a month's invoices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from thapsang.domain.billing.types import BillingError, bill_code, month_of
from thapsang.domain.invoices import queries
from thapsang.domain.invoices.types import (
    AuthorityRefusedError,
    AuthorityUnreachableError,
    BatchProgress,
    InvoicesError,
    InvoiceView,
    UnknownInvoiceError,
    shown_look_up_code,
)
from thapsang.engines.einvoice import EInvoiceError
from thapsang.interfaces.cli import delivering
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, WRONG, AsJson, plain, print_json
from thapsang.interfaces.shared.issuing_months import issue_and_mail
from thapsang.journeys import hand_over_invoices, issue_invoices, show_invoice
from thapsang.kit.files import operations as files

out = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True)
PERIOD = typer.Option(..., "--period", metavar="YYYY-MM", help="The month billed, for example 2026-10.")
ANY_PERIOD = typer.Option("", "--period", metavar="YYYY-MM", help="Only this month.")


def attach(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for command in (issue, status, send, reconcile, rejected, replace, pack, lookup):
        app.command()(command)
    delivering.attach(app)


def issue(
    period: str = PERIOD,
    workers: int = typer.Option(2, min=1, max=64, help="Processes that share the reading books."),
    as_json: AsJson = False,
) -> None:
    """Issue a month: every bill with an amount gets the next number, a signed file and a look-up code.

    Then the mails of customers who agreed to bills by e-mail are queued, for the worker to send.

    Stopped at any moment, even by kill -9, the same command goes on where it stopped, without a hole in the
    numbers; run again after obstacles were mended, it issues what had none. Two starts share the work.
    """
    with database(), _refusals(), _bar(quiet=as_json) as tell:
        outcome, mails = issue_and_mail(period=month_of(period), workers=workers, progress=tell)
    if as_json:
        facts = {
            "new_invoices": outcome.new_invoices, "nothing_to_do": outcome.nothing_to_do, "new_mails": mails,
        }  # fmt: skip
        return print_json(plain(outcome.progress) | facts)
    now = outcome.progress
    out.print(
        f"{now.period:%Y-%m}: {outcome.new_invoices:,} new invoices, {now.invoices:,} in all, {now.total:,} đồng; "
        f"{mails:,} mails queued"
    )
    if now.obstacles:
        out.print(
            f"{now.obstacles:,} bills cannot have one: see `thapsang invoices rejected`.",
            style="yellow",
        )
    return None


def status(period: str = ANY_PERIOD, as_json: AsJson = False) -> None:
    """Show how far the months are: numbered, signed, sent, accepted, rejected, unanswered; and the messages."""
    with database(), _refusals():
        months = [month_of(period)] if period else queries.batches()
        rows = [found for month in months if (found := queries.progress(period=month))]
        counts = queries.message_counts()
        stuck = queries.stuck_messages()
    if as_json:
        return print_json(
            {"months": [plain(row) for row in rows], "messages": counts, "stuck": [asdict(m) for m in stuck]}
        )
    names = ("numbered", "signed", "sent", "accepted", "rejected", "unanswered")
    table = Table("month", "status", "books", "invoices", "obstacles", *names)
    for row in rows:
        numbers = [f"{row.statuses.get(name, 0):,}" for name in names]
        table.add_row(
            f"{row.period:%Y-%m}", row.status, f"{row.books_done}/{row.books}", f"{row.invoices:,}/{row.bills:,}",
            f"{row.obstacles:,}", *numbers,
        )  # fmt: skip
    out.print(table)
    out.print("messages: " + (", ".join(f"{n:,} {name}" for name, n in sorted(counts.items())) or "none"))
    for message in stuck:
        out.print(f"{message.code} {message.status}: {message.problem}", style="yellow", markup=False)
    return None


def send(period: str = ANY_PERIOD, as_json: AsJson = False) -> None:
    """Hand signed invoices over to the tax authority and fetch answers that are due.

    The worker does the same every minute. Nothing sent twice counts twice.
    """
    with database(), _refusals():
        month = month_of(period) if period else None
        done = hand_over_invoices.hand_over(at=timezone.now(), period=month)
    if as_json:
        return print_json(asdict(done))
    return out.print(", ".join(f"{count:,} {name}" for name, count in asdict(done).items()))


def reconcile(
    day: datetime = typer.Argument(formats=["%Y-%m-%d"], help="The day, for example 2026-11-23."),
    offline: bool = typer.Option(False, "--offline", help="Do not ask the tax authority for its own list."),
    as_json: AsJson = False,
) -> None:
    """Reconcile a day: sent = accepted + rejected + unanswered + waiting, here and there; exit 1 when not."""
    with database(), _refusals():
        sheet = hand_over_invoices.reconcile(day=day.date(), ask=not offline)
    if as_json:
        print_json(asdict(sheet) | {"agrees": sheet.agrees})
    else:
        out.print(
            f"{sheet.day}: {sheet.sent:,} sent = {sheet.accepted:,} accepted + {len(sheet.rejected):,} rejected + "
            f"{len(sheet.unanswered):,} unanswered + {len(sheet.waiting):,} waiting"
        )
        for name, why in sheet.rejected:
            out.print(f"rejected {name}: {why}", markup=False)
        for name in sheet.unanswered:
            out.print(f"unanswered {name}")
        for name, ours, theirs in sheet.differences:
            out.print(f"differs {name}: {ours} here, {theirs} there", style="red", markup=False)
        out.print("agrees" if sheet.agrees else "does not agree")
    if not sheet.agrees:
        raise typer.Exit(WRONG)


def rejected(period: str = ANY_PERIOD, as_json: AsJson = False) -> None:
    """List invoices the authority rejected and nothing replaced yet, and bills that cannot have one; with reasons."""
    with database(), _refusals():
        month = month_of(period) if period else None
        views, hindered = queries.rejected(period=month), queries.obstacles(period=month)
    if as_json:
        return print_json(
            {
                "rejected": [_invoice_json(view) for view in views],
                "obstacles": [asdict(found) for found in hindered],
            }
        )
    for view in views:
        out.print(f"{view.name} {bill_code(view.bill_id)}: {view.rejection}", markup=False)
        out.print(
            f"  Mend the cause, then: thapsang invoices replace {view.name} --reason …",
            style="dim",
            markup=False,
        )
    for found in hindered:
        out.print(f"{bill_code(found.bill_id)} {found.element}: {found.problem} {found.remedy}", markup=False)
    if not views and not hindered:
        out.print("Nothing is rejected, nothing hindered.")
    return None


def replace(
    name: str = typer.Argument(help="The rejected invoice: 1C26TNA-75757."),
    reason: str = typer.Option(..., help="Why; it stands on the new invoice."),
    as_json: AsJson = False,
) -> None:
    """Number another invoice in the place of a rejected one; the month's next `issue` signs it."""
    with database(), _refusals():
        made = issue_invoices.replace(
            invoice_id=_named(name).id, reason=reason, actor="command-line", at=timezone.now()
        )
        view = queries.invoice(invoice_id=made)
    if as_json:
        return print_json(_invoice_json(view) if view else {})
    return out.print(
        f"{name} is replaced by {view.name if view else made}; run `thapsang invoices issue` again."
    )


def pack(
    period: str = PERIOD,
    into: Path = typer.Option(Path(), help="Folder to copy the packs into."),
    book: str = typer.Option("", help="Only this reading book's."),
    listed: bool = typer.Option(False, "--list", help="Only list them."),
    as_json: AsJson = False,
) -> None:
    """Copy a month's packs (one zip of signed invoices a reading book) out of the store."""
    with database(), _refusals():
        found = [p for p in queries.packs(period=month_of(period)) if not book or p.book == book]
        for one in found if not listed else []:
            target = into / one.name.replace("/", "_")
            with files.open_file(sha256=one.sha256) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    if as_json:
        return print_json([asdict(one) for one in found])
    for one in found:
        out.print(f"{one.name}: {one.invoices:,} invoices, {one.size:,} bytes", markup=False)
    return None


def lookup(
    code: str = typer.Argument(
        help="Look-up code 7K2M-9QXT-4VBD, or form, series and number: 1C26TNA-75757."
    ),
    xml: Path | None = typer.Option(None, help="Write the invoice's XML file here."),
    as_json: AsJson = False,
) -> None:
    """Show one invoice with its steps."""
    with database(), _refusals():
        view = _named(code)
        steps, later = queries.events(invoice_id=view.id), queries.newer(invoice_id=view.id)
        if xml:
            xml.write_bytes(show_invoice.invoice_file(view=view))
    if as_json:
        facts = {"events": [asdict(step) for step in steps], "later": [_invoice_json(one) for one in later]}
        return print_json(_invoice_json(view) | facts)
    out.print(
        f"{view.name} of {bill_code(view.bill_id)}, {view.issued_on}: {view.total:,} đồng, {view.status}"
    )
    out.print(f"look-up code {shown_look_up_code(view.look_up_code)}")
    for step in steps:
        out.print(
            f"{step.step}. {step.kind} {step.at:%Y-%m-%d %H:%M:%S} {step.detail}".rstrip(), markup=False
        )
    for one in later:
        out.print(f"{'replaced' if one.relation == 1 else 'adjusted'} by {one.name}")
    return None


def _named(text: str) -> InvoiceView:
    found = (
        queries.invoice_named(name=text)
        if text.strip()[:1].isdigit() and text.strip()[1:2].upper() in {"C", "K"} and "-" in text[7:9]
        else queries.invoice_by_look_up_code(code=text)
    )
    if found is None:
        raise UnknownInvoiceError(f"There is no invoice {text}: look at the code again.")
    return found


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (InvoicesError, BillingError, EInvoiceError, files.FileGoneError, OSError) as error:
        _refuse(error, REFUSED)
    except (
        issue_invoices.IssueFailedError, issue_invoices.IssueInterruptedError,
        AuthorityRefusedError, AuthorityUnreachableError,
    ) as error:  # fmt: skip
        _refuse(error, WRONG)


def _refuse(error: Exception, code: int) -> NoReturn:
    errors.print(str(error), style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Any]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,} invoices"),
        TimeElapsedColumn(), console=errors, disable=quiet,
    ) as bar:  # fmt: skip
        task = bar.add_task("signing", total=0)

        def tell(now: BatchProgress) -> None:
            bar.update(task, total=max(now.bills, now.invoices), completed=now.invoices)

        yield tell


def _invoice_json(view: InvoiceView) -> dict[str, Any]:
    shown = plain(view)
    del shown["sha256"]
    return shown | {"name": view.name, "bill": bill_code(view.bill_id), "sha256": (view.sha256 or b"").hex()}
