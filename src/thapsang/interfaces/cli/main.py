"""`thapsang`: one command for those who operate it."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import django
import typer

from thapsang.interfaces.cli.parent import end_with_parent
from thapsang.interfaces.cli.refusing import told

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")

app = typer.Typer(
    name="thapsang",
    help="Thắp Sáng: bills, payments and continuity of an electricity distributor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)

COMMANDS = {
    "rate": "rate:rate",
    "doctor": "doctor:doctor",
    "migrate": "database:migrate",
    "serve": "serving:serve",
    "worker": "serving:worker",
    "twins": "twins:twins",
}
"""Single commands: name → module:function of this package."""

GROUPS = {
    "bills": "bills:app",
    "readings": "readings:app",
    "customers": "customers:app",
    "payments": "payments:app",
    "refunds": "refunds:app",
    "policy": "policy:app",
    "relief": "relief:app",
    "invoices": "invoices:app",
    "demo": "demo:app",
    "staff": "staff:app",
    "audit": "audit:app",
    "api": "payments:api",
    "keys": "keys:app",
    "db": "warming:app",
}
"""Groups of commands: name → module:Typer of this package."""


@app.callback()
def _root() -> None:
    """Thắp Sáng: bills, payments and continuity of an electricity distributor."""
    # With a callback Typer keeps the command's name even when a single one is attached.


def main() -> None:
    """Set Django up, attach the commands asked for and run; say it plainly when there is nothing to run on."""
    end_with_parent()
    try:
        django.setup()
        attach(*sys.argv[1:2])
        app()
    except Exception as error:
        message = told(error)
        if message is None:
            raise
        typer.echo(message, err=True)
        sys.exit(1)


def attach(*wanted: str) -> None:
    """Attach the named command or group; all of them when none of that name exists (help, a slip of the pen)."""
    known = {**COMMANDS, **GROUPS}
    for name in [word for word in wanted if word in known] or known:
        module, attribute = known[name].split(":")
        found = getattr(import_module(f"thapsang.interfaces.cli.{module}"), attribute)
        if name in COMMANDS:
            app.command(name)(found)
        else:
            app.add_typer(found, name=name)


if __name__ == "__main__":
    main()
