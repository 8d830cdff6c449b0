"""What tariffs tell others: price tables and legal references in words people can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

FORMAT = 1
"""Of the kept content of a policy version. A release that reads tariff files otherwise gets a higher number, and
either converts the older ones or leaves them to `queries.citations`, which shows their law in any format."""


@dataclass(frozen=True)
class Citation:
    """A legal reference in plain words; `doubt` is empty when the value is certain."""

    number: int
    code: str
    title: str
    article: str
    signed: date
    confidence: str
    doubt: str

    @property
    def text(self) -> str:
        """The citation in one line."""
        return f"{self.title}, {self.article}" if self.article else self.title


@dataclass(frozen=True)
class TierView:
    """A tier: kWh above `above` up to `upto` (None: no end) a household and month, in đồng/kWh."""

    number: int
    above: int
    upto: int | None
    price: int


@dataclass(frozen=True)
class PriceRow:
    """Prices of one category at some voltages: `prices` are (band or "", đồng/kWh)."""

    voltages: tuple[str, ...]
    prices: tuple[tuple[str, int], ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class CategoryPrices:
    """All prices of one category in one decision; `tiers` or `rows` is filled."""

    code: str
    name: str
    tiers: tuple[TierView, ...]
    rows: tuple[PriceRow, ...]
    citation: Citation


@dataclass(frozen=True)
class PriceTable:
    """The public price page: a decision, the days it holds, its prices before VAT, and the VAT rate."""

    code: str
    title: str
    signed: date
    start: date
    end: date | None
    average_price: str
    categories: tuple[CategoryPrices, ...]
    vat_rate: int | None
    vat_citation: Citation | None
