"""What a group of books' invoices are made of, read in columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from thapsang.domain.billing.bulk import points_of_books
from thapsang.domain.billing.bulk.columns import bills_of_points, lines_of_bills, links_among
from thapsang.domain.customers import bulk as customers
from thapsang.engines.einvoice.checking import is_tax_code
from thapsang.kit.bulk.joining import beside
from thapsang.kit.privacy.cipher import decrypt_many

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_FORBIDDEN = r"[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
_LONGEST = 400


@dataclass(frozen=True)
class Material:
    """Bills of a group of books with their buyers (`bills`, in order of number), and their lines.

    `bills`: bill_id, point, book_id, customer_id, category, start, end, net, vat_rate, vat, total, customer_code,
    kind, name, tax_code, id_number, point_code, address, of_bill_id, link (adjusts, cancels, replaces or null).
    """

    bills: pl.DataFrame
    lines: pl.DataFrame

    @cached_property
    def hindered(self) -> list[dict[str, Any]]:
        """Why some of the bills cannot have an invoice yet: looked for once, before numbers are taken."""
        return hindered(self.bills)


def read(link: Connection, *, period: date, book_ids: list[int]) -> Material | None:
    """Read what the invoices of books' bills for a month need; None when they have no bills."""
    points = pl.DataFrame(points_of_books(link, book_ids=book_ids))
    if points.is_empty():
        return None
    bills = bills_of_points(link, period=period, points=points["point"])
    bills = bills.filter(pl.col("net") != 0)
    if bills.is_empty():
        return None
    lines = lines_of_bills(link, bills=bills["bill_id"])
    rows = beside(bills, points, on="point")
    rows = beside(rows, _buyers(link, rows["customer_id"]), on="customer_id")
    rows = beside(rows, customers.places(link, points=rows["point"].unique().sort()), on="point")
    links = links_among(link, bills=bills["bill_id"])
    rows = rows.join(links.rename({"kind": "link"}), on="bill_id", how="left", maintain_order="left")
    return Material(_without_cancelled(rows), lines)


def _without_cancelled(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave cancelling bills out, and note which bills were cancelled."""
    cancelled = rows.filter(pl.col("link") == "cancels")["of_bill_id"]
    marked = rows.with_columns(cancelled=pl.col("bill_id").is_in(cancelled.to_list()))
    return marked.filter(pl.col("link").fill_null("") != "cancels")


def _buyers(link: Connection, ids: pl.Series) -> pl.DataFrame:
    """Return buyers; the ID number of a person without a tax code is decrypted, nobody else's."""
    found = customers.buyers(link, customers=ids.unique().sort())
    wanted = (pl.col("kind") == "person") & (pl.col("tax_code") == "")
    ciphers = found.select(pl.when(wanted).then("id_number_cipher"))["id_number_cipher"].to_list()
    numbers = decrypt_many(ciphers, purpose="id-number")
    return found.drop("id_number_cipher").with_columns(pl.Series("id_number", numbers, dtype=pl.String))


def hindered(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return why some bills cannot have an invoice yet: bill_id, element, problem, remedy; before numbers are taken.

    The same rules as the engine's, over columns: it writes no invoice for these.
    """
    found: list[dict[str, Any]] = []

    def note(wrong: pl.Expr | pl.Series, element: str, problem: str, remedy: str) -> None:
        found.extend(
            {"bill_id": number, "element": element, "problem": problem, "remedy": remedy}
            for number in rows.filter(wrong)["bill_id"].to_list()
        )

    text = pl.concat_str("name", "address", "customer_code", "point_code", ignore_nulls=True)
    note(
        pl.col("name").is_null() | (pl.col("name").str.strip_chars() == ""),
        "NMua/Ten",
        "The buyer has no name.",
        "Write the customer's name, then start the month again.",
    )
    note(
        pl.col("name").str.len_chars() > _LONGEST,
        "NMua/Ten",
        "The name is longer than 400 letters.",
        "Shorten it.",
    )
    note(
        pl.col("address").is_null() | (pl.col("address").str.len_chars() > _LONGEST),
        "NMua/DChi",
        "The address is missing or longer than 400 letters.",
        "Mend the premises' address.",
    )
    note(
        text.str.contains(_FORBIDDEN),
        "NMua",
        "A name or address holds a character XML has no place for.",
        "Remove the character from the customer's data.",
    )
    codes = rows.filter(pl.col("tax_code") != "")["tax_code"].unique().to_list()
    wrong = [code for code in codes if not is_tax_code(code)]
    note(pl.col("tax_code").is_in(wrong), "NMua/MST", "The tax code is none (length or check digit).",
         "Mend the customer's tax code.")  # fmt: skip
    note(pl.col("id_number").is_not_null() & ~pl.col("id_number").str.contains(r"^[0-9]{12}$"), "NMua/CCCDan",
         "The ID number has not 12 digits.", "Mend the customer's ID number.")  # fmt: skip
    note(
        (pl.col("net") * pl.col("vat_rate") - pl.col("vat") * 10_000).abs() > 15_000,
        "LTSuat/TThue",
        "The VAT is not the rate of the net amount.",
        "The bill needs a correction: see the correction desk.",
    )
    return found
