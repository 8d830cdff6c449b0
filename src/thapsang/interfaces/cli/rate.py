"""`thapsang rate`: price one case from the command line, with no database running."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thapsang.domain.tariffs import queries
from thapsang.engines.money import format_dong, grouped
from thapsang.engines.rating import (
    BANDS,
    Case,
    CaseLine,
    PolicyError,
    RatingProblem,
    Reading,
    Reference,
    TariffBook,
    rate_one,
)
from thapsang.interfaces.cli.printing import REFUSED, AsJson, print_json

_FIELD_OPTIONS = {
    "kwh": "--kwh",
    "category": "--category",
    "voltage": "--voltage",
    "household_quarters": "--households",
    "start": "--from",
    "end": "--to",
}


def rate(
    category: Annotated[
        str, typer.Option(help="Tariff category: residential, production, business …")
    ] = "residential",
    kwh: Annotated[
        str, typer.Option(help="Energy of the period in whole kWh; the sum of --band when those are given.")
    ] = "",
    start: Annotated[str, typer.Option("--from", help="First day billed, YYYY-MM-DD.")] = "",
    end: Annotated[
        str, typer.Option("--to", help="Day after the last day billed (exclusive), YYYY-MM-DD.")
    ] = "",
    households: Annotated[
        str, typer.Option(help="Households sharing the meter; 0.25 is one tenant of four.")
    ] = "1",
    voltage: Annotated[str, typer.Option(help="Voltage of supply: ge110, 22to110, 6to22 or lt6.")] = "lt6",
    band: Annotated[
        list[str] | None,
        typer.Option(help="kWh of a register of a three-rate meter: normal=…, peak=…, offpeak=…"),
    ] = None,
    kvarh: Annotated[
        str, typer.Option(help="Reactive energy in kvarh; charged below power factor 0.90.")
    ] = "0",
    reading: Annotated[
        list[str] | None,
        typer.Option(
            help="A reading inside the period: DATE=kWh used since the reading before, or DATE to share by days."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Price one case: what a point that used so much from one day to another has to pay, line by line.

    Dates are half-open: a whole June is [bold]--from 2026-06-01 --to 2026-07-01[/bold]. A reading splits the
    energy at its day: [bold]--reading 2026-06-10=57[/bold] says 57 kWh were used before the 10th;
    [bold]--reading 2026-06-10[/bold] shares the energy by days there.
    """
    book = _book()
    bands = _bands(band or [])
    energy = _energy(kwh, bands)
    first, last = _day(start, "--from"), _day(end, "--to")
    if last <= first:
        _refuse("--to", f"{last} is not after --from {first}.", "The end is exclusive: give a later day.")
    _known(category, "--category", book.categories)
    _known(voltage, "--voltage", book.voltages)
    case = _rated(
        book,
        category=category,
        start=first,
        end=last,
        kwh=energy,
        voltage=voltage,
        bands=bands,
        household_quarters=_quarters(households),
        kvarh=_whole(kvarh, "--kvarh", "kvarh"),
        readings=_readings(reading or [], first, last, energy, bands),
    )
    if as_json:
        print_json(case_json(case))
    else:
        _show(case, book)


def case_json(case: Case) -> dict[str, Any]:
    """Return a case as JSON-able data: amounts in đồng, `vat_rate` as a fraction of one."""
    return {
        "category": case.category,
        "from": case.start.isoformat(),
        "to": case.end.isoformat(),
        "households": case.household_quarters / 4,
        "kwh": case.kwh,
        "kvarh": case.kvarh,
        "lines": [_line_json(line, case) for line in case.lines],
        "net": case.net,
        "vat_rate": case.vat_rate / 10_000,
        "vat_basis_points": case.vat_rate,
        "vat_reference": case.vat_reference.citation,
        "vat": case.vat,
        "total": case.total,
    }


def _line_json(line: CaseLine, case: Case) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": line.kind}
    if line.kind == "reactive":
        data |= {"kvarh": case.kvarh, "k_percent": line.price / 100}
    if line.tier:
        data["tier"] = line.tier
    if line.band:
        data["band"] = line.band
    return data | {
        "kwh": line.kwh,
        "price": None if line.kind == "reactive" else line.price,
        "amount": line.amount,
        "from": line.start.isoformat(),
        "to": line.end.isoformat(),
        **_reference_json(line.reference),
    }


def _reference_json(reference: Reference) -> dict[str, Any]:
    kept = asdict(reference)
    return {
        "reference": reference.citation,
        "reference_code": kept["code"],
        "reference_date": kept["date"].isoformat(),
        "confidence": kept["confidence"],
        "doubt": kept["doubt_en"] or None,
    }


