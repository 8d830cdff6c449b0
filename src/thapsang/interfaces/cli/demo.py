"""`thapsang demo …`: the demonstration province."""

from __future__ import annotations

import time
from dataclasses import asdict

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import WRONG, AsJson, print_json
from thapsang.interfaces.cli.running import run
from thapsang.journeys.load_demo import DemoError, Loaded
from thapsang.journeys.load_demo import load as load_province
from thapsang.journeys.load_demo import logins as known_people
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import demonstration
from thapsang.kit.identity.staff import StaffError

app = typer.Typer(
    help="The demonstration province: invented people, published proportions.", no_args_is_help=True
)


@app.command()
def load(
    customers: int = typer.Option(20_000, help="How many customers, from 100 to 1,200,000."),
    seed: int = typer.Option(40, help="The same seed and size give the same province."),
    fresh: bool = typer.Option(
        False, "--fresh", help="Wipe a province that is there, with its bills and payments."
    ),
    as_json: AsJson = False,
) -> None:
    """Load the demonstration province: Nghệ An with 13 months of readings up to this month's first day.

    All or nothing: a load that was killed leaves nothing behind and can be started again.
    """
    started = time.monotonic()
    with database():
        try:
            loaded = _load(customers, seed, fresh, quiet=as_json)
        except DemoError as error:
            typer.echo(f"Not loaded: {error}", err=True)
            raise typer.Exit(WRONG) from error
    _tell(loaded, time.monotonic() - started, as_json=as_json)


def _load(customers: int, seed: int, fresh: bool, *, quiet: bool) -> Loaded:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def progress(stage: str, done: int, total: int) -> None:
            name = stage.partition(":")[0]
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], description=stage, completed=done, total=total)

        return load_province(
            customers=customers, at=timezone.now(), seed=seed, fresh=fresh, progress=progress
        )


def _tell(loaded: Loaded, seconds: float, *, as_json: bool) -> None:
    facts = asdict(loaded) | {"seconds": round(seconds, 1)}
    if as_json:
        print_json(facts)
        return
    verb = "was loaded already" if loaded.already else f"loaded in {seconds:.0f} s"
    typer.echo(
        f"The province {verb}: {loaded.customers:,} customers, {loaded.points:,} supply points, "
        f"{loaded.readings:,} readings from {loaded.first_reading} to {loaded.last_reading}."
    )


@app.command()
def logins(as_json: AsJson = False) -> None:
    """Print whom one can sign in as: customers by phone (the code comes to the sandbox inbox), staff by password.

    Staff sign in at /console/ with the code of an authenticator app: the one it shows now is printed as well.
    """
    people = known_people()
    try:
        with database(), transaction():
            staff = demonstration.add_people(at=timezone.now())
    except StaffError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG) from error
    if as_json:
        both = {"customers": people, "staff": [asdict(login) for login in staff]}
        print_json(both)
        return
    table = Table("who", "name", "customer code", "phone")
    for person in people:
        table.add_row(person["about"]["en"], person["name"], person["customer_code"], person["phone"])
    members = Table("staff", "name", "role", "password", "code now")
    for login in staff:
        members.add_row(login.username, login.full_name, login.role, login.password, login.code)
    for one in (table, members):
        Console().print(one)


app.command()(run)
