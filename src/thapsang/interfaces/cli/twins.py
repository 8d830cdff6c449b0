"""`thapsang twins`: the sandbox twins of the outside systems, as a process of their own."""

from __future__ import annotations

import os
import sys

import typer
from django.conf import settings
from django.db import DatabaseError, connection

from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import WRONG
from thapsang.kit.identity import clients

_BANK = "sandbox-bank"


def twins(
    port: int = typer.Option(8001, help="Port to listen on."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; never one the world can reach."),
    merchant: str = typer.Option(
        "", help="Our own address, which they call back; THAPSANG_PUBLIC_URL by default."
    ),
    bank: bool = typer.Option(True, help="Make the sandbox bank a client of the API, with a new secret."),
) -> None:
    """Play the payment gateway, the sender of short messages and a bank, until Ctrl-C.

    They speak over HTTP only and share nothing with us but the signing rules, as the real ones do.
    """
    if settings.PRODUCTION:
        typer.echo("The twins give money that is not there: they do not run in production.", err=True)
        raise typer.Exit(WRONG)
    if bank and not os.environ.get("THAPSANG_TWIN_CLIENT_ID"):
        _introduce_bank()
    words = [sys.executable, "-m", "thapsang.adapters.twins", "--host", host, "--port", str(port)]
    # The twins take this process's place, so that a signal reaches them and nothing is left behind.
    os.execv(sys.executable, words + (["--merchant", merchant] if merchant else []))  # noqa: S606


def _introduce_bank() -> None:
    """Give the sandbox bank its id and secret through the environment, as an operator would by post."""
    try:
        with database():
            made = clients.add_client(
                name="Ngân hàng mô phỏng",
                scopes=("bills:read", "payments:write", "statements:read"),
                requests_per_minute=6_000,
                client_id=_BANK,
            )
            connection.close()
    except DatabaseError:
        typer.echo(
            "No tables yet: run `thapsang migrate`. The sandbox bank cannot confirm payments.", err=True
        )
        return
    os.environ["THAPSANG_TWIN_CLIENT_ID"], os.environ["THAPSANG_TWIN_CLIENT_SECRET"] = made
