"""Rating one case by name: the same kernel with a table of one point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pyarrow as pa

from thapsang.engines.policies import Reference
from thapsang.engines.rating.batch import rate
from thapsang.engines.rating.book import BANDS, TariffBook
from thapsang.engines.rating.columns import TERMS, USAGE
from thapsang.engines.rating.errors import RatingProblem


@dataclass(frozen=True)
class Reading:
    """A reading inside the period: `kwh` used from the reading before (or the start) up to `day`.

    Without `kwh` the energy up to that day is shared by days, as if it had been read so.
    """

    day: date
    kwh: int | None = None


@dataclass(frozen=True)
class CaseLine:
    """A priced line. Kind `reactive` has kvarh and k (hundredths of a percent) instead of kWh and price."""

    kind: str
    tier: int
    band: str
    kwh: int
    price: int
    amount: int
    start: date
    end: date
    reference: Reference


@dataclass(frozen=True)
class Case:
    """One rated case: amounts in đồng, VAT rate in basis points."""

    start: date
    end: date
    category: str
    household_quarters: int
    kwh: int
    kvarh: int
    lines: tuple[CaseLine, ...]
    net: int
    vat_rate: int
    vat: int
    total: int
    vat_reference: Reference


def rate_one(
    book: TariffBook,
    *,
    category: str,
    start: date,
    end: date,
    kwh: int,
    household_quarters: int = 4,
    voltage: str = "lt6",
    bands: dict[str, int] | None = None,
    kvarh: int = 0,
    readings: tuple[Reading, ...] = (),
) -> Case:
    """Rate one point over [start, end).

    Takes kWh and kvarh of the period; `bands` gives the three registers of a three-rate meter and turns
    time-of-use on; kvarh above zero charges reactive energy. Raises RatingProblem with the code and the
    detail `rate` would put in its problems table.
    """
    usage = _usage(start, end, kwh, bands, kvarh, readings)
    terms = pa.Table.from_pylist(
        [
            {
                "point": 1,
                "start": start,
                "end": end,
                "category": category,
                "voltage": voltage,
                "household_quarters": household_quarters,
                "time_of_use": bands is not None,
                "reactive_charged": kvarh != 0,
            }
        ],
        TERMS,
    )
    rated = rate(book, usage, terms)
    for problem in rated.problems.to_pylist():
        raise RatingProblem(problem["code"], json.loads(problem["detail"]))
    return _case(book, rated.bills.to_pylist()[0], rated.lines.to_pylist())


def _usage(
    start: date, end: date, kwh: int, bands: dict[str, int] | None, kvarh: int, readings: tuple[Reading, ...]
) -> pa.Table:
    days = [start, *(reading.day for reading in readings), end]
    registers = {f"kwh_{band}": (bands or {}).get(band, 0) for band in BANDS}
    shares = {name: _spread(total, days, ()) for name, total in {**registers, "kvarh": kvarh}.items()}
    energy = (
        _spread(kwh, days, readings)
        if bands is None
        else [sum(parts) for parts in zip(*(shares[name] for name in registers), strict=True)]
    )
    rows = [
        {
            "point": 1,
            "segment": i,
            "start": a,
            "end": b,
            "kwh": energy[i],
            "banded": bands is not None,
            **{name: parts[i] for name, parts in shares.items()},
        }
        for i, (a, b) in enumerate(pairwise(days))
    ]
    return pa.Table.from_pylist(rows, USAGE)


def _spread(total: int, days: list[date], readings: tuple[Reading, ...]) -> list[int]:
    """Return the energy of each stretch: what a reading says, or its share by days of what is left."""
    given = [reading.kwh for reading in readings] or [None] * (len(days) - 2)
    parts: list[int] = []
    for i, known in enumerate([*given, None]):
        left, span = total - sum(parts), (days[-1] - days[i]).days
        passed = (days[i + 1] - days[i]).days
        parts.append(
            known if known is not None else (2 * left * passed + span) // (2 * span) if span > 0 else left
        )
    return parts


def _case(book: TariffBook, bill: dict[str, object], lines: list[dict[str, object]]) -> Case:
    vat = book.vat_on(max(period.start for period in book.vat if period.start < bill["end"]))  # type: ignore[operator]
    assert vat is not None
    kept = {name: value for name, value in bill.items() if name != "point"}
    return Case(
        **kept,  # type: ignore[arg-type]
        vat_reference=book.reference(vat.reference),
        lines=tuple(
            CaseLine(
                **{
                    name: value
                    for name, value in line.items()
                    if name not in {"point", "line_no", "reference"}
                },  # type: ignore[arg-type]
                reference=book.reference(line["reference"]),  # type: ignore[arg-type]
            )
            for line in lines
        ),
    )
