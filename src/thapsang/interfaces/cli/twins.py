"""`thapsang twins`: the sandbox twins of the outside systems, as a process of their own."""

from __future__ import annotations

import os
import sys

import typer


def twins(
    port: int = typer.Option(8001, help="Port to listen on."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; never one the world can reach."),
    merchant: str = typer.Option(
        "", help="Our own address, which they call back; THAPSANG_PUBLIC_URL by default."
    ),
) -> None:
    """Play the payment gateway, the sender of short messages and a bank, until Ctrl-C.

    They speak over HTTP only and share nothing with us but the signing rules, as the real ones do.
    """
    words = [sys.executable, "-m", "thapsang.adapters.twins", "--host", host, "--port", str(port)]
    # The twins take this process's place, so that a signal reaches them and nothing is left behind.
    os.execv(sys.executable, words + (["--merchant", merchant] if merchant else []))  # noqa: S606
