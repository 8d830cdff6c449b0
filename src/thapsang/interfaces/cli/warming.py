"""`thapsang db warm`: what searching reads, brought into memory."""

from __future__ import annotations

from dataclasses import asdict

import typer

from thapsang.interfaces.cli.database import app, database
from thapsang.interfaces.cli.printing import AsJson, print_json
from thapsang.interfaces.shared.searched import MOST, warm_search
from thapsang.kit.db.warming import Warmed

__all__ = ["app"]


@app.command()
def warm(
    most: int = typer.Option(MOST // 2**20, min=1, help="MiB to read at most."),
    as_json: AsJson = False,
) -> None:
    """Read what searching needs from the disk into memory, so that the first search does not wait for it.

    The worker does this when it starts. On a server of your own the role needs the right to have files read;
    without it the tables are read and what is left out is named.
    """
    with database():
        done = warm_search(most=most * 2**20, told=lambda one: None if as_json else typer.echo(_said(one)))
    if as_json:
        print_json([asdict(one) for one in done])
    else:
        read = sum(one.size for one in done if not one.left_out)
        typer.echo(f"{read / 2**20:,.0f} MiB of {sum(one.size for one in done) / 2**20:,.0f} MiB read.")


def _said(one: Warmed) -> str:
    return f"{one.name}: {one.size / 2**20:,.1f} MiB" + (
        f", left out: {one.left_out}" if one.left_out else ""
    )
