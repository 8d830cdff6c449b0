"""Bills and their lines as invoices of the tax authority's layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from thapsang.domain.billing.types import bill_code
from thapsang.domain.invoices.types import Policy, SeriesRule, shown_look_up_code
from thapsang.engines.einvoice import (
    Buyer,
    Extra,
    Invoice,
    Line,
    LineKind,
    RateTotal,
    Related,
    RelationKind,
)

_FOLLOWS = {"adjusts": RelationKind.ADJUSTMENT, "replaces": RelationKind.REPLACEMENT}


def relation(link: str | None) -> int | None:
    """Return TCHDon for a bill that follows another one."""
    return int(_FOLLOWS[link]) if link in _FOLLOWS else None


def reason(policy: Policy, link: str | None, of_bill_id: int | None) -> str:
    """Return what a correcting invoice gives as its reason."""
    if link not in _FOLLOWS or of_bill_id is None:
        return ""
    return str(policy.words["reasons"][link]).format(bill=bill_code(of_bill_id))


class Shaper:
    """Makes invoices of one month."""

    def __init__(self, policy: Policy, period: date) -> None:
        self.policy, self.words = policy, policy.words
        self.rules: dict[date, SeriesRule] = {}
        extras = policy.words["extras"]
        self.period = Extra(extras["period"], f"{period:%Y-%m}")
        self.point, self.bill, self.look_up = extras["point"], extras["bill"], extras["look_up"]
        self.labels: dict[tuple[Any, ...], tuple[str, str]] = {}

    def invoices(self, rows: pl.DataFrame, lines: pl.DataFrame) -> Iterator[Invoice]:
        """Yield the invoice of each row (numbered bills in order of bill, with their buyers)."""
        taken = lines.join(rows.select("bill_id"), on="bill_id", how="semi", maintain_order="left")
        ends = taken["bill_id"].rle().struct.unnest()["len"].cum_sum().to_list()
        columns = [taken[name].to_list() for name in
                   ("kind", "tier", "band", "kwh", "price", "amount", "start", "end")]  # fmt: skip
        all_lines = list(zip(*columns, strict=True))
        begin = 0
        for row, end in zip(rows.iter_rows(named=True), ends, strict=True):
            yield self._invoice(row, all_lines[begin:end])
            begin = end

    def _invoice(self, row: Mapping[str, Any], lines: list[tuple[Any, ...]]) -> Invoice:
        rate, day = rate_text(row["vat_rate"]), row["issued_on"]
        rule = self.rules.get(day) or self.rules.setdefault(day, self.policy.series_on(day))
        return Invoice(
            seller=self.policy.seller,
            buyer=Buyer(
                customer_code=row["customer_code"], name=row["name"], tax_code=row["tax_code"] or "",
                address=row["address"], id_number=row["id_number"] or "",
            ),
            lines=tuple([self._line(line, row, rate) for line in lines]),
            totals=(RateTotal(rate, row["net"], row["vat"]),),
            series=row["series"], number=row["number"], issued_on=day,
            provider_tax_code=rule.provider_tax_code, form=row["form"], title=rule.title,
            payment_method=rule.payment_method,
            related=_related(row) if row["relation"] else None,
            extras=(
                self.period, Extra(self.point, row["point_code"]), Extra(self.bill, bill_code(row["bill_id"])),
                Extra(self.look_up, shown_look_up_code(row["look_up_code"])),
            ),
        )  # fmt: skip

    def _line(self, line: tuple[Any, ...], row: Mapping[str, Any], rate: str) -> Line:
        kind, tier, band, kwh, price, amount, start, end = line
        whole = start == row["start"] and end == row["end"]
        key = (row["category"], kind, tier, band, None if whole else (start, end), row["link"] == "adjusts")
        label = self.labels.get(key)
        if label is None:
            label = self.labels[key] = self._label(*key)
        if amount < 0 and row["link"] is None:
            return Line(label[0], -amount, rate, kind=LineKind.DISCOUNT)
        if price * kwh != amount:
            return Line(label[0], amount, rate)
        return Line(label[0], amount, rate, label[1], kwh, price)

    def _label(
        self, category: str, kind: str, tier: int, band: str, days: tuple[date, date] | None, adjusts: bool
    ) -> tuple[str, str]:
        """Return name and unit of a line."""
        words, categories = self.words, self.words["categories"]
        text = words["lines"].get(kind) or words["lines"]["other"]
        name = text.format(
            category=categories.get(category) or categories["other"], tier=tier, band=words["bands"].get(band, band)
        )  # fmt: skip
        if days:
            name += words["days"].format(days=f"{days[0]:%d/%m}–{days[1] - timedelta(days=1):%d/%m/%Y}")
        unit = words["unit"]["reactive" if kind == "reactive" else "energy"]
        return (words["adjusted"] if adjusts else "") + name, unit


@lru_cache(maxsize=32)
def rate_text(basis_points: int) -> str:
    """Return TSuat: 800 is 8%."""
    return f"{basis_points / 100:g}%"


def _related(row: Mapping[str, Any]) -> Related:
    return Related(
        RelationKind(row["relation"]), row["related_form"], row["related_series"], row["related_number"],
        row["related_on"], row["reason"],
    )  # fmt: skip
