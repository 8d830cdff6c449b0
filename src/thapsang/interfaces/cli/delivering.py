"""`thapsang invoices archive|mail|returned`: a month's bills for the printer, and by e-mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from thapsang.domain.billing.types import BillingError, month_of
from thapsang.domain.invoices.types import InvoicesError
from thapsang.domain.notifications import queries as notifications
from thapsang.domain.notifications.operations import note_bounce
from thapsang.domain.notifications.types import UnknownTemplateError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, WRONG, AsJson, print_json
from thapsang.journeys import deliver_bills
from thapsang.kit.db.transactions import transaction

out = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True)
PERIOD = typer.Option(..., "--period", metavar="YYYY-MM", help="The month billed, for example 2026-10.")


def attach(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for command in (archive, mail, returned):
        app.command()(command)


def archive(
    period: str = PERIOD,
    to: Path = typer.Option(..., "--to", help="Folder; the month gets one of its own in it."),
    book: list[str] = typer.Option([], "--book", help="Only this reading book; may be repeated."),
    workers: int = typer.Option(2, min=1, max=64, help="Processes that share the reading books."),
    as_json: AsJson = False,
) -> None:
    """Write one zip a reading book for the printer: bills as PDF/A in walking order, index, signed invoices.

    Stopped at any moment, even by kill -9, the same command goes on; a book that has not changed is left as it is.
    A second start in the same folder shares the work.
    """
    with database(), _refusals(), _bar(quiet=as_json) as tell:
        done = deliver_bills.archive(
            period=month_of(period), folder=to, books=book, workers=workers, progress=tell
        )
    if as_json:
        return print_json(asdict(done))
    return out.print(
        f"{to / period}: {done.done:,} of {done.books:,} books, {done.bills:,} bills on {done.pages:,} pages; "
        f"{done.made:,} written now"
    )


def mail(
    period: str = PERIOD,
    send: bool = typer.Option(False, "--send", help="Send what is due now, as the worker does every minute."),
    queue: bool = typer.Option(
        True, help="Queue bills of customers who agreed; once for each bill and address."
    ),
    as_json: AsJson = False,
) -> None:
    """Send the month's bills by e-mail to customers who agreed and have a verified address; show how far it is.

    Run again, it queues only what is new. States: queued, sent, refused (by the receiver's server), failed (out of
    tries, or no longer wanted), bounced (came back later).
    """
    month = month_of(period)
    with database(), _refusals():
        new = deliver_bills.queue_month(period=month, at=timezone.now()) if queue else 0
        sent = dict(deliver_bills.send_waiting()) if send else {}
        about = deliver_bills.about_month(month)
        counts, problems = notifications.email_counts(about=about), notifications.email_problems(about=about)
    if as_json:
        return print_json({"new": new, "round": sent, "states": counts, "problems": problems})
    out.print(
        f"{period}: {new:,} new; " + (", ".join(f"{n:,} {name}" for name, n in counts.items()) or "none")
    )
    for told, status, why in problems:
        out.print(f"{told.split(':')[2]} {status}: {why}", style="yellow", markup=False)
    return None


def returned(
    message_id: str = typer.Argument(
        help="The Message-ID of ours that the returned mail names, with < and >."
    ),
    code: str = typer.Option("", help="The receiving server's code, for example 5.1.1; no address."),
    as_json: AsJson = False,
) -> None:
    """Note that an e-mail came back, so that the customer can be asked for another address."""
    with database(), transaction():
        known = note_bounce(message_id=message_id, problem=f"The mail came back ({code or 'no code given'}).")
    if not known:
        _refuse("No e-mail that was sent has this Message-ID.", REFUSED)
    if as_json:
        return print_json({"message_id": message_id, "status": "bounced"})
    return out.print("noted")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (InvoicesError, BillingError, UnknownTemplateError, OSError) as error:
        _refuse(str(error), REFUSED)
    except deliver_bills.ArchiveFailedError as error:
        _refuse(str(error), WRONG)


def _refuse(words: str, code: int) -> NoReturn:
    errors.print(words, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[deliver_bills.Archived], None]]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,} books"),
        TimeElapsedColumn(), console=errors, disable=quiet,
    ) as bar:  # fmt: skip
        task = bar.add_task("printing", total=0)

        def tell(now: deliver_bills.Archived) -> None:
            bar.update(task, total=now.books, completed=now.done)

        yield tell
