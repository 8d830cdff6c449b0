"""The tariff book: every decision, VAT period and rule of one distributor, with its legal reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from thapsang.engines.policies import Content, Doubt, Reference, Words
from thapsang.engines.rating.tables import Tables, compile_tables

BANDS = ("normal", "peak", "offpeak")
"""Time bands in the order the engine keeps their prices."""


@dataclass(frozen=True)
class Tariff:
    """Prices (đồng/kWh before VAT) of one category at one voltage in one edition.

    `rule` is `tiers` (one price a tier, `widths` kWh per household and month, the last tier open),
    `flat` (one price) or `bands` (normal, peak, offpeak). `references` stands beside `prices`.
    `tier` is the tier a flat price was taken from, or 0.
    """

    rule: str
    prices: tuple[int, ...]
    references: tuple[int, ...]
    widths: tuple[int, ...] = ()
    tier: int = 0


@dataclass(frozen=True)
class Edition:
    """One price decision and the days [start, end) it applies; `end` None means until further notice."""

    code: str
    document: Words
    signed: date
    start: date
    end: date | None
    average_price: str
    tariffs: dict[tuple[str, str], Tariff]


@dataclass(frozen=True)
class VatPeriod:
    """VAT rate in basis points on the days [start, end)."""

    start: date
    end: date
    basis_points: int
    reference: int


@dataclass(frozen=True)
class Category:
    """A group of customers the decisions price."""

    code: str
    words: Words
    article: Words


@dataclass(frozen=True)
class Reactive:
    """The reactive-power rule: hundredths of the power factor, k in hundredths of a percent."""

    free_from: int
    lowest: int
    below_lowest: int
    reference: int


@dataclass(frozen=True)
class TimeBands:
    """When the three bands lie in the day; `applied` tells whether bills follow it."""

    code: str
    start: date
    applied: bool
    document: Words
    doubt: Doubt | None
    peak: tuple[str, ...]
    offpeak: tuple[str, ...]
    note: Words


@dataclass(frozen=True)
class Pending:
    """What is decided and not yet applied: shown to people, never billed."""

    code: str
    document: Words
    signed: date
    in_force: date
    note: Words
    doubt: Doubt | None
    tiers: tuple[tuple[int | None, int], ...]
    """(width in kWh or None for the open tier, percent of the average price)."""


@dataclass(frozen=True)
class NamedRule:
    """A computing rule by name, with its legal basis, so that a reader can find and question it."""

    name: str
    words: Words
    reference: int


@dataclass(frozen=True)
class TariffBook:
    """Everything the engine needs to rate, for one distributor; made by `load_book`."""

    distributor: str
    content: Content
    sha256: str
    references: tuple[Reference, ...]
    voltages: dict[str, Words]
    categories: dict[str, Category]
    editions: tuple[Edition, ...]
    vat: tuple[VatPeriod, ...]
    rules: dict[str, NamedRule]
    reactive: Reactive
    time_bands: tuple[TimeBands, ...]
    pending: tuple[Pending, ...]

    @cached_property
    def tables(self) -> Tables:
        """The book as the integer arrays the kernel works on."""
        return compile_tables(self)

    def reference(self, number: int) -> Reference:
        """Return a reference by its number; raises LookupError naming the numbers there are."""
        if not 1 <= number <= len(self.references):
            raise LookupError(f"This tariff book has references 1 to {len(self.references)}, not {number}.")
        return self.references[number - 1]

    def edition_on(self, day: date) -> Edition | None:
        """Return the decision whose prices hold on a day, or None."""
        return next((e for e in self.editions if e.start <= day and (e.end is None or day < e.end)), None)

    def vat_on(self, day: date) -> VatPeriod | None:
        """Return the VAT period of a day, or None when the rate of that day is unknown."""
        return next((v for v in self.vat if v.start <= day < v.end), None)
