"""`thapsang relief …`: programmes from draft to in force, simulate, grant as a batch, take back, say why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import typer
from django.utils import timezone
from rich.table import Table

from thapsang.domain.billing.types import month_of
from thapsang.domain.customers import queries as customers
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import ReliefError
from thapsang.domain.tariffs import queries as tariffs
from thapsang.interfaces.cli import relief_evidence
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import AsJson, print_json
from thapsang.interfaces.cli.relief_shown import (
    BY,
    bar,
    out,
    person,
    refusals,
    show_batch,
    show_simulation,
)
from thapsang.journeys import relieve_months
from thapsang.kit.db.transactions import transaction

app = typer.Typer(
    help="Relief programmes: draft, review, simulate, apply, reverse, why.", no_args_is_help=True
)
app.add_typer(relief_evidence.app, name="evidence")

PROGRAMME = typer.Argument(help="Code of the programme, or its number (#12), as `relief list` shows them.")
BATCH = typer.Argument(help="Number of the batch, as `relief batches` shows it.")
REASON = typer.Option(..., "--reason", help="Why; goes into the audit log.")
MONTHS = typer.Option(
    ..., "--months", metavar="YYYY-MM,…", help="Months already billed, for example 2021-08,2021-09."
)


@app.command("list")
def list_programmes(as_json: AsJson = False) -> None:
    """List the programmes, all states, in stacking order."""
    with database():
        rows = queries.programmes()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("no.", "programme", "status", "valid", "order", "drafted by", "reviewed by")
    for row in rows:
        valid = f"{row.valid_by} {row.valid_from} to {row.valid_until or 'further notice'}"
        table.add_row(
            f"#{row.id}", row.code, row.status, valid, str(row.stack_order), row.drafted_by, row.reviewed_by
        )
    out.print(table)


@app.command()
def draft(
    files: list[Path] = typer.Argument(help="YAML files of programmes."),
    by: str = BY,
    reason: str = REASON,
    as_json: AsJson = False,
) -> None:
    """Keep programmes as drafts, each file exactly as it is; a fault is told by file, key and fix."""
    with database(), refusals():
        made = []
        for path in files:
            text = _text_of(path)
            with transaction():
                number = operations.draft(
                    file=path.name, text=text, tariffs=tariffs.current_book(), actor=person(by), reason=reason,
                    at=timezone.now(),
                )  # fmt: skip
            made.append(queries.programme(programme_id=number))
    rows = [asdict(row) for row in made if row]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        out.print(
            f"#{row['id']} {row['code']}: {row['status']}. Next, by somebody else: thapsang relief review "
            f"'#{row['id']}'"
        )


@app.command()
def review(programme: str = PROGRAMME, by: str = BY, as_json: AsJson = False) -> None:
    """Mark a draft reviewed; never by the one who drafted it."""
    _step(programme, "draft", as_json, lambda number: operations.review(
        programme_id=number, actor=person(by), at=timezone.now()))  # fmt: skip


@app.command("put-in-force")
def put_in_force(programme: str = PROGRAMME, by: str = BY, as_json: AsJson = False) -> None:
    """Put a reviewed programme in force; an edition with the same code and first day is closed with it."""
    _step(programme, "reviewed", as_json, lambda number: operations.put_in_force(
        programme_id=number, tariffs=tariffs.current_book(), actor=person(by), at=timezone.now()))  # fmt: skip


@app.command()
def close(programme: str = PROGRAMME, by: str = BY, reason: str = REASON, as_json: AsJson = False) -> None:
    """Close a programme: nothing more is granted by it; what it granted stands."""
    _step(programme, "", as_json, lambda number: operations.close(
        programme_id=number, tariffs=tariffs.current_book(), actor=person(by), reason=reason,
        at=timezone.now()))  # fmt: skip


def _step(programme: str, status: str, as_json: bool, do: Callable[[int], object]) -> None:
    with database(), refusals():
        number = queries.programme_named(name=programme, status=status).id
        with transaction():
            do(number)
        found = queries.programme(programme_id=number)
    assert found is not None
    print_json(asdict(found)) if as_json else out.print(f"#{found.id} {found.code}: {found.status}")


@app.command()
def simulate(
    programmes: list[str] = typer.Argument(help="Programmes by code, #number or YAML file."),
    months: str = MONTHS,
    variants: list[Path] = typer.Option(
        [], "--variant", help="A YAML file to set beside it; may be repeated."
    ),
    as_json: AsJson = False,
) -> None:
    """Show whom programmes would reach and what they would cost, months already billed; writes nothing."""
    with database(), refusals():
        asked = [_variant(programmes), *(_variant([str(path)]) for path in variants)]
        found = relieve_months.simulate(variants=asked, months=_months(months))
    if as_json:
        print_json(found)
        return
    for result in found:
        show_simulation(result)


def _variant(named: list[str]) -> relieve_months.Variant:
    texts = {Path(name).name: _text_of(Path(name)) for name in named if _is_file(name)}
    codes = [name for name in named if not _is_file(name)]
    return relieve_months.variant_of(name=", ".join(Path(n).stem for n in named), codes=codes, texts=texts)


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


@app.command()
def apply(
    programmes: list[str] = typer.Argument(help="Codes of programmes in force."),
    months: str = MONTHS,
    by: str = BY,
    reason: str = REASON,
    name: str = typer.Option("", help="A name for the batch."),
    as_json: AsJson = False,
) -> None:
    """Ask for a batch and compute it; somebody else approves it (`relief approve`), then `relief run` grants it."""
    with database(), refusals():
        number = relieve_months.ask(
            programmes=programmes, months=_months(months), name=name or ", ".join(programmes), actor=person(by),
            reason=reason, at=timezone.now(),
        )  # fmt: skip
        found = relieve_months.compute(batch_id=number)
    show_batch(found, as_json)


@app.command()
def compute(batch: int = BATCH, as_json: AsJson = False) -> None:
    """Compute a batch again, after lists or uses changed."""
    with database(), refusals():
        found = relieve_months.compute(batch_id=batch)
    show_batch(found, as_json)


@app.command()
def approve(batch: int = BATCH, by: str = BY, as_json: AsJson = False) -> None:
    """Let a computed batch, or the reversal asked for it, begin; never by the one who asked."""
    with database(), refusals():
        relieve_months.approve(batch_id=batch, actor=person(by), at=timezone.now())
        found = queries.batch(batch_id=batch)
    show_batch(found, as_json)


@app.command()
def refuse(batch: int = BATCH, by: str = BY, reason: str = REASON, as_json: AsJson = False) -> None:
    """Turn a batch down before anything was granted."""
    with database(), refusals():
        relieve_months.refuse(batch_id=batch, actor=person(by), reason=reason, at=timezone.now())
        found = queries.batch(batch_id=batch)
    show_batch(found, as_json)


@app.command()
def reverse(batch: int = BATCH, by: str = BY, reason: str = REASON, as_json: AsJson = False) -> None:
    """Ask to take back all a batch granted; somebody else approves it, then `relief run` does it."""
    with database(), refusals():
        relieve_months.ask_reversal(batch_id=batch, actor=person(by), reason=reason, at=timezone.now())
        found = queries.batch(batch_id=batch)
    show_batch(found, as_json)


@app.command()
def run(
    batch: int = BATCH,
    workers: int = typer.Option(2, min=1, max=64, help="Processes that share the reading books."),
    as_json: AsJson = False,
) -> None:
    """Carry out an approved batch, or its reversal. Stopped at any moment, the same command goes on."""
    with database(), refusals(), bar(quiet=as_json) as tell:
        found = relieve_months.run(batch_id=batch, workers=workers, progress=tell)
    show_batch(found, as_json)


@app.command()
def batches(as_json: AsJson = False) -> None:
    """List the batches, the newest first."""
    with database():
        rows = queries.batches()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("batch", "name", "programmes", "months", "status", "asked by", "approved by")
    for row in rows:
        months = ", ".join(f"{month:%Y-%m}" for month in row.months)
        table.add_row(
            str(row.id),
            row.name,
            ", ".join(row.programmes),
            months,
            row.status,
            row.asked_by,
            row.approved_by,
        )
    out.print(table)


@app.command()
def why(
    point: str = typer.Argument(help="The 16-character code of a supply point."),
    month: str = typer.Option(
        ..., "--month", metavar="YYYY-MM", help="The month billed, for example 2021-08."
    ),
    final: int = typer.Option(
        0, "--final", min=0, max=9, help="Of a final bill: the last digit of its code."
    ),
    as_json: AsJson = False,
) -> None:
    """Tell rule by rule why a point got or did not get relief for a month, with the values used."""
    with database(), refusals():
        period = month_of(month)
        found = customers.find_supply_point(code=point, on=period)
        if found is None:
            raise ReliefError(
                f"No supply point {point!r} was supplied on {period}: check the code and the month."
            )
        told = relieve_months.explain(supply_point_id=found.id, month=period, sequence=final)
    if as_json:
        print_json({"bill": told.bill_id, "version": told.version_id, **asdict(told.why),
                     "grants": [asdict(grant) for grant in told.grants]})  # fmt: skip
        return
    for rule in told.why.rules:
        mark = "granted" if rule.granted else "not granted"
        out.print(f"[bold]{rule.programme}/{rule.rule}[/] {mark} {rule.amount:,} đồng", highlight=False)
        for one in rule.findings:
            group = f"({one.group}) " if one.group else ""
            out.print(f"    {'yes' if one.holds else 'no '} {group}{one.name}: wants {one.wanted}; met {one.value}",
                      markup=False, highlight=False)  # fmt: skip
    for problem in told.why.problems:
        out.print(problem, style="red")


def _months(text: str) -> list[date]:
    return [month_of(part) for part in text.split(",") if part.strip()]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReliefError(f"{path}: it cannot be read: {error}. Give a YAML file in UTF-8.") from error
