"""`thapsang bills …`: bill a month, look at a bill, explain it, prove a month."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from thapsang.domain.billing import queries
from thapsang.domain.billing.types import (
    BillingError,
    LinkView,
    UnknownBillError,
    bill_code,
    bill_id_of,
    month_of,
)
from thapsang.domain.billing.types import Progress as RunProgress
from thapsang.domain.tariffs.queries import UnreadablePolicyVersionError
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli import closing, corrections
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, WRONG, AsJson, Limit, plain, print_json, steps_bar
from thapsang.journeys import run_billing

app = typer.Typer(help="Bills: run a month, show, explain and check.", no_args_is_help=True)
app.add_typer(corrections.app, name="correct")
app.command()(closing.close)
app.command("move-in")(closing.move_in)
out = Console()
errors = Console(stderr=True)

PERIOD = typer.Option(..., "--period", metavar="YYYY-MM", help="The month, for example 2026-10.")
ANY_PERIOD = typer.Option("", "--period", metavar="YYYY-MM", help="Only this month, for example 2026-10.")


@app.command()
def run(
    period: str = PERIOD,
    workers: int = typer.Option(2, min=1, max=64, help="Processes that share the reading books."),
    dry: bool = typer.Option(False, "--dry-run", help="Show the totals against last month; write nothing."),
    issued: datetime | None = typer.Option(None, help="Moment of issue, if not now.", formats=["%Y-%m-%d"]),
    as_json: AsJson = False,
) -> None:
    """Bill a month: every supply point gets its bill or an entry in the queue of exceptions.

    Stopped at any moment, even by kill -9, the same command goes on where it stopped; run again after
    exceptions were mended, it bills the points that had none. A second start at once shares the work.
    """
    at = issued.astimezone() if issued else None
    with database(), _refusals():
        month = month_of(period)
        if dry:
            with steps_bar("computing", quiet=as_json) as step:
                found = run_billing.dry_run(period=month, at=at, progress=step)
            _show_dry_run(found, as_json=as_json)
            return
        with _bar(quiet=as_json) as tell:
            outcome = run_billing.start(period=month, workers=workers, progress=tell, at=at)
        _show_outcome(outcome, as_json=as_json)


@app.command()
def status(period: str = ANY_PERIOD, as_json: AsJson = False) -> None:
    """Show how far a month's run is; without a month, list the runs."""
    with database(), _refusals():
        months = [month_of(period)] if period else [found.period for found in queries.runs()]
        rows = [found for month in months if (found := queries.run_progress(period=month))]
    if as_json:
        print_json([plain(row) | {"percent": row.percent} for row in rows])
        return
    table = Table("month", "status", "books", "points", "bills", "exceptions", "total, đồng")
    for row in rows:
        table.add_row(
            f"{row.period:%Y-%m}", row.status, f"{row.books_done}/{row.books}",
            f"{row.points_done:,}/{row.points:,}", f"{row.bills:,}", f"{row.exceptions:,}", f"{row.total:,}",
        )  # fmt: skip
    out.print(table)


@app.command()
def show(
    bill: str = typer.Argument(help="HD2610-000000123, or the number."), as_json: AsJson = False
) -> None:
    """Show one bill with its lines."""
    with database(), _refusals():
        number = bill_id_of(bill)
        detail = queries.bill(bill_id=number)
        if detail is None:
            raise UnknownBillError(
                f"There is no bill {bill_code(number)}: check the month and the supply point."
            )
    print_json(_bill_json(detail)) if as_json else _print_bill(detail)


@app.command()
def explain(
    bill: str = typer.Argument(help="HD2610-000000123, or the number."), as_json: AsJson = False
) -> None:
    """Derive a bill again from readings, terms and its tariffs; exit 1 when anything differs."""
    with database(), _refusals():
        found = run_billing.explain(bill_id=bill_id_of(bill))
    if as_json:
        references = {number: plain(reference) for number, reference in found.references.items()}
        print_json(
            _bill_json(found.detail) | {
                "references": references, "policy_sha256": found.policy_sha256,
                "policy_is_current": found.policy_is_current, "differences": list(found.differences),
                "follows": _link(found.link), "later": [_link(one) for one in found.later], "derived": found.derived,
            }
        )  # fmt: skip
    else:
        _print_bill(found.detail)
        for number, reference in found.references.items():
            out.print(f"[{number}] {reference.citation}", markup=False)
        out.print(
            f"tariffs {found.policy_sha256[:12]}{'' if found.policy_is_current else ' (no longer in force)'}"
        )
        for one in (found.link, *found.later):
            _print_link(one)
        for difference in found.differences or (_DERIVED[found.derived],):
            out.print(difference, markup=False)
    if found.differences:
        raise typer.Exit(WRONG)


_DERIVED = {
    "bill": "Derived again: nothing differs.",
    "month": "The month with its later bills, derived again: nothing differs.",
    "nothing": "It takes back or relieves another bill: there are no readings to derive it from.",
}


def _link(link: LinkView | None) -> dict[str, Any] | None:
    return {"bill": bill_code(link.bill_id), "of_bill": link.of_code, **plain(link)} if link else None


def _print_link(link: LinkView | None) -> None:
    """Say what a later bill follows, or by which it is followed, and why."""
    if link:
        why = "; ".join(text for text in (link.origin, link.reason, link.document) if text)
        out.print(
            f"{bill_code(link.bill_id)} {link.kind} {link.of_code}: {why}", markup=False, highlight=False
        )


