"""`thapsang policy`: check the rules an installation bills by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from rich.console import Console
from rich.table import Table

from thapsang.engines.rating import PolicyError, TariffBook, load_book
from thapsang.engines.relief import Outcome, ReliefBook, load_reliefs, load_scenarios, run_scenario
from thapsang.interfaces.cli.printing import REFUSED, WRONG, AsJson, print_json

app = typer.Typer(help="The policies: prices and rules as dated data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The policies: prices and rules as dated data."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Option(help="A tariffs folder; the installation's own by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the tariff files and the reliefs beside them: keys, dates, prices, references, order, overlaps.

    Leaves with code 2 and the file, the key and the fix when something is wrong.
    """
    place = folder or _installed() / "tariffs"
    try:
        book = load_book(place)
        reliefs = _reliefs_beside(place, book)
    except PolicyError as error:
        _complain(error, as_json)
        raise typer.Exit(REFUSED) from error
    if as_json:
        found = {**_summary(book), "reliefs": _relief_summary(reliefs) if reliefs else None}
        print_json(found)
    else:
        _show(book)
        if reliefs:
            _show_reliefs(reliefs)


@app.command("test")
def scenarios(
    folder: Annotated[
        Path | None,
        typer.Option(
            help="A distributor's folder with tariffs, reliefs and scenarios; the installation's own."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the worked cases under `scenarios/reliefs`: what each bill must come to, line by line.

    Leaves with code 1 when a case comes out differently, 2 when a file is wrong.
    """
    place = folder or _installed()
    try:
        outcomes = _outcomes(place)
    except PolicyError as error:
        _complain(error, as_json)
        raise typer.Exit(REFUSED) from error
    failed = sum(not outcome.passed for outcome in outcomes)
    if as_json:
        found = {"ok": not failed, "failed": failed, "scenarios": [_told(outcome) for outcome in outcomes]}
        print_json(found)
    else:
        _show_outcomes(outcomes, failed)
    raise typer.Exit(WRONG if failed else 0)


def _installed() -> Path:
    return Path(settings.POLICIES) / settings.DISTRIBUTOR


def _reliefs_beside(tariffs: Path, book: TariffBook) -> ReliefBook | None:
    folder = tariffs.parent / "reliefs"
    return load_reliefs(folder, book) if folder.is_dir() else None


def _outcomes(place: Path) -> list[Outcome]:
    book = load_book(place / "tariffs")
    reliefs = load_reliefs(place / "reliefs", book)
    cases = load_scenarios(place / "scenarios" / "reliefs", book, reliefs)
    return [run_scenario(case, book, reliefs) for case in cases]


def _told(outcome: Outcome) -> dict[str, Any]:
    case = outcome.scenario
    return {
        "file": case.file,
        "code": case.code,
        "name": case.name.vi,
        "name_en": case.name.en,
        "passed": outcome.passed,
        "differences": list(outcome.differences),
        "found": outcome.found,
    }


def _show_outcomes(outcomes: list[Outcome], failed: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    file = ""
    for outcome in outcomes:
        case = outcome.scenario
        if case.file != file:
            file = case.file
            console.print(file, style="bold", markup=False)
        console.print(f"  {'pass' if outcome.passed else 'FAIL'}  {case.code}: {case.name.en}", markup=False)
        for difference in outcome.differences:
            console.print(f"        {difference}", markup=False)
    console.print(f"{len(outcomes) - failed} passed, {failed} failed.")


def _relief_summary(reliefs: ReliefBook) -> dict[str, Any]:
    return {
        "sha256": reliefs.sha256,
        "programmes": [
            {
                "code": programme.code,
                "valid_by": programme.valid.by,
                "from": programme.valid.start.isoformat(),
                "until": programme.valid.end.isoformat() if programme.valid.end else None,
                "rules": [rule.code for rule in programme.rules if rule.applied],
                "not_applied": [rule.code for rule in programme.rules if not rule.applied],
            }
            for programme in reliefs.programmes
        ],
        "references": len(reliefs.references),
        "doubtful": sum(1 for reference in reliefs.references if reference.doubt),
    }


def _show_reliefs(reliefs: ReliefBook) -> None:
    console = Console(highlight=False)
    table = Table(
        "programme",
        "valid by",
        "from",
        "until",
        "rules",
        title=f"{len(reliefs.content)} relief files are right",
    )
    for programme in reliefs.programmes:
        valid = programme.valid
        table.add_row(
            programme.code,
            valid.by,
            str(valid.start),
            str(valid.end or "further notice"),
            str(len(programme.rules)),
        )
    console.print(table)
    doubtful = sum(1 for reference in reliefs.references if reference.doubt)
    console.print(f"{len(reliefs.references)} legal references, {doubtful} of them in doubt.")


def _complain(error: PolicyError, as_json: bool) -> None:
    if as_json:
        wrong = {
            "ok": False,
            "file": error.file,
            "key": error.key,
            "problem": error.problem,
            "remedy": error.remedy,
        }
        print_json(wrong)
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[bold red]{error.file}[/] {error.key}", markup=True
        )
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"{error.problem} {error.remedy}", markup=False
        )


def _summary(book: TariffBook) -> dict[str, Any]:
    return {
        "ok": True,
        "distributor": book.distributor,
        "sha256": book.sha256,
        "files": list(book.content),
        "decisions": [
            {
                "code": edition.code,
                "from": edition.start.isoformat(),
                "until": edition.end.isoformat() if edition.end else None,
                "prices": len(edition.tariffs),
            }
            for edition in book.editions
        ],
        "vat_known_before": book.vat[-1].end.isoformat(),
        "references": len(book.references),
        "doubtful": sum(1 for reference in book.references if reference.doubt),
        "pending": [item.code for item in book.pending],
    }


def _show(book: TariffBook) -> None:
    console = Console(highlight=False)
    table = Table(
        "decision",
        "from",
        "until",
        "categories",
        title=f"{book.distributor}: {len(book.content)} files are right",
    )
    for edition in book.editions:
        categories = {category for category, _ in edition.tariffs}
        table.add_row(
            edition.code, str(edition.start), str(edition.end or "further notice"), str(len(categories))
        )
    console.print(table)
    doubtful = sum(1 for reference in book.references if reference.doubt)
    console.print(
        f"{len(book.references)} legal references, {doubtful} of them in doubt; "
        f"VAT known before {book.vat[-1].end}."
    )
