"""Small tables for the rating engine, and its rules again in plain slow Python."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from thapsang.engines.rating import TERMS, USAGE, TariffBook, load_book

ROOT = Path(__file__).resolve().parents[2]
NGHE_AN = ROOT / "policies" / "nghe-an" / "tariffs"
REFERENCE = ROOT / "policies" / "reference" / "tariffs"
_BOOKS: dict[Path, TariffBook] = {}


def book(folder: Path = NGHE_AN) -> TariffBook:
    """Return a book, read once."""
    if folder not in _BOOKS:
        _BOOKS[folder] = load_book(folder)
    return _BOOKS[folder]


@dataclass(frozen=True)
class Segment:
    start: date
    end: date
    kwh: int
    bands: tuple[int, int, int] | None = None
    kvarh: int = 0


@dataclass(frozen=True)
class Term:
    start: date
    end: date
    category: str = "residential"
    voltage: str = "lt6"
    quarters: int = 4
    time_of_use: bool = False
    reactive: bool = False


@dataclass(frozen=True)
class Point:
    number: int
    segments: tuple[Segment, ...]
    terms: tuple[Term, ...] = field(default=())


def plain(number: int, kwh: int, start: date, end: date, **terms: Any) -> Point:
    """Return a point with one reading and one term over its period."""
    return Point(number, (Segment(start, end, kwh),), (Term(start, end, **terms),))


def usage_table(points: list[Point]) -> pa.Table:
    rows = [
        {
            "point": p.number, "segment": i, "start": s.start, "end": s.end, "kwh": s.kwh,
            "kwh_normal": s.bands[0] if s.bands else 0, "kwh_peak": s.bands[1] if s.bands else 0,
            "kwh_offpeak": s.bands[2] if s.bands else 0, "banded": s.bands is not None, "kvarh": s.kvarh,
        }
        for p in points for i, s in enumerate(p.segments)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, USAGE)


def terms_table(points: list[Point]) -> pa.Table:
    rows = [
        {
            "point": p.number, "start": t.start, "end": t.end, "category": t.category, "voltage": t.voltage,
            "household_quarters": t.quarters, "time_of_use": t.time_of_use, "reactive_charged": t.reactive,
        }
        for p in points for t in p.terms
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, TERMS)


# ---- the rules once more, one point at a time, as one would compute by hand


def half_up(value: Fraction) -> int:
    return int((value + Fraction(1, 2)) // 1)


def by_hand(book: TariffBook, point: Point) -> dict[str, Any]:
    """Return net, vat, total and (kind, kwh, price, amount, start, end) lines of a sound point."""
    start, end = point.segments[0].start, point.segments[-1].end
    cuts = {start} | {e.start for e in book.editions if start < e.start < end}
    for before, after in pairwise(point.terms):
        if _same(before) != _same(after):
            cuts.add(after.start)
    days = [*sorted(cuts), end]
    lines, charged = [], [0, 0, 0]
    for a, b in pairwise(days):
        term = next(t for t in point.terms if t.start <= a < t.end)
        edition = book.edition_on(a)
        tariff = edition.tariffs[term.category, term.voltage]
        normal, peak, off, kvarh = (_position(point, b, r) - _position(point, a, r) for r in range(4))
        metered = peak or off or next(s for s in point.segments if s.start <= a < s.end).bands
        term = term if metered else replace(term, time_of_use=False)
        parts = _priced(
            tariff, (normal, peak, off), term, (b - a).days, monthrange(start.year, start.month)[1]
        )
        lines += [(*part, a, b) for part in parts if part[1]]
        if term.reactive:
            charged = [
                charged[0] + normal + peak + off,
                charged[1] + kvarh,
                charged[2] + sum(p[1] * p[2] for p in parts),
            ]
    net = sum(kwh * price for _, kwh, price, _, _ in lines)
    reactive = by_hand_reactive(*charged)
    net += reactive
    vat = half_up(Fraction(net * next(v.basis_points for v in book.vat if v.start < end <= v.end), 10_000))
    return {"lines": lines, "reactive": reactive, "net": net, "vat": vat, "total": net + vat}


def _same(term: Term) -> tuple[Any, ...]:
    return (term.category, term.voltage, term.quarters, term.time_of_use, term.reactive)


def _position(point: Point, day: date, register: int) -> int:
    """The register's energy from the period's start up to a day: readings, and days between them."""
    total = 0
    for s in point.segments:
        value = (*(s.bands or (s.kwh, 0, 0)), s.kvarh)[register]
        if s.end <= day:
            total += value
        elif s.start < day:
            total += half_up(Fraction(value * (day - s.start).days, (s.end - s.start).days))
    return total


def _priced(
    tariff: Any, bands: tuple[int, int, int], term: Term, days: int, month: int
) -> list[tuple[str, int, int]]:
    if tariff.rule == "bands" and term.time_of_use:
        return [("band", kwh, price) for kwh, price in zip(bands, tariff.prices, strict=True)]
    if tariff.rule != "tiers":
        return [("flat", sum(bands), tariff.prices[0])]
    rest, parts = sum(bands), []
    for i, price in enumerate(tariff.prices):
        width = rest
        if i < len(tariff.widths):
            width = half_up(Fraction(tariff.widths[i] * days * term.quarters, 4 * month))
        parts.append(("tier", min(rest, width), price))
        rest -= min(rest, width)
    return parts


def by_hand_reactive(active: int, reactive: int, money: int) -> int:
    if not active or not reactive:
        return 0
    # the largest c with 100 · cos φ ≥ c − ½, squared to stay in whole numbers
    factor = max(
        c for c in range(101) if c == 0 or (2 * c - 1) ** 2 * (active**2 + reactive**2) <= (200 * active) ** 2
    )
    if factor >= 90:
        return 0
    k = 5254 if factor < 60 else half_up(Fraction(10_000 * (90 - factor), factor))
    return half_up(Fraction(money * k, 10_000))
