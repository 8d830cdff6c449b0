"""Bills and their lines as invoices of the tax authority's layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from thapsang.domain.billing.types import PERIOD_FACTOR, bill_code
from thapsang.domain.invoices.types import Policy, SeriesRule, shown_look_up_code
from thapsang.engines.einvoice import (
    Buyer,
    Extra,
    Invoice,
    InvoiceError,
    Line,
    LineKind,
    RateTotal,
    Related,
    RelationKind,
    columns,
    draft,
)

_LABEL = ["category", "kind", "tier", "band", "from_day", "to_day", "adjusts"]
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

    def drafts(self, rows: pl.DataFrame, lines: pl.DataFrame) -> columns.Drafts:
        """Write the invoices of rows of one series, in their order.

        The first is also made the typed way, with all its checks: the two must be the same bytes.
        Raises InvoiceError.
        """
        first = rows.head(1)
        rule = self._rule(first["issued_on"][0])
        made = columns.drafts(
            self._rows(rows), self._lines(rows, lines), seller=self.policy.seller, form=first["form"][0],
            series=first["series"][0], title=rule.title, payment_method=rule.payment_method,
            provider_tax_code=rule.provider_tax_code,
            extras=[self.period.name, self.point, self.bill, self.look_up],
            related={row["number"]: _related(row) for row in
                     rows.filter(pl.col("relation").is_not_null()).iter_rows(named=True)},
        )  # fmt: skip
        if made.part(0, 1)[0] != draft(next(self.invoices(first, lines))):
            raise InvoiceError(
                "DLHDon", "is not what the typed invoice says.", "Report this: it is a fault of ours."
            )
        return made

    def _rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        look_up = pl.col("look_up_code")
        return rows.select(
            "number", "issued_on", "customer_code", "name", "tax_code", "address", "id_number", "net", "vat", "total",
            _codes(pl.col("bill_id")).alias(self.bill),
            pl.lit(self.period.value).alias(self.period.name), pl.col("point_code").alias(self.point),
            pl.concat_str(look_up.str.slice(0, 4), look_up.str.slice(4, 4), look_up.str.slice(8, 4), separator="-")
            .alias(self.look_up),
            pl.col("vat_rate").replace_strict(
                {rate: rate_text(rate) for rate in rows["vat_rate"].unique()}, return_dtype=pl.String
            ),
            invoice="bill_id",
        )  # fmt: skip

    def _lines(self, rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
        facts = rows.select(
            "bill_id", "category", "vat_rate", bill_start="start", bill_end="end", follows=pl.col("link").is_not_null(),
            adjusts=pl.col("link").fill_null("") == "adjusts",
        )  # fmt: skip
        found = lines.join(facts, on="bill_id", how="inner", maintain_order="left")
        part = (pl.col("start") != pl.col("bill_start")) | (pl.col("end") != pl.col("bill_end"))
        found = found.with_columns(
            from_day=pl.when(part).then("start"), to_day=pl.when(part).then("end"),
            discount=(pl.col("amount") < 0) & ~pl.col("follows"),
        )  # fmt: skip
        found = found.join(
            self._labels(found), on=_LABEL, how="left", nulls_equal=True, maintain_order="left"
        )
        priced = ~pl.col("discount") & (pl.col("price") * pl.col("kwh") == pl.col("amount"))
        return found.select(
            "line_no", "name", "discount", invoice="bill_id", unit=pl.when(priced).then("unit"),
            quantity=pl.when(priced).then("kwh"), price=pl.when(priced).then("price"),
            amount=pl.when("discount").then(-pl.col("amount")).otherwise("amount"),
            vat_rate=pl.col("vat_rate").replace_strict(
                {rate: rate_text(rate) for rate in rows["vat_rate"].unique()}, return_dtype=pl.String
            ),
        )  # fmt: skip

    def _labels(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Return name and unit of each kind of line there is."""
        kinds = lines.select(_LABEL).unique()
        made = [self._name(*row) for row in kinds.iter_rows()]
        return kinds.with_columns(
            pl.Series("name", [name for name, _ in made], dtype=pl.String),
            pl.Series("unit", [unit for _, unit in made], dtype=pl.String),
        )

    def _name(
        self,
        category: str,
        kind: str,
        tier: int,
        band: str,
        start: date | None,
        end: date | None,
        adjusts: bool,
    ) -> tuple[str, str]:
        return self._label(category, kind, tier, band, (start, end) if start and end else None, adjusts)

    def _rule(self, day: date) -> SeriesRule:
        return self.rules.get(day) or self.rules.setdefault(day, self.policy.series_on(day))

    def _invoice(self, row: Mapping[str, Any], lines: list[tuple[Any, ...]]) -> Invoice:
        rate, day = rate_text(row["vat_rate"]), row["issued_on"]
        rule = self._rule(day)
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


def _codes(bill: pl.Expr) -> pl.Expr:
    """Return `bill_code` of a column: HD2610-000000123, with -1 … -9 for a later bill."""
    month, point, sequence = bill // PERIOD_FACTOR, bill % PERIOD_FACTOR // 10, bill % 10
    tail = pl.when(sequence > 0).then(pl.concat_str(pl.lit("-"), sequence)).otherwise(pl.lit(""))
    padded = [part.cast(pl.String).str.zfill(width) for part, width in ((month, 4), (point, 9))]
    return pl.concat_str(pl.lit("HD"), padded[0], pl.lit("-"), padded[1], tail)


@lru_cache(maxsize=32)
def rate_text(basis_points: int) -> str:
    """Return TSuat: 800 is 8%."""
    return f"{basis_points / 100:g}%"


def _related(row: Mapping[str, Any]) -> Related:
    return Related(
        RelationKind(row["relation"]), row["related_form"], row["related_series"], row["related_number"],
        row["related_on"], row["reason"],
    )  # fmt: skip
