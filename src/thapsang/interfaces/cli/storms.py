"""`thapsang readings storm …`: widespread outages: begin, end, who is held back, what was decided."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from thapsang.domain.metering import operations, queries
from thapsang.domain.metering.queries import StormView
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, AsJson, Limit, print_json
from thapsang.kit.db.transactions import transaction

app = typer.Typer(
    help="Storm mode: estimates held back, readings judged by hours with supply.", no_args_is_help=True
)
out, errors = Console(), Console(stderr=True)
Actor = Annotated[str, typer.Option(help="Who does it; kept in the audit log. Default: cli:<login>.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
Number = Annotated[int, typer.Argument(help="Number of the storm.")]


@app.command()
def begin(
    name: Annotated[str, typer.Option(help="What people call it.")],
    since: Annotated[str, typer.Option("--from", metavar="'YYYY-MM-DD HH:MM'", help="When supply went.")],
    document: Annotated[str, typer.Option(help="The order, report or log it is known from.")],
    reason: Reason,
    team: Annotated[list[str] | None, typer.Option(help="Code of an area team; again for more.")] = None,
    commune: Annotated[list[str] | None, typer.Option(help="Code of a commune; again for more.")] = None,
    book: Annotated[list[str] | None, typer.Option(help="Code of a reading book; again for more.")] = None,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Record a widespread outage: from now on estimates in its areas are held back."""
    with database(), _refusals():
        with transaction():
            number = operations.begin_storm(
                name=name, began_at=moment(since), document=document, reason=reason, team_codes=team or (),
                commune_codes=commune or (), book_codes=book or (), actor=_who(actor), at=timezone.now(),
            )  # fmt: skip
        found, points = queries.storm(storm_id=number), queries.points_concerned(storm_id=number)
    if as_json:
        print_json(_plain(found) | {"points": points})
    else:
        out.print(f"Storm {number}, {name}: {points:,} supply points in {len(found.areas)} area(s).")


@app.command()
def end(
    number: Number,
    at: Annotated[str, typer.Option(metavar="'YYYY-MM-DD HH:MM'", help="When supply came back.")],
    reason: Reason,
    area: Annotated[
        list[str] | None, typer.Option(help="Only this area, by its code; again for more. Default: all left.")
    ] = None,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Record when supply came back: estimates there are released, by hours with supply."""
    with database(), _refusals():
        chosen = _areas(queries.storm(storm_id=number), area) if area else None
        with transaction():
            ended = operations.end_storm(
                storm_id=number, ended_at=moment(at), reason=reason, area_ids=chosen, actor=_who(actor),
                at=timezone.now(),
            )  # fmt: skip
        found = queries.storm(storm_id=number)
    if as_json:
        print_json(_plain(found))
    else:
        out.print(f"{ended} area(s) of storm {number} ended at {at}; it is now {found.state}.")


@app.command("list")
def listed(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that still last.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List storms, the newest first."""
    with database():
        found = queries.storms(state="open" if only_open else "", limit=limit)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    table = Table("no.", "name", "state", "from", "to", "areas", "document")
    for one in found:
        areas = ", ".join(area.code for area in one.areas)
        table.add_row(
            str(one.id), one.name, one.state, _local(one.began_at), _local(one.ended_at), areas, one.document
        )
    out.print(table)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a storm: its areas, points concerned, by book what is held back, what was decided."""
    with database(), _refusals():
        found = queries.storm(storm_id=number)
        points = queries.points_concerned(storm_id=number)
        books = queries.books_in_storm(storm_id=number, today=timezone.localdate())
        decided = queries.decisions(storm_id=number)
    if as_json:
        lists = {"books": [asdict(one) for one in books], "decisions": [asdict(one) for one in decided]}
        print_json(_plain(found) | {"points": points} | lists)
        return
    out.print(f"{found.name} ({found.state}), {found.document}: {points:,} supply points.")
    table = Table("month", "book", "points", "unread", "held back", "to read anew", "may be estimated")
    for one in books:
        figures = (one.points, one.unread, one.held, one.anew, one.released)
        table.add_row(f"{one.period:%Y-%m}", one.book, *(f"{figure:,}" for figure in figures))
    out.print(table)


@app.command()
def decide(
    number: Number,
    period: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="The month whose closing reading it is about.")
    ],
    decision: Annotated[str, typer.Option(help="read: read anew; estimate: by hours with supply, now.")],
    reason: Reason,
    book: Annotated[str, typer.Option(help="Code of a reading book.")] = "",
    point: Annotated[str, typer.Option(help="Code of a supply point.")] = "",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Decide for a book or a point what is done about its missing readings; the last decision holds."""
    with database(), _refusals():
        with transaction():
            operations.decide_held(
                storm_id=number, period=_month(period), decision=decision, reason=reason, book_code=book,
                point_code=point, actor=_who(actor), at=timezone.now(),
            )  # fmt: skip
        decided = queries.decisions(storm_id=number, limit=1)[0]
    if as_json:
        print_json(asdict(decided))
    else:
        out.print(f"{decided.subject}, {decided.period:%Y-%m}: {decided.decision}.")


@app.command()
def withdraw(number: Number, reason: Reason, actor: Actor = "", as_json: AsJson = False) -> None:
    """Take back a storm recorded by mistake; it stays on record and counts for nothing."""
    with database(), _refusals():
        with transaction():
            operations.withdraw_storm(storm_id=number, reason=reason, actor=_who(actor), at=timezone.now())
        found = queries.storm(storm_id=number)
    if as_json:
        print_json(_plain(found))
    else:
        out.print(f"Storm {number} is withdrawn.")


def moment(text: str) -> datetime:
    """Return a moment written as YYYY-MM-DD HH:MM, Vietnamese time. Raises StormRefusedError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise operations.StormRefusedError(f"{text!r} is no moment; write YYYY-MM-DD HH:MM.") from None
    return found if found.tzinfo else timezone.make_aware(found)


def _areas(found: StormView, codes: list[str]) -> list[int]:
    known = {area.code: area.id for area in found.areas}
    if unknown := sorted(set(codes) - known.keys()):
        raise operations.StormRefusedError(
            f"area: storm {found.id} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}."
        )
    return [known[code] for code in codes]


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise operations.StormRefusedError(f"{text!r} is no month; write YYYY-MM.") from None


def _who(actor: str) -> str:
    return actor or f"cli:{getpass.getuser()}"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (operations.StormRefusedError, queries.UnknownStormError) as error:
        errors.print(f"[red]{error}[/]", soft_wrap=True)
        raise typer.Exit(REFUSED) from None


def _local(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


def _plain(found: StormView) -> dict[str, Any]:
    return asdict(found) | {"state": found.state}
