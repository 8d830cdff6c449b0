"""`thapsang audit …`: read the log of what staff changed, and prove it whole."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table

from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import WRONG, AsJson, print_json
from thapsang.kit.audit import queries

app = typer.Typer(help="The audit log: list it, prove it whole, note its end.", no_args_is_help=True)
out = Console()


@app.command("list")
def list_entries(
    actor: str = typer.Option("", help="Only what this user did."),
    action: str = typer.Option("", help="Only actions that begin so, e.g. customers."),
    subject: str = typer.Option("", help="Only this subject, e.g. customer:PA13VH0000001."),
    since: datetime | None = typer.Option(None, help="From this moment on."),
    limit: int = typer.Option(50, min=1, help="At most this many, newest first."),
    as_json: AsJson = False,
) -> None:
    """List entries of the audit log, the newest first: who did what, when, to what, and why."""
    since = since.astimezone() if since else None
    with database():
        rows = queries.entries(actor=actor, action=action, subject=subject, since=since, limit=limit)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("#", "when", "who", "action", "subject", "before", "after", "reason")
    for row in rows:
        changes = [json.dumps(it, ensure_ascii=False) if it else "" for it in (row.before, row.after)]
        when = row.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(row.id), when, row.actor_name, row.action, row.subject, *changes, row.reason)
    out.print(table)


@app.command()
def verify(
    anchor: str = typer.Option("", help="An end noted earlier by `audit anchor`, as ENTRIES:HASH."),
    as_json: AsJson = False,
) -> None:
    """Read the whole log and name every entry that was changed, removed or moved. Exit code 1 if one was."""
    with database():
        outcome = queries.verify(anchored=_anchor(anchor) if anchor else None)
    if as_json:
        print_json({"whole": outcome.whole, **asdict(outcome)})
    elif outcome.whole:
        out.print(
            f"[green]Whole:[/] {outcome.entries} entries, each follows the one before, the head is sealed."
        )
    else:
        out.print(f"[red]Not whole:[/] {len(outcome.problems)} problem(s) in {outcome.entries} entries.")
        for problem in outcome.problems:
            line = f"  entry {problem.entry}  {problem.kind}: {problem.detail}"
            out.print(line, markup=False, soft_wrap=True)
        out.print("Change nothing, take a copy, compare with a backup: docs/operations/staff.md.")
    raise typer.Exit(0 if outcome.whole else WRONG)


@app.command()
def anchor(as_json: AsJson = False) -> None:
    """Print the log's end, to be noted outside the database; `audit verify --anchor` proves it later."""
    with database():
        end = queries.anchor()
    if as_json:
        print_json(asdict(end))
    else:
        print(f"{end.entries}:{end.hash}")


def _anchor(text: str) -> queries.Anchor:
    entries, _, noted = text.partition(":")
    if not entries.isdecimal() or len(noted) != 64:
        raise typer.BadParameter("Expected ENTRIES:HASH as `audit anchor` prints it.", param_hint="--anchor")
    return queries.Anchor(int(entries), noted.lower())
