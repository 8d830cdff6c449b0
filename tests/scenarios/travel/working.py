"""The officer's figures as they stand in YAML, with their working: read, and the working itself computed again.

A wrong sum in a file is found here, before the product is asked anything. Nothing of the product is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

_TERM = re.compile(r"^(\d+) x (\d+)$")
_VAT = re.compile(r"^(\d+) % = (-?\d+)$")
_LESS = re.compile(r"^(\d+) - (\d+) = (-?\d+)$")
_SHARE = re.compile(r"^([\d.]+) % of (\d+) = (\d+)$")


class WorkingError(AssertionError):
    """A figure does not follow from its own working."""


@dataclass(frozen=True)
class Line:
    """kWh × price; `start` where the working names the day a stretch begins. A share has no price of its own."""

    kwh: int
    price: int
    amount: int
    start: date | None = None


@dataclass(frozen=True)
class Figures:
    """A bill worked out by hand; đồng, VAT in basis points."""

    lines: tuple[Line, ...]
    net: int
    vat_rate: int
    vat: int
    total: int
    relief: int = 0
    """What programmes took off in the bill itself, VAT included."""


@dataclass(frozen=True)
class Relief:
    """What comes off one bill, worked out by hand; đồng."""

    net: int
    vat: int

    @property
    def total(self) -> int:
        return self.net + self.vat


def half_up(value: Fraction) -> int:
    """Round half away from zero, as money is."""
    return int(value + Fraction(1, 2)) if value >= 0 else -int(-value + Fraction(1, 2))


def figures(entry: dict[str, Any], where: str) -> Figures:
    """Read `lines`, `net`, `vat`, `total`; raise WorkingError when one does not follow from the others.

    `less`: what each programme takes off in the bill itself, one working a programme.
    """
    lines = _lines(entry["lines"], where)
    before = sum(line.amount for line in lines)
    less = [sum(line.amount for line in _stretch(text, None, where)) for text in entry.get("less", [])]
    lines = (*lines, *(Line(0, 0, -amount) for amount in less))
    net = before - sum(less)
    percent, vat = _match(_VAT, entry["vat"], where)
    _same(entry["net"], net, where, "net")
    _same(vat, half_up(Fraction(net * percent, 100)), where, "vat")
    _same(entry["total"], net + vat, where, "total")
    if "kwh" in entry:
        _same(entry["kwh"], sum(line.kwh for line in lines if line.price), where, "kwh")
    given = before - net + half_up(Fraction(before * percent, 100)) - vat
    return Figures(lines, net, percent * 100, vat, net + vat, given)


def relief(entry: dict[str, Any], where: str) -> Relief:
    """Read `less`, `net`, `vat` of a relief; `vat` is the VAT before less the VAT of what is left.

    Without `less`, what it comes to now less what was given before.
    """
    if "less" not in entry:
        return Relief(difference(entry["net"], where), difference(entry["vat"], where))
    net = sum(line.amount for line in _stretch(str(entry["less"]), None, where))
    _same(entry["net"], net, where, "net")
    return Relief(net, difference(entry["vat"], where))


def difference(text: Any, where: str) -> int:
    """Return what `a - b = c` comes to."""
    first, second, given = _match(_LESS, text, where)
    _same(given, first - second, where, str(text))
    return given


def _lines(given: Any, where: str) -> tuple[Line, ...]:
    if isinstance(given, dict):
        return tuple(line for day, text in given.items() for line in _stretch(text, day, where))
    return tuple(_stretch(str(given), None, where))


def _stretch(text: str, day: date | None, where: str) -> list[Line]:
    found = []
    for term in text.split(" + "):
        if share := _SHARE.match(term.strip()):
            percent, base, given = Fraction(share[1]), int(share[2]), int(share[3])
            _same(given, half_up(percent * base / 100), where, term)
            found.append(Line(0, 0, given, day))
            continue
        kwh, price = _match(_TERM, term.strip(), where)
        found.append(Line(kwh, price, kwh * price, day))
    return [line for line in found if line.kwh or line.amount]


def _match(pattern: re.Pattern[str], text: Any, where: str) -> tuple[int, ...]:
    found = pattern.match(str(text))
    if found is None:
        raise WorkingError(f"{where}: {text!r} is no working; write it as in the other entries.")
    return tuple(int(part) for part in found.groups())


def _same(given: int, worked: int, where: str, what: str) -> None:
    if given != worked:
        raise WorkingError(f"{where}: {what}: the file says {given}, its working gives {worked}.")
