"""Put a bill on rows and pages, for the template: it only draws what stands where.

The template counts in rows of 14 pt. A bill's pages are known here, before anything is set, so the index of a
book needs no look into its PDF.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import Any

from django.utils.translation import get_language, gettext

from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.charts import MonthBar

TOP, FACTS = 4, 10
"""Rows where the heading and the facts begin."""
LAST = 51
"""The row of the foot: nothing else stands there."""
CHART = 9
"""Rows of the chart with its heading and labels, without its notes."""
_WIDTH, _HIGH = 493, 90
"""Of the chart, in points."""
_FACT_LETTERS, _WIDE_LETTERS = 38, 100
_FREE_OF_CODE = 21
"""From this row on the QR code is above, and a line has all the page's width."""


@dataclass(frozen=True)
class PrintedBill:
    """Everything that stands on a printed bill; amounts and days are already written."""

    code: str
    month: str
    total: str
    by_when: str
    used: str
    """Sentences, each on a line of its own."""
    facts: Sequence[tuple[str, str]]
    stretches: Sequence[bill_words.Stretch]
    sums: Sequence[tuple[str, str]]
    bars: Sequence[MonthBar]
    estimated: bool
    qr: str
    """The text of the VietQR code; empty when nothing is left to pay."""
    bank: str
    account: str
    language: str


def pages(bill: PrintedBill, drawn: tuple[int, int | list[int]] | None) -> list[dict[str, Any]]:
    """Return a bill's pages as the template draws them; `drawn` is its code: side, and pixels or their place."""
    laws = _laws(bill.stretches)
    lines = _lines(bill.stretches, laws)
    top, row = _top(bill, drawn)
    made: list[dict[str, Any]] = []
    page = _page(bill.code, top)
    start = row + 2
    while True:
        room = LAST - start - 2
        part, lines = lines[:room], lines[room:]
        page |= _table(part, start)
        if not lines:
            break
        made.append(page)
        page, start = _page(bill.code, None), TOP + 2
    end = start + len(part) + 2
    if end + len(bill.sums) + 1 > LAST:
        made.append(page)
        page, end = _page(bill.code, None), TOP + 1
    page |= {"end": end, "sums": _sums(bill)}
    notes = [_under_chart(bill.bars), *[f"{_mark(number)} {text}" for text, number in laws.items()]]
    row = end + len(bill.sums) + 4
    if row + CHART + len(notes) > LAST:
        made.append(page)
        page, row = _page(bill.code, None), TOP + 2
    page["chart"] = _chart(bill.bars, row, notes)
    made.append(page)
    for number, one in enumerate(made, 1):
        one["foot"] = f"{bill.code} · {number}/{len(made)}"
    return made


def shared(bill: PrintedBill, look: Mapping[str, str]) -> dict[str, Any]:
    """Return what is the same on all bills of a compile; `look` is the distributor's."""
    title = gettext("Tiền điện %(month)s") % {"month": bill.month}
    return {
        **look,
        "title": title,
        "language": bill.language,
        "bank": bill.bank,
        "account": bill.account,
        "words": dict(_words(get_language() or "vi")) | {"heading": title},
    }


@lru_cache(maxsize=4)
def _words(language: str) -> tuple[tuple[str, object], ...]:
    return (
        ("number", gettext("Số hóa đơn")),
        ("scan", gettext("Quét mã để trả")),
        ("no_fee", gettext("Không mất phí")),
        ("paid", gettext("Đã trả")),
        ("why", gettext("Vì sao bấy nhiêu?")),
        ("total", gettext("Tổng cộng")),
        ("months", gettext("Từng tháng")),
        ("columns", [gettext("Phần điện dùng"), "kWh", gettext("đồng/kWh"), gettext("Thành tiền")]),
    )


def _page(code: str, top: dict[str, Any] | None) -> dict[str, Any]:
    none: dict[str, Any] = dict.fromkeys(("sums", "chart"))
    return {"code": code, "foot": "", "top": top, "lines": [], "start": 0, "end": 0, **none}


