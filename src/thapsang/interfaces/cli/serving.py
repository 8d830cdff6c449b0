"""`thapsang serve`: the web server."""

from __future__ import annotations

import typer
from granian import Granian
from granian.constants import Interfaces


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, help="Port to listen on."),
    workers: int = typer.Option(2, help="Processes."),
) -> None:
    """Serve the portal, the console and the API."""
    Granian(
        "thapsang.config.wsgi:application", address=host, port=port, workers=workers,
        blocking_threads=4, interface=Interfaces.WSGI, log_access=False, websockets=False,
    ).serve()  # fmt: skip
