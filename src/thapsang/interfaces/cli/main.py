"""`thapsang`: one command for those who operate it."""

from __future__ import annotations

import os

import typer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")

app = typer.Typer(
    name="thapsang",
    help="Thắp Sáng: bills, payments and continuity of an electricity distributor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Set Django up, attach the groups and run."""
    import django

    django.setup()
    attach()
    app()


def attach() -> None:
    """Attach every group of commands; each lives in a module of its own."""
    from thapsang.interfaces.cli import database, serving

    app.add_typer(database.app, name="db")
    from thapsang.interfaces.cli import audit, staff

    app.add_typer(staff.app, name="staff")
    app.add_typer(audit.app, name="audit")
    from thapsang.interfaces.cli import policy, rate

    app.command("rate")(rate.rate)
    app.add_typer(policy.app, name="policy")
    from thapsang.interfaces.cli import payments, twins

    app.add_typer(payments.api, name="api")
    app.add_typer(payments.app, name="payments")
    app.command("twins")(twins.twins)
    app.command("serve")(serving.serve)
    app.command("migrate")(database.migrate)


if __name__ == "__main__":
    main()
