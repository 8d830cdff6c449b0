"""Set a bill with Typst. One compiler a process keeps its fonts and its memory of the layout."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import typst
from django.conf import settings
from django.contrib.staticfiles import finders
from django.utils.translation import gettext

from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.charts import MonthBar
from thapsang.interfaces.shared.distributor import distributor

FONTS = Path(__file__).parent / "fonts"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class PrintedBill:
    """Everything that stands on a printed bill; amounts and days are already written."""

    code: str
    month: str
    total: str
    by_when: str
    used: str
    facts: Sequence[tuple[str, str]]
    stretches: Sequence[bill_words.Stretch]
    sums: Sequence[tuple[str, str]]
    bars: Sequence[MonthBar]
    estimated: bool
    qr: str
    """The VietQR drawing as SVG; empty when nothing is left to pay."""
    bank: str
    account: str
    language: str


@lru_cache(maxsize=4)
def _compiler(template: Path) -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    return typst.Compiler(str(template), font_paths=fonts)


def print_bill(bill: PrintedBill) -> bytes:
    """Return the bill as PDF."""
    template = Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "bill.typ"
    content = json.dumps(_content(bill), ensure_ascii=False)
    with _one_at_a_time:
        pdf = _compiler(template).compile(format="pdf", sys_inputs={"bill": content})
    return cast(bytes, pdf)


@lru_cache(maxsize=1)
def _logo() -> str:
    return Path(str(finders.find("shared/icons/lamp.svg"))).read_text(encoding="utf-8")


def _content(bill: PrintedBill) -> dict[str, object]:
    who = distributor()
    notes = _notes(bill.stretches)
    return {
        "code": bill.code,
        "total": bill.total,
        "by_when": bill.by_when,
        "used": bill.used,
        "facts": bill.facts,
        "sums": bill.sums,
        "qr": bill.qr,
        "bank": bill.bank,
        "account": bill.account,
        "language": bill.language,
        "night": who.night,
        "amber": who.amber,
        "distributor": who.name,
        "logo": _logo(),
        "hotline": gettext("Chăm sóc khách hàng %(phone)s") % {"phone": who.hotline_shown},
        "title": gettext("Tiền điện %(month)s") % {"month": bill.month},
        "stretches": [_stretch(stretch, notes, len(bill.stretches) > 1) for stretch in bill.stretches],
        "bars": [_bar(bar, last=bar is bill.bars[-1]) for bar in bill.bars],
        "laws": [(str(number), text) for text, number in notes.items()],
        "estimated": gettext(
            "Chỉ số tháng này là ước tính vì không đọc được công tơ; kỳ sau sẽ tính lại cho đúng."
        )
        if bill.estimated
        else "",
        "words": _words(bill),
    }


def _words(bill: PrintedBill) -> dict[str, object]:
    return {
        "number": gettext("Số hóa đơn"),
        "heading": gettext("Tiền điện %(month)s") % {"month": bill.month},
        "scan": gettext("Quét mã để trả"),
        "no_fee": gettext("Không mất phí"),
        "paid": gettext("Đã trả"),
        "why": gettext("Vì sao bấy nhiêu?"),
        "total": gettext("Tổng cộng"),
        "months": gettext("Từng tháng"),
        "columns": [gettext("Phần điện dùng"), "kWh", gettext("đồng/kWh"), gettext("Thành tiền")],
        "chart": gettext("kWh mỗi tháng. Nét ngang: cùng tháng năm trước.")
        if any(bar.before for bar in bill.bars)
        else gettext("kWh mỗi tháng."),
    }


def _notes(stretches: Sequence[bill_words.Stretch]) -> dict[str, int]:
    """Number the different laws behind the lines, in the order met."""
    texts = dict.fromkeys(line.law.text for s in stretches for line in s.lines if line.law)
    return {text: number for number, text in enumerate(texts, 1)}


def _stretch(stretch: bill_words.Stretch, notes: dict[str, int], titled: bool) -> dict[str, object]:
    title = gettext("Từ %(start)s đến %(end)s") % {
        "start": words.day(stretch.start),
        "end": words.last_day(stretch.end),
    }
    return {"title": title if titled else "", "lines": [_line(line, notes) for line in stretch.lines]}


def _line(line: bill_words.ShownLine, notes: dict[str, int]) -> dict[str, str]:
    shown = (
        {"kwh": words.number(line.kwh), "price": words.number(line.price)}
        if line.measured
        else {"kwh": "", "price": ""}
    )
    note = str(notes[line.law.text]) if line.law else ""
    return shown | {"name": line.name, "said": line.said, "note": note, "amount": words.dong(line.amount)}


def _bar(bar: MonthBar, *, last: bool) -> dict[str, object]:
    shown = "" if bar.kwh is None else words.number(bar.kwh) + ("*" if bar.estimated else "")
    return {
        "kwh": bar.kwh or 0,
        "before": bar.before or 0,
        "shown": shown,
        "month": f"{bar.month:%m/%y}",
        "now": last,
    }
