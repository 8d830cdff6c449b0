"""`thapsang customers …`: find a customer, show one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Column, Table

from thapsang.domain.customers import queries
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, AsJson, print_json

app = typer.Typer(help="The customer register.", no_args_is_help=True)


@app.command()
def find(
    text: str = typer.Argument(
        help="Code, name (with or without diacritics), phone, ID number, tax code, address."
    ),
    limit: int = typer.Option(20, min=1, help="Hits at most."),
    as_json: AsJson = False,
) -> None:
    """Find customers, best fit first."""
    with database():
        hits = queries.search(text=text, limit=limit)
    if as_json:
        print_json([asdict(hit) for hit in hits])
        return
    table = Table("code", "name", "address", "found by")
    for hit in hits:
        table.add_row(hit.code, hit.name, hit.address, hit.matched_on)
    Console().print(table if hits else "Nobody found. Fewer words find more.")


@app.command()
def show(
    code: str = typer.Argument(help="The 13-character customer code."),
    as_json: AsJson = False,
) -> None:
    """Show a customer with supply points and terms; phones are masked."""
    with database():
        found = _customer(code)
    if found is None:
        typer.echo(f"No customer has the code {code}; `thapsang customers find` searches.", err=True)
        raise typer.Exit(REFUSED)
    if as_json:
        print_json(found)
        return
    _print(found)


def _customer(code: str) -> dict[str, Any] | None:
    customer = queries.find_customer(code=code.upper())
    if customer is None:
        return None
    points = queries.supply_points_of(customer_ids=[customer.id], on=timezone.localdate())
    contacts = queries.contact_points(customer_id=customer.id)
    return asdict(customer) | {
        "supply_points": [
            asdict(point)
            | {"terms": [asdict(term) for term in queries.terms(agreement_id=point.agreement_id)]}
            for point in points
        ],
        "contact_points": [
            {"kind": contact.kind, "value": contact.masked, "verified": contact.verified_at is not None}
            for contact in contacts
        ],
    }


def _print(found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"[bold]{found['name']}[/bold]  {found['code']}  ({found['kind']})")
    for contact in found["contact_points"]:
        console.print(
            f"  {contact['kind']} {contact['value']}{'' if contact['verified'] else ' (not verified)'}"
        )
    table = Table(
        Column("supply point", no_wrap=True), "address", "category", "households", "voltage", "book"
    )
    for point in found["supply_points"]:
        table.add_row(
            point["code"], f"{point['address']}, {point['commune']}", point["category"],
            f"{point['household_quarters'] / 4:g}", point["voltage"], point["book"],
        )  # fmt: skip
    console.print(table)
