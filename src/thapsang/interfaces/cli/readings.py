"""`thapsang readings …`: files in, rejected rows back, estimates, corrections, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from django.utils import timezone
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from thapsang.domain.metering import operations, queries
from thapsang.interfaces.cli import storms
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, SOME_BACK, AsJson, Limit, plain, print_json
from thapsang.kit.db.transactions import transaction

app = typer.Typer(
    help="Readings: import files, list what came back, estimate, correct.", no_args_is_help=True
)
app.add_typer(storms.app, name="storm")
out, notes = Console(), Console(stderr=True)

FileLanguage = Annotated[
    Literal["vi", "en"], typer.Option("--language", help="Language of reason and remedy in that file.")
]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or Parquet.")],
    rejected: Annotated[
        Path | None, typer.Option(help="Write the rejected rows here: mend and import this file again.")
    ] = None,
    again: Annotated[
        bool, typer.Option(help="Judge a file once more that was imported before (rows that are in stay).")
    ] = False,
    language: FileLanguage = "vi",
    as_json: AsJson = False,
) -> None:
    """Import a file of readings: good rows go in, bad rows come back with the reason and what to do.

    Header: serial,register,read_on,value,quality,purpose (the last two may be left out; separator , ; or tab;
    UTF-8).
    register: total, normal, peak, offpeak, reactive. read_on: YYYY-MM-DD, the day at whose 00:00 the value
    stands. quality: empty or A (read), C (told by the customer), V (checked on the spot, no spike check).
    purpose: empty, or price for a reading on the day a price changes: the period splits there.

    Exit code 0: every row is in. 3: some rows came back. 2: the file could not be read.
    The file is kept; importing the same file again changes nothing.
    """
    with database(), _progress(quiet=as_json) as progress:
        outcome = operations.import_file(
            file, name=file.name, at=timezone.now(), again=again, progress=progress, language="en"
        )
        written = _write_rejected(outcome.import_id, rejected, language) if outcome.rejected else None
    if as_json:
        print_json(plain(outcome) | {"rejected_file": written})
    else:
        _tell(outcome, written)
    raise typer.Exit(REFUSED if outcome.status == "refused" else SOME_BACK if outcome.rejected else 0)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[operations.Progress | None]:
    if quiet:
        yield None
        return
    columns = (
        TextColumn("[progress.description]{task.description}"), BarColumn(), DownloadColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task("Importing", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _write_rejected(import_id: int, path: Path | None, language: str) -> str | None:
    if path is None:
        return None
    with path.open("w", encoding="utf-8", newline="") as sink:
        sink.writelines(queries.rejected_csv(import_id=import_id, language=language))
    return str(path)


def _tell(outcome: operations.ImportOutcome, written: str | None) -> None:
    if outcome.status == "refused":
        notes.print(
            f"[red]{escape(outcome.name)} was refused; nothing was changed.[/] {escape(outcome.problem)}",
            soft_wrap=True,
        )
        return
    if outcome.already:
        out.print(
            f"{escape(outcome.name)} was imported before (import {outcome.import_id}): nothing was changed. It gave:"
        )
    out.print(
        f"{outcome.rows:,} rows: {outcome.accepted:,} accepted ({outcome.replaced:,} replace estimates), "
        f"{outcome.repeated:,} there already, {outcome.rejected:,} rejected, {outcome.flagged:,} to look at.",
        soft_wrap=True,
    )
    for code, count in sorted(outcome.by_code.items()):
        out.print(f"  {count:>9,}  {code}")
    if outcome.missing:
        total = sum(entry["missing"] for entry in outcome.missing)
        out.print(
            f"{len(outcome.missing):,} book(s) of this file still lack {total:,} reading(s): "
            f"thapsang readings missing --on {outcome.missing[0]['read_on']}"
        )
    if written:
        out.print(f"Rejected rows: {written}. Mend them there and import that file.", soft_wrap=True)
    elif outcome.rejected:
        out.print(f"See them: thapsang readings rejected {outcome.import_id}")


@app.command()
def imports(
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List imports with their progress and outcome, the newest first."""
    with database():
        rows = queries.imports(limit=limit, language="en")
    _print(
        [plain(row) | {"percent": row.percent} for row in rows],
        ("id", "name", "status", "percent", "rows", "accepted", "repeated", "rejected", "flagged"),
        as_json=as_json,
    )


