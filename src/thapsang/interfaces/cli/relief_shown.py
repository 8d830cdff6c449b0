"""What the commands of relief share: options, people, refusals, and how batches and simulations are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from thapsang.domain.billing.types import BillingError
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.types import BatchProgress, BatchView, ReliefError
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, WRONG, print_json
from thapsang.journeys import relieve_months
from thapsang.kit.identity import staff
from thapsang.kit.identity.models import User

out = Console()
errors = Console(stderr=True)
BY = typer.Option(..., "--by", metavar="NAME", help="Who does it: the sign-in name of a member of staff.")


def person(name: str) -> User:
    """Return an active member of staff who may carry relief; raises ReliefError naming the option."""
    found = staff.member(username=name)
    if found is None:
        raise ReliefError(f"--by: no active member of staff signs in as {name!r}: see `thapsang staff list`.")
    if not {"billing", "administrator"} & {role.value for role in found.audiences}:
        raise ReliefError(f"--by: {name} has neither the role billing nor administrator.")
    return found


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what is refused into a plain sentence and an exit code: 2 asked wrongly, 1 went wrong."""
    try:
        yield
    except (ReliefError, PolicyError, BillingError) as error:
        _refuse(error, REFUSED)
    except (relieve_months.BatchFailedError, relieve_months.BatchInterruptedError) as error:
        _refuse(error, WRONG)


def _refuse(error: Exception, code: int) -> NoReturn:
    errors.print(str(error), style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@contextmanager
def bar(*, quiet: bool) -> Iterator[Callable[[BatchProgress], None]]:
    """Draw how far a batch is; yields what tells it."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[bills]:,} bills"), TimeElapsedColumn(),
        console=errors, disable=quiet,
    ) as drawn:  # fmt: skip
        task = drawn.add_task("relief", total=None, bills=0)
        yield lambda now: drawn.update(task, total=now.books, completed=now.done, bills=now.bills)


def show_batch(found: BatchView, as_json: bool) -> None:
    """Print a batch, what it was computed to give and what it gave."""
    phases = _progress(found)
    if as_json:
        print_json({**asdict(found), "progress": [asdict(one) for one in phases]})
        return
    months = ", ".join(f"{month:%Y-%m}" for month in found.months)
    out.print(f"batch {found.id} ({', '.join(found.programmes)}; {months}): {found.status}", highlight=False)
    total = found.totals.get("total")
    if total:
        out.print(f"computed: {total['points']:,} bills, {total['amount']:,} + VAT {total['vat']:,} đồng, "
                  f"cash {total['cash']:,}")  # fmt: skip
    for one in phases:
        what = "granted" if one.phase == 1 else "taken back"
        out.print(f"{what}: {one.done}/{one.books} books, {one.bills:,} bills, {one.net:,} + VAT {one.vat:,} đồng, "
                  f"cash {one.cash:,}")  # fmt: skip


def _progress(found: BatchView) -> list[BatchProgress]:
    with database():
        both = [queries.progress(batch_id=found.id, phase=phase) for phase in (1, 2)]
    return [one for one in both if one.books]


def show_simulation(result: dict[str, Any]) -> None:
    """Print a simulation of one variant."""
    total = result["total"]
    out.print(
        f"[bold]{result['name']}[/]: {result['customers']:,} customers, {total['points']:,} of "
        f"{result['bills']:,} bills, {total['amount']:,} + VAT {total['vat']:,} đồng, cash {total['cash']:,}",
        highlight=False,
    )  # fmt: skip
    for key, rows in (("month", "by_month"), ("category", "by_category"), ("team", "by_team")):
        table = Table(key, *(Column(n, justify="right") for n in ("bills", "đồng", "VAT", "cash")), box=None)
        for row in result[rows]:
            table.add_row(str(row[key]), *(f"{row[n]:,}" for n in ("points", "amount", "vat", "cash")))
        out.print(table)
    deciles = result["distribution"]["deciles"]
    if deciles:
        out.print("a bill gets, by tenths: " + ", ".join(f"{value:,}" for value in deciles) + " đồng")
    for row in result["largest"]:
        out.print(
            f"largest: {row['month']} {row['point_code']} {row['worth']:,} đồng ({row['category']}, {row['team']})"
        )
    for row in result["missed"]:
        near = ", ".join(
            f"{one['point_code']} {one['kwh']} kWh of {one['limit']}" for one in row["nearest"][:3]
        )
        out.print(f"just missed {row['programme']}/{row['rule']}: {row['points']:,} bills, nearest {near}")
    if result["unpriced"]:
        out.print(
            f"{result['unpriced']:,} bills have no price to move to; see `thapsang relief why`", style="red"
        )