@app.command()
def check(period: str = PERIOD, as_json: AsJson = False) -> None:
    """Prove a month: one bill a point, kWh as read, lines = net, ledger = bills; exit 1 when violated."""
    with database(), _refusals(), steps_bar("checking", quiet=as_json) as step:
        report = run_billing.check(period=month_of(period), progress=step)
    if as_json:
        print_json(plain(report) | {"sound": report.sound})
    else:
        out.print(
            f"{report.period:%Y-%m}: {report.bills:,} bills, {report.exceptions:,} exceptions, "
            f"{report.kwh:,} kWh, {report.total:,} đồng"
        )
        for wrong in report.violations:
            out.print(f"{wrong.code}: {wrong.subject}: {wrong.detail}", style="red", markup=False)
        out.print("sound" if report.sound else f"{len(report.violations)} violations")
    if not report.sound:
        raise typer.Exit(WRONG)


@app.command()
def exceptions(
    period: str = ANY_PERIOD,
    code: str = typer.Option("", help="Only this code, e.g. missing-reading."),
    every: bool = typer.Option(False, "--all", help="Resolved ones too."),
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the points that could not be billed, with what to do about each."""
    with database(), _refusals():
        rows = queries.open_exceptions(
            period=month_of(period) if period else None, code=code, status="" if every else "open",
            language="en", limit=limit,
        )  # fmt: skip
    if as_json:
        print_json([plain(row) for row in rows])
        return
    for row in rows:
        out.print(
            f"{row.period:%Y-%m} {row.supply_point_code} [bold]{row.code}[/] {row.area_team}", highlight=False
        )
        out.print(f"    {json.dumps(dict(row.detail), ensure_ascii=False)}", markup=False, highlight=False)
        out.print(f"    {row.remedy}", markup=False, highlight=False)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (BillingError, PolicyError, UnreadablePolicyVersionError) as error:
        _refuse(error, REFUSED)
    except (run_billing.BillRunFailedError, run_billing.BillRunInterruptedError) as error:
        _refuse(error, WRONG)


def _refuse(error: Exception, code: int) -> NoReturn:
    errors.print(str(error), style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Any]:
    columns = ("{task.description}", "{task.fields[bills]:,} bills", "{task.fields[exceptions]:,} exceptions")
    with Progress(
        TextColumn(columns[0]), BarColumn(), TextColumn(columns[1]), TextColumn(columns[2]),
        TimeElapsedColumn(), console=errors, disable=quiet,
    ) as bar:  # fmt: skip
        task = bar.add_task("billing", total=None, bills=0, exceptions=0)

        def tell(now: RunProgress) -> None:
            done = now.points if now.status == "finished" else now.points_done
            bar.update(task, total=now.points, completed=done, bills=now.bills, exceptions=now.exceptions)

        yield tell


def _show_outcome(outcome: run_billing.Outcome, *, as_json: bool) -> None:
    now = outcome.progress
    if as_json:
        print_json(plain(now) | {"new_bills": outcome.new_bills, "nothing_to_do": outcome.nothing_to_do})
        return
    if outcome.nothing_to_do:
        out.print(
            f"{now.period:%Y-%m} is billed already: {now.bills:,} bills, every other point has its "
            "exception. Nothing was written. To bill a point that waits, mend its exception and run "
            "this again."
        )
        return
    out.print(
        f"{now.period:%Y-%m}: {outcome.new_bills:,} new bills, {now.bills:,} in all, {now.kwh:,} kWh, "
        f"{now.total:,} đồng, {now.exceptions:,} exceptions"
    )
    if now.exceptions:
        out.print(f"See them: thapsang bills exceptions --period {now.period:%Y-%m}")


def _show_dry_run(found: run_billing.DryRun, *, as_json: bool) -> None:
    if as_json:
        print_json(plain(found) | {"sums": plain(found.sums())})
        return
    million = [
        Column(name, justify="right") for name in ("bills", "kWh", "net", "VAT", "total", "last", "change")
    ]
    table = Table("category", *million, title="million đồng", box=None, padding=(0, 1))
    for row in (*found.categories, found.sums()):
        now, last = row.now, row.before
        change = f"{(now.total - last.total) * 100 // last.total:+d} %" if last.total else ""
        money = (f"{amount // 1_000_000:,}" for amount in (now.net, now.vat, now.total, last.total))
        table.add_row(row.category or "all", f"{now.bills:,}", f"{now.kwh:,}", *money, change)
    out.print(table)
    out.print(f"Last month is taken from its {found.before_from}. Nothing was written.")
    for one in found.reliefs:
        out.print(
            f"relief {one.programme}: {one.bills:,} bills, {one.net:,} đồng before VAT, {one.cash:,} in cash"
        )
    for code, count in found.exceptions.items():
        out.print(f"{code}: {count:,} points cannot be billed")


def _bill_json(detail: queries.BillDetail) -> dict[str, Any]:
    return {
        "code": detail.bill.code, **plain(detail.bill), "policy_version_id": detail.policy_version_id,
        "lines": [plain(line) for line in detail.lines],
    }  # fmt: skip


def _print_bill(detail: queries.BillDetail) -> None:
    bill = detail.bill
    out.print(
        f"{bill.code}: {bill.start} to {bill.end} (exclusive), {bill.category}, {bill.kwh:,} kWh"
        f"{' (estimated)' if bill.estimated else ''}, due {bill.due_on}"
    )
    table = Table("kind", "tier", "band", "kWh", "price", "amount", "from", "to", "reference")
    for line in detail.lines:
        table.add_row(
            line.kind, str(line.tier or ""), line.band, f"{line.kwh:,}", f"{line.price:,}",
            f"{line.amount:,}", str(line.start), str(line.end), f"[{line.reference}]",
        )  # fmt: skip
    out.print(table)
    out.print(f"net {bill.net:,} + VAT {bill.vat_rate / 100:g} % {bill.vat:,} = {bill.total:,} đồng")
