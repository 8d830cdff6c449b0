"""`thapsang keys …`: the keys of personal data at rest."""

from __future__ import annotations

from dataclasses import asdict

import typer
from django.conf import settings
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import WRONG, AsJson, print_json
from thapsang.kit.privacy import cipher, rotation

app = typer.Typer(help="Keys of personal data: make one, see which are in use, rotate.", no_args_is_help=True)


@app.command()
def new(as_json: AsJson = False) -> None:
    """Print fresh secrets for the environment: a further data key, an index key, a secret key.

    To rotate, append the data key to THAPSANG_DATA_KEYS (the last one encrypts), restart, run
    `thapsang keys rotate`, and take the old key out when `thapsang keys status` no longer shows it.
    The index key is set once: another one would make every phone and ID number unfindable.
    """
    number = max(cipher.data_keys().ciphers) + 1 if not _defaults() else 1
    made = {
        "THAPSANG_DATA_KEYS": f"{number}:{cipher.new_key()}",
        "THAPSANG_INDEX_KEY": cipher.new_key(),
        "THAPSANG_SECRET_KEY": cipher.new_key(),
    }
    if as_json:
        print_json(made)
        return
    for name, value in made.items():
        typer.echo(f"{name}={value}")


def _defaults() -> bool:
    return bool(settings.DATA_KEYS == settings.DEFAULT_DATA_KEYS)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how many values of each encrypted column are under which key."""
    with database():
        uses = rotation.status()
    newest = cipher.data_keys().newest
    if as_json:
        print_json({"newest": newest, "columns": [asdict(use) for use in uses]})
        return
    table = Table("column", "key", "values", "")
    for use in uses:
        remark = "" if use.key_number == newest else "to rotate" if use.readable else "KEY MISSING"
        table.add_row(f"{use.table}.{use.column}", str(use.key_number), f"{use.values:,}", remark)
    Console().print(table)


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Bring all personal data under the newest key. Can be stopped and started again at any moment."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with database(), Progress(*columns, console=Console(stderr=True), disable=as_json) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total)

        try:
            done = rotation.rotate(progress=progress)
        except cipher.CipherError as error:
            typer.echo(f"Stopped: {error}", err=True)
            raise typer.Exit(WRONG) from error
    newest = cipher.data_keys().newest
    if as_json:
        print_json({"rotated": done, "newest": newest})
    else:
        typer.echo(f"{done:,} values now under key {newest}.")
