"""`thapsang demo run`: the whole product on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer
from django.db import connection
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from thapsang.interfaces.cli.children import Children, PortTakenError, refuse_taken_port, wait_for_page
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.demo_steps import Step, prepare
from thapsang.interfaces.cli.printing import WRONG
from thapsang.journeys import load_demo
from thapsang.kit.db.embedded import EmbeddedServerError
from thapsang.kit.db.place import ROOT
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import demonstration

console = Console()
LOGS = ROOT / "var" / "log"


@dataclass(frozen=True)
class Ports:
    """Where the demonstration listens."""

    web: int
    twins: int

    @property
    def web_url(self) -> str:
        """The portal's address."""
        return f"http://127.0.0.1:{self.web}"

    @property
    def twins_url(self) -> str:
        """The sandbox twins' address."""
        return f"http://127.0.0.1:{self.twins}"


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(Exception):
    """Ctrl-C, SIGTERM or a closed terminal."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Begin to stop; an impatient second Ctrl-C must not cut the stopping short and leave processes behind."""
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise _Stopped


def run(
    port: int = typer.Option(8000, help="Port of the web site; the sandbox twins take the next one."),
    customers: int = typer.Option(
        20_000, help="Customers of the province when it is loaded for the first time."
    ),
) -> None:
    """Start everything, with last month's bills made, and stay up until Ctrl-C."""
    ports = Ports(web=port, twins=port + 1)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        refuse_taken_port(ports.web, option="PORT")
        refuse_taken_port(ports.twins, option="PORT")
        _run(ports, customers)
    except (PortTakenError, EmbeddedServerError, load_demo.DemoError, RuntimeError) as problem:
        console.print(f"[red]{problem}[/]", soft_wrap=True)
        raise typer.Exit(WRONG) from None
    except _Stopped:
        console.print("\nStopped.")


def _run(ports: Ports, customers: int) -> None:
    os.environ.update(
        THAPSANG_PUBLIC_URL=ports.web_url, THAPSANG_TWIN_URL=ports.twins_url, THAPSANG_MANIFEST="1"
    )
    with _display() as progress, database(), Children(logs=LOGS) as children:
        prepare(progress, customers)
        with transaction():
            staff = demonstration.add_people(at=timezone.now())
        # One after another: the first page is there sooner when nobody competes for the cores.
        with Step(progress, "Starting the web server"):
            children.start("web", "serve", "--port", str(ports.web))
            wait_for_page(f"{ports.web_url}/healthz", children)
        with Step(progress, "Starting the worker and the sandbox twins"):
            children.start("twins", "twins", "--port", str(ports.twins))
            children.start("worker", "worker")
            wait_for_page(f"{ports.twins_url}/sms/inbox", children)
        progress.stop()
        connection.close()
        _announce(ports, staff)
        _watch(children)


@contextmanager
def _display() -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _announce(ports: Ports, staff: list[demonstration.Login]) -> None:
    """Print where to go and who to be."""
    where = Table(box=None, show_header=False, pad_edge=False)
    where.add_row("[bold]Portal[/], for customers", ports.web_url)
    where.add_row("[bold]Console[/], for staff", f"{ports.web_url}/console/")
    where.add_row("[bold]Short messages[/] of the sandbox", f"{ports.twins_url}/sms/inbox")
    where.add_row("[bold]Logs[/]", str(LOGS))
    console.print("\n[bold]Thắp Sáng is up.[/] Ctrl-C stops everything.\n")
    console.print(where, soft_wrap=True)
    _announce_people(staff)


def _announce_people(staff: list[demonstration.Login]) -> None:
    customers = Table(
        "customer", "code", "phone (the code comes to the short messages)", box=None, pad_edge=False
    )
    for person in load_demo.logins():
        customers.add_row(person["about"]["en"], person["customer_code"], person["phone"])
    console.print("\n", customers)
    members = Table("staff", "role", "password", "code now", box=None, pad_edge=False)
    for login in staff:
        members.add_row(login.username, login.role, login.password, login.code)
    console.print("\n", members)
    console.print(
        "[dim]The code changes every 30 seconds: `.venv/bin/thapsang staff demo` prints the present one.[/]\n"
    )


def _watch(children: Children) -> None:
    """Wait for Ctrl-C; say so when a process ends by itself."""
    while True:
        time.sleep(1)
        if name := children.ended():
            raise RuntimeError(f"{name} ended by itself. The end of its log:\n{children.log_end(name)}")
