"""Turn one of the customer's bills into what is printed."""

from __future__ import annotations

from django.utils.translation import get_language, gettext

from thapsang.domain.payments import queries as payments
from thapsang.engines import qr
from thapsang.interfaces.portal.bill_page import BillPage
from thapsang.interfaces.shared import words
from thapsang.interfaces.shared.bill_pdf import PrintedBill, print_bill


def bill_pdf(page: BillPage, name: str) -> bytes:
    """Return a bill as PDF, in the reader's language; `name` is the customer's."""
    bill, rules = page.row.bill, payments.rules()
    left = page.row.left
    return print_bill(
        PrintedBill(
            code=page.row.code,
            month=words.month(bill.period),
            total=words.dong(bill.total),
            by_when=gettext("Trả trước hết ngày %(day)s") % {"day": words.day(bill.due_on)}
            if left
            else gettext("Đã trả"),
            used=f"{page.used}\n{page.year_ago}".strip(),
            facts=_facts(page, name),
            stretches=page.stretches,
            sums=[
                (gettext("Cộng tiền điện"), words.dong(bill.net)),
                (
                    gettext("Thuế giá trị gia tăng %(rate)s") % {"rate": words.percent(bill.vat_rate)},
                    words.dong(bill.vat),
                ),
            ],
            bars=page.bars,
            estimated=bill.estimated,
            bank=rules.bank_name,
            account=rules.account,
            qr=_code(page.point.customer_code, page.row.code, left) if left else "",
            language=get_language() or "vi",
        )
    )


def _code(customer_code: str, bill_code: str, amount: int) -> str:
    """Return the QR text of what is left: the customer code in its text is what a bank pays by."""
    rules = payments.rules()
    return qr.encode(
        qr.Transfer(rules.bank_bin, rules.account, amount, bill=bill_code, purpose=f"TD {customer_code}")
    )


def _facts(page: BillPage, name: str) -> list[tuple[str, str]]:
    bill, point = page.row.bill, page.point
    return [
        (gettext("Khách hàng"), name),
        (gettext("Mã khách hàng"), point.customer_code),
        (gettext("Địa chỉ dùng điện"), f"{point.address}, {point.commune}"),
        (gettext("Kỳ"), f"{words.day(bill.start)} – {words.last_day(bill.end)}"),
        (gettext("Mục đích"), words.category(bill.category)),
        (gettext("Ngày lập"), words.day(bill.issued_on)),
    ]
