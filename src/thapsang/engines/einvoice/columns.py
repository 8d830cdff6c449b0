"""Many invoices of one series written at once, from columns: the same bytes as `draft`, at a tenth of its cost.

It writes what a month's bills need: one VAT rate an invoice, goods and discounts, a buyer with name, address, codes.
`draft` says what is right; tests and the bill-to-invoice journey hold the two to the same bytes. The rules of
`checking` over a buyer's texts are the caller's to keep (nothing here looks at lengths or tax codes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from thapsang.engines.einvoice.errors import InvoiceError
from thapsang.engines.einvoice.model import LAYOUT, Related, Seller
from thapsang.engines.einvoice.words import in_words_each
from thapsang.engines.einvoice.writing import Draft, related_element, seller_element

LINES = ("invoice", "line_no", "name", "unit", "quantity", "price", "amount", "discount", "vat_rate")
"""Columns of lines: in order of invoice and line_no (from 1). quantity and price null: only the amount stands.

A discount's amount is positive and lowers the sum. unit null: none.
"""
INVOICES = (
    "invoice", "number", "issued_on", "customer_code", "name", "tax_code", "address", "id_number", "vat_rate",
    "net", "vat", "total",
)  # fmt: skip
"""Columns of invoices; texts may be null. `extras` are further text columns, named as their TTruong."""
_ESCAPED = ("&", "<", ">", "\r"), ("&amp;", "&lt;", "&gt;", "&#xD;")


@dataclass(frozen=True)
class Drafts:
    """Written invoices of one series. Each becomes an object only when asked for: signed a few at a time, their
    bytes then stay in the processor's cache."""

    identity: str
    """What the Ids of the series begin with."""
    numbers: pl.Series
    bodies: pl.Series

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Draft]:
        return iter(self.part(0, len(self)))

    def part(self, start: int, stop: int) -> list[Draft]:
        """Return the drafts of some places."""
        numbers, bodies = self.numbers[start:stop].to_list(), self.bodies[start:stop].to_list()
        return [Draft(f"{self.identity}{number}", body) for number, body in zip(numbers, bodies, strict=True)]

    def take(self, places: pl.Series) -> Drafts:
        """Return those at some places, in that order."""
        return Drafts(self.identity, self.numbers.gather(places), self.bodies.gather(places))


def drafts(
    invoices: pl.DataFrame,
    lines: pl.DataFrame,
    *,
    seller: Seller,
    form: str,
    series: str,
    title: str,
    payment_method: str,
    provider_tax_code: str,
    extras: list[str],
    related: dict[int, Related],
) -> Drafts:
    """Return the DLHDon of each invoice, in order of `invoices`; `related` by number of invoice.

    Raises InvoiceError when lines are missing or do not sum to the net amount.
    """
    body = _bodies(_escape(lines, ["name", "unit"]))
    rows = _escape(invoices, ["name", "address", "tax_code", "customer_code", "id_number", *extras])
    rows = _with_bodies(rows, body)
    _demand_sums(rows)
    names = in_words_each(rows["total"].to_list())
    relations = (
        [related_element(related[n]) if n in related else "" for n in rows["number"]] if related else ""
    )
    identity = f"HD-{seller.tax_code}-{form}{series}-"
    rows = rows.with_columns(
        pl.Series("words", names),
        pl.Series("relation", relations) if related else pl.lit("").alias("relation"),
    )
    heading = f"<TTChung><PBan>{LAYOUT}</PBan><THDon>{_safe(title)}</THDon><KHMSHDon>{form}</KHMSHDon><KHHDon>{series}</KHHDon><SHDon>"  # noqa: E501
    method = f"</NLap><HDCTTChinh>0</HDCTTChinh><DVTTe>VND</DVTTe><HTTToan>{_safe(payment_method)}</HTTToan><MSTTCGP>{provider_tax_code}</MSTTCGP>"  # noqa: E501
    texts = rows.select(
        pl.concat_str(
            pl.lit(f'<DLHDon Id="{identity}'), "number", pl.lit(f'">{heading}'), "number", pl.lit("</SHDon><NLap>"),
            pl.col("issued_on").cast(pl.String), pl.lit(method), "relation",
            pl.lit(f"</TTChung><NDHDon>{seller_element(seller)}<NMua>"), *_buyer(), pl.lit("</NMua><DSHHDVu>"), "body",
            pl.lit("</DSHHDVu><TToan><THTTLTSuat><LTSuat><TSuat>"), "vat_rate", pl.lit("</TSuat><ThTien>"), "net",
            pl.lit("</ThTien><TThue>"), "vat", pl.lit("</TThue></LTSuat></THTTLTSuat><TgTCThue>"), "net",
            pl.lit("</TgTCThue><TgTThue>"), "vat", pl.lit("</TgTThue><TgTTTBSo>"), "total",
            pl.lit("</TgTTTBSo><TgTTTBChu>"), "words", pl.lit("</TgTTTBChu></TToan></NDHDon>"), *_extras(extras),
            pl.lit("</DLHDon>"),
        ).alias("text")
    )["text"]  # fmt: skip
    return Drafts(identity, rows["number"], texts.cast(pl.Binary))


