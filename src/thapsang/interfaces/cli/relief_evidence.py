"""`thapsang relief evidence …`: import the lists authorities send, and see what waits."""

from __future__ import annotations

import csv
from dataclasses import asdict
from datetime import date
from pathlib import Path

import typer
from django.utils import timezone
from rich.table import Table

from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import EvidenceError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import AsJson, Limit, print_json
from thapsang.interfaces.cli.relief_shown import BY, out, person, refusals
from thapsang.kit.db.transactions import transaction

app = typer.Typer(help="Lists sent by authorities: import, queue, decide.", no_args_is_help=True)


@app.command("import")
def import_file(
    file: Path = typer.Argument(help="The list as it came, CSV or XLSX."),
    code: str = typer.Option(..., "--list", help="The list's code in the vocabulary, e.g. poor-households."),
    authority: str = typer.Option(..., help="Who sent it."),
    document: str = typer.Option(..., help="The document's number."),
    document_date: str = typer.Option(..., "--dated", metavar="YYYY-MM-DD", help="The document's date."),
    start: str = typer.Option(
        "", "--from", metavar="YYYY-MM-DD", help="First day, where the file gives none."
    ),
    end: str = typer.Option("", "--until", metavar="YYYY-MM-DD", help="First day that no longer counts."),
    rejected: Path | None = typer.Option(
        None, help="Write rows that mean nobody here, with reason and remedy."
    ),
    by: str = BY,
    as_json: AsJson = False,
) -> None:
    """Import a CSV or XLSX list; the same file again changes nothing."""
    with database(), refusals():
        try:
            content = file.read_bytes()
        except OSError as error:
            raise EvidenceError(f"{file}: it cannot be read: {error}.") from error
        with transaction():
            outcome = operations.import_list(
                content=content, file_name=file.name, code=code, lists=queries.list_scopes(), authority=authority,
                document=document, document_date=_day(document_date, "--dated"),
                start=_day(start, "--from") if start else None, end=_day(end, "--until") if end else None,
                actor=person(by), at=timezone.now(),
            )  # fmt: skip
        if rejected:
            _write(rejected, outcome.list_id)
    if as_json:
        print_json(asdict(outcome))
        return
    again = " (imported before: nothing changed)" if outcome.again else ""
    out.print(f"list {outcome.list_id} {outcome.code}{again}: {outcome.rows:,} rows, {outcome.sure:,} sure, "
              f"{outcome.unsure:,} unsure, {outcome.none:,} found nobody, {outcome.bad:,} wrong")  # fmt: skip


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise EvidenceError(f"{option}: {text!r} is no day: write it as YYYY-MM-DD.") from error


def _write(path: Path, list_id: int) -> None:
    rows = queries.rejected(list_id=list_id)
    names = list(dict.fromkeys(name for row in rows for name in row.given))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "dòng", "lý do", "cách sửa"])
        writer.writerows(
            [*(row.given.get(name, "") for name in names), row.number, row.problem, row.remedy]
            for row in rows
        )


@app.command()
def queue(
    list_id: int = typer.Option(0, "--list", help="Only the list with this number."),
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show the rows that are not sure, with the likeliest candidates."""
    with database():
        rows = queries.queue(list_id=list_id or None, limit=limit)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("row", "list", "given", "candidates (place: point or commune, score)")
    for row in rows:
        candidates = "; ".join(
            f"{place}: {one.get('point') or one.get('area')} {one['score']} %"
            for place, one in enumerate(row.candidates)
        )
        table.add_row(str(row.id), f"{row.code} {row.document}", ", ".join(row.given.values()), candidates)
    out.print(table)


@app.command()
def decide(
    row: int = typer.Argument(help="Number of the row, as `relief evidence queue` shows it."),
    choice: int = typer.Option(-1, help="Place of the right candidate, from 0; -1: none of them."),
    by: str = BY,
    as_json: AsJson = False,
) -> None:
    """Decide a row of the queue: it means one of the candidates, or nobody here."""
    with database(), refusals(), transaction():
        operations.decide_row(
            row_id=row, choice=None if choice < 0 else choice, actor=person(by), at=timezone.now()
        )
    if as_json:
        print_json({"row": row, "choice": None if choice < 0 else choice})
        return
    out.print(f"row {row}: {'nobody' if choice < 0 else f'candidate {choice}'}")


@app.command()
def lists(as_json: AsJson = False) -> None:
    """List the lists authorities sent, with how many of their rows are sure, waiting, nobody's or wrong."""
    with database():
        rows = queries.lists()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("no.", "list", "document", "authority", "rows", "sure", "waiting", "nobody", "wrong")
    for row in rows:
        counts = (row.rows, row.sure, row.waiting, row.none, row.bad)
        table.add_row(str(row.id), row.code, row.document, row.authority, *(f"{n:,}" for n in counts))
    out.print(table)
