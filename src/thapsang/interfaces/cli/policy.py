"""`thapsang policy`: check the rules an installation bills by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from rich.console import Console
from rich.table import Table

from thapsang.engines.rating import PolicyError, TariffBook, load_book

app = typer.Typer(help="The policies: prices and rules as dated data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The policies: prices and rules as dated data."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Option(help="A tariffs folder; the installation's own by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the tariff files: keys, dates, prices, references, and that decisions follow each other.

    Leaves with code 2 and the file, the key and the fix when something is wrong.
    """
    place = folder or Path(settings.POLICIES) / settings.DISTRIBUTOR / "tariffs"
    try:
        book = load_book(place)
    except PolicyError as error:
        _complain(error, as_json)
        raise typer.Exit(2) from error
    if as_json:
        print(json.dumps(_summary(book), ensure_ascii=False, indent=1))
    else:
        _show(book)


def _complain(error: PolicyError, as_json: bool) -> None:
    if as_json:
        wrong = {
            "ok": False,
            "file": error.file,
            "key": error.key,
            "problem": error.problem,
            "remedy": error.remedy,
        }
        print(json.dumps(wrong, ensure_ascii=False, indent=1))
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
