"""Invoices written from columns are the same bytes as invoices written one by one."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.einvoice import SELLER, SELLER_CODE
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
from thapsang.engines.money import share

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co")), min_size=1, max_size=30
)
NAMES = TEXT.filter(lambda text: bool(text.strip()))
LINES = st.lists(
    st.tuples(NAMES, st.booleans(), st.integers(1, 5_000), st.integers(1, 4_000), st.booleans()),
    min_size=1,
    max_size=6,
)
RELATED = Related(RelationKind.ADJUSTMENT, "1", "C26TNA", 7, date(2026, 10, 20), "Sai chỉ số & đơn giá")


def typed(
    number: int, name: str, address: str, rows: list[tuple[str, bool, int, int, bool]], relates: bool
) -> Invoice:
    lines = tuple(
        Line(label, kwh * price, "8%", kind=LineKind.DISCOUNT)
        if discount
        else Line(label, kwh * price, "8%", "kWh", kwh, price)
        if priced
        else Line(label, kwh * price, "8%")
        for label, priced, kwh, price, discount in rows
    )
    net = sum(-(one.amount or 0) if one.kind is LineKind.DISCOUNT else one.amount or 0 for one in lines)
    vat = share(net, 800) if net >= 0 else -share(-net, 800)
    return Invoice(
        SELLER, Buyer("PA13VH0000001", name, address=address, id_number="040190000001"), lines,
        (RateTotal("8%", net, vat),), "C26TNA", number, date(2026, 11, 23), SELLER_CODE,
        related=RELATED if relates else None, extras=(Extra("Kỳ", "2026-10"), Extra("Mã", name)),
    )  # fmt: skip


def in_columns(invoices: list[Invoice]) -> list[object]:
    rows = pl.DataFrame(
        [
            {
                "invoice": one.number, "number": one.number, "issued_on": one.issued_on,
                "customer_code": one.buyer.customer_code, "name": one.buyer.name, "tax_code": one.buyer.tax_code,
                "address": one.buyer.address, "id_number": one.buyer.id_number, "vat_rate": "8%", "net": one.net,
                "vat": one.vat, "total": one.total, "Kỳ": one.extras[0].value, "Mã": one.extras[1].value,
            }
            for one in invoices
        ]
    )  # fmt: skip
    lines = pl.DataFrame(
        [
            {
                "invoice": one.number, "line_no": place, "name": line.name, "unit": line.unit or None,
                "quantity": line.quantity, "price": line.price, "amount": line.amount,
                "discount": line.kind is LineKind.DISCOUNT, "vat_rate": "8%",
            }
            for one in invoices
            for place, line in enumerate(one.lines, 1)
        ],
        schema_overrides={"quantity": pl.Int64, "price": pl.Int64, "unit": pl.String},
    )  # fmt: skip
    return list(
        columns.drafts(
            rows, lines, seller=SELLER, form="1", series="C26TNA", title="Hóa đơn giá trị gia tăng",
            payment_method="TM/CK", provider_tax_code=SELLER_CODE, extras=["Kỳ", "Mã"],
            related={one.number: one.related for one in invoices if one.related},
        )
    )  # fmt: skip


@given(st.lists(st.tuples(NAMES, TEXT, LINES, st.booleans()), min_size=1, max_size=5))
def test_the_same_bytes_for_any_text_lines_and_relation(given: list[tuple[str, str, list, bool]]) -> None:
    invoices = [typed(number, *row) for number, row in enumerate(given, 100)]
    assert in_columns(invoices) == [draft(one) for one in invoices]


def test_lines_that_do_not_sum_are_refused() -> None:
    one = typed(1, "A", "B", [("x", True, 2, 3, False)], False)
    broken = Invoice(**{**vars(one), "totals": (RateTotal("8%", 7, 1),)})
    with pytest.raises(InvoiceError, match="number 1"):
        in_columns([broken])


def test_an_invoice_without_lines_is_refused() -> None:
    one = typed(1, "A", "B", [("x", True, 2, 3, False)], False)
    two = typed(2, "A", "B", [("x", True, 2, 3, False)], False)
    rows = in_columns([one, two])
    assert len(rows) == 2
    with pytest.raises(InvoiceError, match="do not agree"):
        in_columns([one, Invoice(**{**vars(two), "lines": ()})])
