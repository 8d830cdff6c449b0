"""Bank files: what is refused, and that the same orders give the same bytes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from thapsang.engines import transfers
from thapsang.engines.transfers import Order, Party

AT = datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
PAYER = Party("CONG TY DIEN LUC", "0000131000131", "970499")
SCHEMA = etree.XMLSchema(etree.parse(transfers.SCHEMA))


def order(**more: Any) -> Order:
    given = {"reference": "HT1", "amount": 5, "creditor": Party("A", "123456", "970436"), "text": "Hoan tien"}
    return Order(**{**given, **more})


def write(*orders: Order, message: str = "HT261123-1") -> bytes:
    return transfers.write(
        message=message, made_at=AT, execute_on=date(2026, 11, 24), debtor=PAYER, orders=orders
    )


@pytest.mark.parametrize(
    ("orders", "told"),
    [
        ([], "orders"), ([order(amount=0)], "amount"), ([order(), order()], "reference"),
        ([order(reference="x" * 36)], "reference"), ([order(reference="<a>")], "reference"),
        ([order(creditor=Party("A", "12 34", "970436"))], "HT1"),
        ([order(creditor=Party(" ", "1234", "970436"))], "HT1"),
        ([order(creditor=Party("A", "1234", "VCB"))], "HT1"),
    ],
)  # fmt: skip
def test_what_no_bank_could_read_is_refused(orders: list[Order], told: str) -> None:
    with pytest.raises(transfers.TransferError, match=told) as refused:
        write(*orders)
    assert "12 34" not in str(refused.value)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**12), st.text("AB <>&'\"Đ", min_size=1, max_size=200)),
        min_size=1,
        max_size=9,
    )
)
def test_every_file_keeps_to_our_schema_and_adds_up(rows: list[tuple[int, str]]) -> None:
    orders = [
        order(
            reference=f"HT{n}", amount=amount, text=text + "x", creditor=Party(text + "x", "123456", "970436")
        )
        for n, (amount, text) in enumerate(rows)
    ]
    content = write(*orders)
    document = etree.fromstring(content)
    assert SCHEMA.validate(document), SCHEMA.error_log
    sums = document.findall(f".//{{{transfers.NAMESPACE}}}CtrlSum")
    assert [int(one.text) for one in sums] == [sum(amount for amount, _ in rows)] * 2
    assert write(*orders) == content
