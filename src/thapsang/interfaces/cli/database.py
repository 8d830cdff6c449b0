"""`thapsang db …`: the database the commands work on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer
from django.core.management import call_command

from thapsang.interfaces.cli.printing import AsJson, print_json
from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import database_url, embedded_place, is_embedded

app = typer.Typer(help="The database the commands work on.", no_args_is_help=True)


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Have a database for the length of a command: the embedded one is started if it does not run."""
    server = EmbeddedServer(embedded_place()) if is_embedded() else None
    if server:
        server.start()
    try:
        yield
    finally:
        if server:
            server.stop()


@app.command()
def url(as_json: AsJson = False) -> None:
    """Print the database's address, password included: for psql and the like."""
    if as_json:
        print_json({"url": database_url()})
    else:
        typer.echo(database_url())


def migrate() -> None:
    """Bring the database's tables up to date."""
    with database():
        call_command("migrate", interactive=False, verbosity=1)