def _top(bill: PrintedBill, drawn: tuple[int, int | list[int]] | None) -> tuple[dict[str, Any], int]:
    """Return the head of a bill, and the row that is free below it."""
    labels, values = list[str](), list[str]()
    for label, value in bill.facts:
        parts = [value] if len(value) <= _FACT_LETTERS else wrap(value, _FACT_LETTERS) or [""]
        values += parts
        labels += [label, *[""] * (len(parts) - 1)]
    told = bill.used.split("\n") if bill.used else []
    if bill.estimated:
        told.append(_estimated(get_language() or "vi"))
    told = [
        part for text in told for part in ([text] if len(text) < _WIDE_LETTERS else wrap(text, _WIDE_LETTERS))
    ]
    lower = max(FACTS + len(labels) + 1, _FREE_OF_CODE - (max(map(len, told), default=0) < 60) * 4)
    gap = lower - FACTS - len(labels)
    top = {
        "total": bill.total, "by_when": bill.by_when, "labels": "\n".join(labels) + "\n" * (gap - 1),
        "values": "\n".join(values), "used": "\n".join(told), "qr": drawn,
    }  # fmt: skip
    return top, max(lower + len(told) + 2, _FREE_OF_CODE)


@lru_cache(maxsize=4)
def _estimated(language: str) -> str:
    return gettext("Chỉ số tháng này là ước tính vì không đọc được công tơ; kỳ sau sẽ tính lại cho đúng.")


def _laws(stretches: Sequence[bill_words.Stretch]) -> dict[str, int]:
    """Number the different laws behind the lines, in the order met."""
    texts = dict.fromkeys(line.law.text for s in stretches for line in s.lines if line.law)
    return {text: number for number, text in enumerate(texts, 1)}


def _mark(number: int) -> str:
    return f"({number})"


def _lines(stretches: Sequence[bill_words.Stretch], laws: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Return the table's rows: name, what it is, kWh, price, amount."""
    found: list[tuple[str, ...]] = []
    for stretch in stretches:
        if len(stretches) > 1:
            days = {"start": words.day(stretch.start), "end": words.last_day(stretch.end)}
            found.append((gettext("Từ %(start)s đến %(end)s") % days, "", "", "", ""))
        for line in stretch.lines:
            note = f" {_mark(laws[line.law.text])}" if line.law else ""
            shown = (words.number(line.kwh), words.number(line.price)) if line.measured else ("", "")
            found.append((line.name, f"   {line.said}{note}", *shown, words.dong(line.amount)))
    return found


def _table(lines: Sequence[tuple[str, ...]], start: int) -> dict[str, Any]:
    columns = zip(*lines, strict=True) if lines else [()] * 5
    name, said, kwh, prices, amounts = columns
    return {
        "start": start, "lines": list(zip(name, said, strict=True)),
        **{key: "\n" + "\n".join(part) for key, part in (("kwh", kwh), ("prices", prices), ("amounts", amounts))},
    }  # fmt: skip


def _sums(bill: PrintedBill) -> dict[str, str]:
    return {
        "names": "\n".join(name for name, _ in bill.sums), "amounts": "\n".join(sum_ for _, sum_ in bill.sums),
        "total": bill.total,
    }  # fmt: skip


def _under_chart(bars: Sequence[MonthBar]) -> str:
    if any(bar.before for bar in bars):
        return gettext("kWh mỗi tháng. Nét ngang: cùng tháng năm trước.")
    return gettext("kWh mỗi tháng.")


def _chart(bars: Sequence[MonthBar], row: int, notes: Sequence[str]) -> dict[str, Any]:
    step = _WIDTH / len(bars)
    most = max(1, *(bar.kwh or 0 for bar in bars), *(bar.before or 0 for bar in bars))
    return {
        "row": row,
        "bars": _columns(
            [(place * step, step - 5, bar.kwh or 0) for place, bar in enumerate(bars[:-1])], most
        ),
        "now": _columns([((len(bars) - 1) * step, step - 5, bars[-1].kwh or 0)], most),
        "before": _columns(
            [(place * step, step - 5, bar.before) for place, bar in enumerate(bars) if bar.before],
            most,
            thick=1,
        ),
        "shown": ["" if bar.kwh is None else words.number(bar.kwh) + "*" * bar.estimated for bar in bars],
        "months": [f"{bar.month.month:02d}/{bar.month.year % 100:02d}" for bar in bars],
        "notes": "\n".join(notes),
    }


def _columns(
    found: Sequence[tuple[float, float, int]], most: int, *, thick: float | None = None
) -> list[tuple[float, float]]:
    """Return one outline of columns (left, width, kWh); of their tops alone when `thick` (points) is given.

    One polygon instead of a shape a column: the way from one to the next encloses nothing.
    """
    points = list[tuple[float, float]]()
    for left, width, kwh in found:
        x, right, y = round(left, 1), round(left + width, 1), round(_HIGH * (1 - kwh / most), 1)
        if thick is None:
            points += [(x, _HIGH), (x, y), (right, y), (right, _HIGH)]
        else:
            points += [(x, _HIGH), (x, y), (right, y), (right, y + thick), (x, y + thick), (x, _HIGH)]
    return points
