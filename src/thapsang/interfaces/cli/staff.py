"""`thapsang staff …`: who may sign in to the console, and as what."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import typer
from django.core.exceptions import ValidationError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import AsJson, print_json
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import demonstration, staff
from thapsang.kit.identity.access import STAFF, Audience

app = typer.Typer(help="Staff: add, list, roles, lock out, reset.", no_args_is_help=True)
out = Console()

ROLE = typer.Option(..., "--role", help=f"One of {', '.join(sorted(STAFF))}; may be given more than once.")
REASON = typer.Option("from the command line", help="Why; goes into the audit log.")
WHY = typer.Option(..., "--reason", help="Why; goes into the audit log.")
NAME = typer.Argument(help="The name they sign in with.")


@app.command()
def add(
    name: str = typer.Argument(help="The name to sign in with."),
    roles: list[Audience] = ROLE,
    full_name: str = typer.Option("", help="The person's name, as shown to colleagues."),
    reason: str = REASON,
    as_json: AsJson = False,
) -> None:
    """Add a member of staff and print the first password; the first sign-in asks for an authenticator app."""
    with _change():
        password = staff.add(
            username=name, full_name=full_name, roles=roles, actor=_actor(), reason=reason, at=timezone.now()
        )
    _print_password(name, password, as_json)


@app.command("list")
def list_members(as_json: AsJson = False) -> None:
    """List all staff, those locked out included."""
    with database():
        members = staff.members()
    if as_json:
        print_json([asdict(member) for member in members])
        return
    table = Table("name", "full name", "roles", "state", "second factor", "last sign-in")
    for member in members:
        last = member.last_login.astimezone().strftime("%Y-%m-%d %H:%M") if member.last_login else "never"
        state = "active" if member.active else "[red]locked out[/]"
        factor = "enrolled" if member.second_factor else "at next sign-in"
        table.add_row(member.username, member.full_name, ", ".join(member.roles), state, factor, last)
    out.print(table)


@app.command("roles")
def set_roles(
    name: str = NAME, roles: list[Audience] = ROLE, reason: str = REASON, as_json: AsJson = False
) -> None:
    """Give a member of staff these roles and no others."""
    with _change():
        staff.set_roles(username=name, roles=roles, actor=_actor(), reason=reason, at=timezone.now())
    _tell_member(name, as_json)


@app.command()
def lock(name: str = NAME, reason: str = WHY, as_json: AsJson = False) -> None:
    """Lock a member of staff out: open sessions end with the next click."""
    with _change():
        staff.set_active(username=name, active=False, actor=_actor(), reason=reason, at=timezone.now())
    _tell_member(name, as_json)


@app.command()
def unlock(name: str = NAME, reason: str = WHY, as_json: AsJson = False) -> None:
    """Let a member of staff in again."""
    with _change():
        staff.set_active(username=name, active=True, actor=_actor(), reason=reason, at=timezone.now())
    _tell_member(name, as_json)


@app.command()
def reset(
    name: str = NAME,
    reason: str = WHY,
    as_json: AsJson = False,
) -> None:
    """Print a new password and forget the second factor (a lost phone, a forgotten password)."""
    with _change():
        password = staff.reset(username=name, actor=_actor(), reason=reason, at=timezone.now())
    _print_password(name, password, as_json)


@app.command()
def demo(as_json: AsJson = False) -> None:
    """Create the demonstration logins and print them with the code their app would show now."""
    with _change():
        logins = demonstration.add_people(at=timezone.now())
    if as_json:
        print_json([asdict(login) for login in logins])
        return
    table = Table("name", "password", "role", "code now", "who")
    for login in logins:
        table.add_row(login.username, login.password, login.role, login.code, login.full_name)
    out.print(table)
    out.print(f"Secret for an authenticator app: {demonstration.SECRET}", highlight=False)


@contextmanager
def _change() -> Iterator[None]:
    try:
        with database(), transaction():
            yield
    except (staff.StaffError, ValidationError) as error:
        message = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise typer.BadParameter(message) from error


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def _tell_member(name: str, as_json: bool) -> None:
    with database():
        member = next(one for one in staff.members() if one.username == name)
    if as_json:
        print_json(asdict(member))
        return
    state = "may sign in" if member.active else "is locked out"
    out.print(f"{name} {state}: {', '.join(member.roles)}.", highlight=False)


def _print_password(name: str, password: str, as_json: bool) -> None:
    if as_json:
        print_json({"username": name, "password": password})
        return
    line = f"{name} signs in at /console/ with this password (shown once): [bold]{password}[/]"
    out.print(line, highlight=False)