def _refuse(option: str, problem: str, remedy: str) -> NoReturn:
    """Say what is wrong with an option and how to mend it, and leave with code 2."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]{option}[/]: {escape(problem)} {escape(remedy)}"
    )
    raise typer.Exit(REFUSED)


def _book() -> TariffBook:
    try:
        return queries.current_book()
    except PolicyError as error:
        _refuse("policy", str(error), "Run `thapsang policy check` after mending it.")


def _rated(book: TariffBook, **case: Any) -> Case:
    try:
        return rate_one(book, **case)
    except RatingProblem as problem:
        detail = problem.detail
        option = _FIELD_OPTIONS.get(str(detail["field"]), str(detail["field"]))
        _refuse(option, f"{detail['problem']} {_context(problem.code, book, case)}", str(detail["remedy"]))


def _context(code: str, book: TariffBook, case: Mapping[str, Any]) -> str:
    if code == "no-price":
        first, last = book.editions[0].start, book.editions[-1].end or "today"
        return (
            f"Prices are known from {first} to {last}, not all for {case['category']} at {case['voltage']}."
        )
    if code == "no-vat":
        return f"VAT rates are known for last days before {book.vat[-1].end}."
    return ""


def _day(text: str, option: str) -> date:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):  # fromisoformat takes a week as well
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        _refuse(option, f"{text!r} is not a date." if text else "missing.", "Write it as YYYY-MM-DD.")


def _whole(text: str, option: str, unit: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        remedy = f"Give whole {unit}, zero or more, digits only."
        _refuse(option, f"{text!r} is not a whole number of {unit}." if text else "missing.", remedy)
    return int(text)


def _bands(given: list[str]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for text in given:
        name, _, amount = text.partition("=")
        if name not in BANDS or name in found:
            _refuse(
                "--band",
                f"{text!r} does not name a register once.",
                f"Write NAME=kWh with {', '.join(BANDS)}.",
            )
        found[name] = _whole(amount, f"--band {name}", "kWh")
    return {name: found.get(name, 0) for name in BANDS} if found else None


def _energy(kwh: str, bands: dict[str, int] | None) -> int:
    if bands is None:
        return _whole(kwh, "--kwh", "kWh")
    total = sum(bands.values())
    if kwh and _whole(kwh, "--kwh", "kWh") != total:
        _refuse(
            "--kwh", f"{kwh} differs from the sum of the bands, {total}.", "Leave --kwh out, or mend a band."
        )
    return total


def _quarters(households: str) -> int:
    try:  # nine signs of a plain number: an exponent could ask for a number of a billion digits
        quarters = Fraction(households) * 4 if re.fullmatch(r"[0-9./]{1,9}", households) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        quarters = Fraction(0)
    if not 0 < quarters < 2**31 or quarters.denominator != 1:
        _refuse("--households", f"{households!r} is not a number of households.", "Use 1, 2, 0.25, 3/4 …")
    return int(quarters)


def _known(value: str, option: str, known: Mapping[str, object]) -> None:
    if value not in known:
        _refuse(option, f"{value!r} is unknown.", f"Use one of: {', '.join(known)}.")


def _readings(
    given: list[str], first: date, last: date, energy: int, bands: dict[str, int] | None
) -> tuple[Reading, ...]:
    found = sorted((_reading(text, bands) for text in given), key=lambda reading: reading.day)
    days = [first, *(reading.day for reading in found), last]
    if any(b <= a for a, b in pairwise(days)):
        _refuse(
            "--reading",
            "a day is outside the period or given twice.",
            f"Give days after {first} and before {last}.",
        )
    if sum(reading.kwh or 0 for reading in found) > energy:
        _refuse(
            "--reading",
            "the stretches use more than --kwh.",
            "Give the kWh of each stretch, not the register.",
        )
    return tuple(found)


def _reading(text: str, bands: dict[str, int] | None) -> Reading:
    day, given, amount = text.partition("=")
    if given and bands is not None:
        _refuse(
            "--reading",
            "kWh of a stretch cannot be split over --band.",
            "Give the date alone, or leave bands out.",
        )
    return Reading(_day(day, "--reading"), _whole(amount, f"--reading {day}", "kWh") if given else None)


def _show(case: Case, book: TariffBook) -> None:
    console = Console(highlight=False)
    name = book.categories[case.category].words
    households = f" · {case.household_quarters / 4:g} households" if case.household_quarters != 4 else ""
    console.print(f"[bold]{name.vi}[/] ({name.en}) · {grouped(case.kwh)} kWh{households}")
    console.print(f"from {case.start} to {case.end}, the end not billed", style="dim")
    console.print(_table(case))
    console.print(f"VAT {case.vat_rate / 100:g} % ({case.vat_reference.code})  {format_dong(case.vat)}")
    console.print(f"[bold]Total  {format_dong(case.total)}[/]")
    references = [*(line.reference for line in case.lines), case.vat_reference]
    for reference in {item.number: item for item in references}.values():
        console.print(f"[dim]{reference.code}:[/] {reference.citation}")
        if reference.doubt_en:
            console.print(f"[yellow]  not certain:[/] {reference.doubt_en}")


def _table(case: Case) -> Table:
    """One row a line; its days are shown only where the period was cut."""
    cut = len({line.start for line in case.lines}) > 1
    table = Table(show_footer=True, header_style="bold")
    for title, footer in (("", "net"), ("from", ""), ("to", ""))[: 3 if cut else 1]:
        table.add_column(title, footer, no_wrap=True)
    for title, footer in (
        ("kWh", grouped(sum(line.kwh for line in case.lines))),
        ("đ/kWh", ""),
        ("amount", format_dong(case.net)),
    ):
        table.add_column(title, footer, justify="right", no_wrap=True)
    table.add_column("basis", no_wrap=True)
    for line in case.lines:
        what, *rest = _cells(line, case)
        table.add_row(what, *((str(line.start), str(line.end)) if cut else ()), *rest)
    return table


def _cells(line: CaseLine, case: Case) -> tuple[str, ...]:
    reactive = line.kind == "reactive"
    return (
        f"tier {line.tier}" if line.tier else line.band or line.kind,
        f"{grouped(case.kvarh)} kvarh" if reactive else grouped(line.kwh),
        f"k {line.price / 100:g} %" if reactive else grouped(line.price),
        format_dong(line.amount),
        f"{line.reference.code}{' ?' if line.reference.doubt else ''}",
    )
