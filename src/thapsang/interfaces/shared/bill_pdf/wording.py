"""A sheet of the month's delivery as words for print, in Vietnamese whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

from thapsang.domain.billing.types import bill_code
from thapsang.domain.payments import queries as payments
from thapsang.domain.reliefs import queries as reliefs
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines import qr
from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.bill_pdf.laying import PrintedBill
from thapsang.interfaces.shared.bill_pdf.printing import in_one_go, print_bills
from thapsang.interfaces.shared.words import gettext
from thapsang.journeys.deliver_bills import Printed, Sheet

_LANGUAGE = "vi"


def print_sheets(sheets: Sequence[Sheet]) -> Printed:
    """Set sheets of one month as one PDF/A, each beginning a page; the port `bill-printer`."""
    relieved = [sheet.detail.bill.id for sheet in sheets if _relieved(sheet)]
    laws = reliefs.citations_of_bills(bill_ids=relieved, language=_LANGUAGE)
    with words.in_language(_LANGUAGE), in_one_go():
        made = print_bills([worded(sheet, laws.get(sheet.detail.bill.id, {})) for sheet in sheets])
    return Printed(made.pdf, made.pages)


def _relieved(sheet: Sheet) -> bool:
    return any(line.kind == bill_words.RELIEF for line in sheet.detail.lines)


def worded(sheet: Sheet, relieved_by: Mapping[int, bill_words.Law]) -> PrintedBill:
    """Put a sheet into the words of the reader's language; `relieved_by` are the laws of its relief lines by number."""
    bill, rules = sheet.detail.bill, payments.rules()
    month = bill.period.replace(day=1)
    follows = bill_words.follows(sheet.follows)
    code = bill_code(bill.id)
    return PrintedBill(
        code=code,
        month=words.month(bill.period),
        total=words.dong(bill.total),
        by_when=gettext("Trả trước hết ngày %(day)s") % {"day": words.day(bill.due_on)} if bill.total > 0 else "",
        used=follows or _used(sheet, month),
        facts=_facts(sheet),
        stretches=bill_words.stretches(sheet.detail.lines, bill.net, _laws(sheet, relieved_by)),
        sums=[
            (gettext("Cộng tiền điện"), words.dong(bill.net)),
            (gettext("Thuế giá trị gia tăng %(rate)s") % {"rate": words.percent(bill.vat_rate)}, words.dong(bill.vat)),
        ],
        bars=bill_words.year_of(month, sheet.usage),
        estimated=bill.estimated,
        qr=_code(sheet.customer_code, code, bill.total) if bill.total > 0 else "",
        bank=rules.bank_name,
        account=rules.account,
        language=_LANGUAGE,
    )  # fmt: skip


def _used(sheet: Sheet, month: date) -> str:
    bill = sheet.detail.bill
    by_month = {row.month: row.kwh for row in sheet.usage}
    before = by_month.get((month.replace(day=1) - month.resolution).replace(day=1))
    said = bill_words.used(month, bill.kwh, before, bill.category)
    return f"{said}\n{bill_words.a_year_ago(month, bill.kwh, by_month)}".strip()


def _code(customer_code: str, bill: str, amount: int) -> str:
    rules = payments.rules()
    return qr.encode(
        qr.Transfer(rules.bank_bin, rules.account, amount, bill=bill, purpose=f"TD {customer_code}")
    )


def _facts(sheet: Sheet) -> list[tuple[str, str]]:
    bill = sheet.detail.bill
    return [
        (gettext("Khách hàng"), sheet.name),
        (gettext("Mã khách hàng"), sheet.customer_code),
        (gettext("Địa chỉ dùng điện"), sheet.address),
        (gettext("Kỳ"), f"{words.day(bill.start)} – {words.last_day(bill.end)}"),
        (gettext("Mục đích"), words.category(bill.category)),
        (gettext("Ngày lập"), words.day(bill.issued_on)),
    ]


def _laws(sheet: Sheet, relieved_by: Mapping[int, bill_words.Law]) -> Mapping[int, bill_words.Law]:
    prices = _citations(sheet.detail.policy_version_id)
    return {**prices, **{-number: law for number, law in relieved_by.items()}} if relieved_by else prices


@lru_cache(maxsize=16)
def _citations(version: int) -> Mapping[int, bill_words.Law]:
    return tariffs.citations(policy_version_id=version, language=_LANGUAGE)