def _buyer() -> list[pl.Expr]:
    fields = (
        ("Ten", "name"), ("MST", "tax_code"), ("DChi", "address"), ("MKHang", "customer_code"), ("CCCDan", "id_number"),
    )  # fmt: skip
    return [_element(element, pl.col(column)) for element, column in fields]


def _element(name: str, text: pl.Expr) -> pl.Expr:
    filled = pl.concat_str(pl.lit(f"<{name}>"), text, pl.lit(f"</{name}>"))
    return pl.when(text.fill_null("") != "").then(filled).otherwise(pl.lit(""))


def _extras(names: list[str]) -> list[pl.Expr]:
    parts: list[pl.Expr] = []
    for name in names:
        parts += [
            pl.lit(f"<TTin><TTruong>{_safe(name)}</TTruong><KDLieu>string</KDLieu><DLieu>"),
            pl.col(name),
            pl.lit("</DLieu></TTin>"),
        ]
    return [pl.lit("<TTKhac>"), *parts, pl.lit("</TTKhac>")] if parts else []


def _escape(rows: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    """Write texts as canonical XML does; most have nothing to escape, and are looked at once."""
    special = rows.select(pl.col(texts).str.contains("[&<>\r]").any())
    wanted = [name for name in texts if special[name][0]]
    return (
        rows.with_columns(pl.col(wanted).str.replace_many(list(_ESCAPED[0]), list(_ESCAPED[1])))
        if wanted
        else rows
    )


def _safe(text: str) -> str:
    for plain, written in zip(*_ESCAPED, strict=True):
        text = text.replace(plain, written)
    return text


def _bodies(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the HHDVu of each invoice as one text, and what they sum to."""
    priced = pl.concat_str(
        pl.lit("<SLuong>"), "quantity", pl.lit("</SLuong><DGia>"), "price", pl.lit("</DGia>"), ignore_nulls=False
    )  # fmt: skip
    text = pl.concat_str(
        pl.when("discount").then(pl.lit("<HHDVu><TChat>3")).otherwise(pl.lit("<HHDVu><TChat>1")),
        pl.lit("</TChat><STT>"), "line_no", pl.lit("</STT><THHDVu>"), "name", pl.lit("</THHDVu>"),
        _element("DVTinh", pl.col("unit")), priced.fill_null(""), pl.lit("<ThTien>"), "amount",
        pl.lit("</ThTien><TSuat>"), "vat_rate", pl.lit("</TSuat></HHDVu>"),
    )  # fmt: skip
    signed = pl.when("discount").then(-pl.col("amount")).otherwise("amount")
    return _joined(lines.select("invoice", body=text, signed=signed))


def _joined(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one row an invoice: the texts of its lines, which stand one behind the other, and their sum."""
    if lines.is_empty():
        return lines
    runs = lines["invoice"].rle().struct.unnest()
    ends = runs["len"].cum_sum().to_numpy()
    texts = lines["body"].to_arrow().cast(pa.large_string())
    _, offsets, letters = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    taken = bounds[np.append(0, ends)]
    bodies = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(taken), letters)
    sums = np.add.reduceat(lines["signed"].to_numpy(), np.append(0, ends[:-1]))
    return pl.DataFrame({"invoice": runs["value"], "body": pl.Series(bodies), "signed": sums})


def _with_bodies(rows: pl.DataFrame, bodies: pl.DataFrame) -> pl.DataFrame:
    if rows["invoice"].equals(bodies["invoice"]):
        return rows.hstack(bodies.drop("invoice"))
    return rows.join(bodies, on="invoice", how="left", maintain_order="left")


def _demand_sums(rows: pl.DataFrame) -> None:
    wrong = rows.filter(
        pl.col("signed").is_null()
        | (pl.col("signed") != pl.col("net"))
        | (pl.col("net") + pl.col("vat") != pl.col("total"))
    )
    if wrong.height:
        raise InvoiceError(
            "THTTLTSuat/LTSuat/ThTien",
            f"lines and sums of number {wrong['number'][0]} ({wrong.height} in all) do not agree.",
            "The lines of an invoice sum to its net amount, net and VAT to its total.",
        )