@app.command()
def rejected(
    import_id: Annotated[int, typer.Argument(help="Number of the import.")],
    to: Annotated[Path | None, typer.Option(help="Write them as a CSV to mend and import.")] = None,
    language: FileLanguage = "vi",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List the rows an import gave back, and those it took in but wants looked at."""
    with database():
        if queries.reading_import(import_id=import_id) is None:
            raise typer.BadParameter(
                f"There is no import {import_id}: see `thapsang readings imports`.", param_hint="import_id"
            )
        _write_rejected(import_id, to, language)
        rows = queries.rejections(import_id=import_id, limit=limit, language="en")
    _print(
        [plain(row) for row in rows], ("row", "action", "code", "reason", "remedy"), as_json=as_json
    )  # fmt: skip


@app.command()
def missing(
    on: Annotated[str, typer.Option(help="The day a reading should be there, YYYY-MM-DD.")],
    book: Annotated[str, typer.Option(help="Only this reading book.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List registers of active points without a reading on a day."""
    with database():
        rows = queries.missing_readings(read_on=_day(on), book=book, limit=limit)
    _print(
        [plain(row) for row in rows],
        ("book", "point_code", "serial", "register", "held_by"),
        as_json=as_json,
    )


@app.command()
def estimate(
    period: Annotated[str, typer.Option(help="The month billed, YYYY-MM.")],
    book: Annotated[list[str] | None, typer.Option(help="Only this reading book; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be estimated.")] = False,
    as_json: AsJson = False,
) -> None:
    """Estimate the closing readings a period lacks: mean daily use of the periods before × actual days."""
    with database():
        outcome = operations.estimate_missing(period=_month(period), book_codes=book, dry_run=dry_run)
    if as_json:
        print_json(plain(outcome))
        return
    done = "would be estimated" if dry_run else "estimated"
    out.print(f"{outcome.points:,} point(s), {outcome.registers:,} register(s), {outcome.kwh:,} kWh {done}.")
    out.print(f"Rule: {outcome.reference['text']} ({outcome.reference.get('document', '')})", soft_wrap=True)
    if outcome.storm:
        out.print(
            f"{outcome.storm:,} of them by their hours with supply: {outcome.storm_reference['text']}",
            soft_wrap=True,
        )
    if outcome.held:
        out.print(f"{outcome.held:,} point(s) are held back by a storm: thapsang readings storm list --open")
    if outcome.not_estimated:
        out.print(f"{len(outcome.not_estimated):,} register(s) have no history to go by; read them:")
        rows = [plain(row) for row in outcome.not_estimated]
        _print(rows[:50], ("book", "point_code", "serial", "register"), as_json=False)


@app.command()
def correct(
    serial: Annotated[str, typer.Option(help="Serial of the meter.")],
    on: Annotated[str, typer.Option(help="Day of the reading, YYYY-MM-DD.")],
    value: Annotated[int, typer.Option(help="What the dial showed.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    actor: Annotated[str, typer.Option(help="Who says so.")],
    register: Annotated[str, typer.Option(help="total, normal, peak, offpeak or reactive.")] = "total",
    as_json: AsJson = False,
) -> None:
    """Put a checked value in the place of a reading; the old value is kept."""
    day = _day(on)
    with database():
        found = _register(serial, register, day)
        try:
            with transaction():
                done = operations.correct_reading(
                    register_id=found, read_on=day, value=value, reason=reason, actor=actor, at=timezone.now()
                )
        except operations.CorrectionRefusedError as error:
            notes.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
            raise typer.Exit(REFUSED) from None
    if as_json:
        print_json(plain(done))
    else:
        out.print(f"{serial} {register} on {done.read_on}: {done.before:,} → {done.after:,}.")


@app.command()
def split(
    serial: Annotated[str, typer.Option(help="Serial of the meter.")],
    on: Annotated[str, typer.Option(help="First day at the new price, YYYY-MM-DD; read at its 00:00.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    actor: Annotated[str, typer.Option(help="Who says so.")],
    as_json: AsJson = False,
) -> None:
    """Split a period at a reading that is there: kWh before and after a price change are billed as read."""
    day = _day(on)
    with database():
        try:
            with transaction():
                done = operations.split_period(
                    supply_point_id=_point(serial, day),
                    read_on=day,
                    reason=reason,
                    actor=actor,
                    at=timezone.now(),
                )
        except operations.SplitRefusedError as error:
            notes.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
            raise typer.Exit(REFUSED) from None
    if as_json:
        print_json(plain(done))
    else:
        out.print(f"{serial}: the period splits at {done.read_on} ({done.changed} reading(s) marked).")


def _point(serial: str, day: date) -> int:
    for point in queries.points_by_meter(serial=serial):
        for meter in queries.meters(supply_point_id=point):
            if meter.serial == serial and meter.start < day and (meter.end is None or day < meter.end):
                return point
    raise typer.BadParameter(f"Meter {serial} hangs nowhere on {day}.", param_hint="--serial")


def _register(serial: str, kind: str, day: date) -> int:
    for point in queries.points_by_meter(serial=serial):
        for meter in queries.meters(supply_point_id=point):
            if meter.serial == serial and meter.start <= day and (meter.end is None or day <= meter.end):
                for register in meter.registers:
                    if register.kind == kind:
                        return register.id
    raise typer.BadParameter(f"Meter {serial} has no register {kind} on {day}.", param_hint="--serial")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write YYYY-MM-DD.") from None


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write YYYY-MM, e.g. 2026-10.") from None


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(str(row[name])) for name in columns))
    out.print(table)
