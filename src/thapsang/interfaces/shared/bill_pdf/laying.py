"""Put a bill on rows and pages: which piece of the template stands on which row of 14 pt, with which words.

A bill's pages are known here, before anything is set, so the index of a book needs no look into its PDF.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.bill_pdf.letters import printable
from thapsang.interfaces.shared.charts import MonthBar
from thapsang.interfaces.shared.words import gettext

TOP, FACTS = 4, 10
"""Rows where the heading and the facts begin."""
LAST = 51
"""The row of the foot: nothing else stands there."""
CHART = 9
"""Rows of the chart with its heading and labels, without its notes."""
_WIDTH, _HIGH, _GAP = 174 * 72 / 25.4, 90, 5
"""Of the chart, and between its columns, in points."""
_FACT_LETTERS, _WIDE_LETTERS = 38, 100
_FREE_OF_CODE = 21
"""From this row on the QR code is above, and a line has all the page's width."""

Placed = tuple[str, int, Mapping[str, Any]]
"""A piece of the template, its row, and the values of its fields."""
Page = list[Placed]
Code = Mapping[str, Any]
"""A QR code: `side`, and `pixels` as who draws it takes them."""


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


def pages(bill: PrintedBill, code: Code | None) -> list[Page]:
    """Return a bill's pages, each as the pieces on it; `code` is None when nothing is left to pay."""
    laws = _laws(bill.stretches)
    lines = _lines(bill.stretches, laws)
    page, row = _top(bill, code)
    made = [page]
    start = row + 2
    while True:
        room = LAST - start - 2
        part, lines = lines[:room], lines[room:]
        page += _table(part, start)
        if not lines:
            break
        made.append(page := [])
        start = TOP + 2
    end = start + len(part) + 2
    if end + len(bill.sums) + 1 > LAST:
        made.append(page := [])
        end = TOP + 1
    page += _sums(bill, end)
    notes = [
        _under_chart(bill.bars),
        *[f"{_mark(number)} {printable(text)}" for text, number in laws.items()],
    ]
    row = end + len(bill.sums) + 4
    if row + CHART + len(notes) > LAST:
        made.append(page := [])
        row = TOP + 2
    page.append(("chart", row, _chart(bill.bars, notes)))
    for number, one in enumerate(made, 1):
        one.insert(0, ("page", 0, {"code": bill.code, "foot": f"{bill.code} · {number}/{len(made)}"}))
    return made


def shared(bill: PrintedBill, look: Mapping[str, str]) -> dict[str, Any]:
    """Return what is the same on all bills of a month; `look` is the distributor's."""
    title = gettext("Tiền điện %(month)s") % {"month": bill.month}
    return {
        **look,
        "title": title,
        "language": bill.language,
        "bank": bill.bank,
        "account": bill.account,
        "words": dict(_words(words.language() or "vi")) | {"heading": title},
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


def _top(bill: PrintedBill, code: Code | None) -> tuple[Page, int]:
    """Return the head of a bill, and the row that is free below it."""
    labels, values = list[str](), list[str]()
    for label, value in bill.facts:
        parts = _wrapped(printable(value), _FACT_LETTERS)
        values += parts
        labels += [label, *[""] * (len(parts) - 1)]
    told = bill.used.split("\n") if bill.used else []
    if bill.estimated:
        told.append(_estimated(words.language() or "vi"))
    told = [part for text in told for part in _wrapped(text, _WIDE_LETTERS)]
    lower = max(FACTS + len(labels) + 1, _FREE_OF_CODE - (max(map(len, told), default=0) < 60) * 4)
    page: Page = [
        ("head", TOP, {"total": bill.total, "by_when": bill.by_when}),
        ("facts", FACTS, {"labels": "\n".join(labels), "values": "\n".join(values)}),
        ("told", lower, {"told": "\n".join(told)}),
        ("scan", TOP, code) if code else ("paid", TOP, {}),
    ]
    return page, max(lower + len(told) + 2, _FREE_OF_CODE)


def _wrapped(text: str, letters: int) -> list[str]:
    """Return a text as lines of at most so many letters, broken at spaces; a longer word is cut."""
    lines = list[str]()
    while len(text) > letters:
        at = text.rfind(" ", 0, letters + 1)
        end = at if at > 0 else letters
        lines.append(text[:end].rstrip(" "))
        text = text[end:].lstrip(" ")
    return [*lines, text]


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


def _table(lines: Sequence[tuple[str, ...]], start: int) -> Page:
    columns = ["\n".join(column) for column in zip(*lines, strict=True)] if lines else [""] * 5
    fields = dict(zip(("names", "said", "kwh", "prices", "amounts"), columns, strict=True))
    rules: Page = [("rule", start + number, {}) for number in range(1, len(lines) + 1)]
    return [("table", start, fields), *rules]


def _sums(bill: PrintedBill, end: int) -> Page:
    names, amounts = "\n".join(name for name, _ in bill.sums), "\n".join(amount for _, amount in bill.sums)
    return [
        ("sums", end, {"names": names, "amounts": amounts}),
        ("total", end + len(bill.sums), {"total": bill.total}),
    ]


def _under_chart(bars: Sequence[MonthBar]) -> str:
    if any(bar.before for bar in bars):
        return gettext("kWh mỗi tháng. Nét ngang: cùng tháng năm trước.")
    return gettext("kWh mỗi tháng.")


def _chart(bars: Sequence[MonthBar], notes: Sequence[str]) -> dict[str, Any]:
    """Return the chart's fields; a column is left, top, width and height in points."""
    lefts, wide = _across(len(bars))
    each = _HIGH / max(1, *[bar.kwh or 0 for bar in bars], *[bar.before or 0 for bar in bars])
    columns = [
        (left, _HIGH - (bar.kwh or 0) * each, wide, (bar.kwh or 0) * each)
        for left, bar in zip(lefts, bars, strict=True)
    ]
    return {
        "bars": columns[:-1],
        "now": columns[-1:],
        "before": [
            (left, _HIGH - bar.before * each, wide, 1)
            for left, bar in zip(lefts, bars, strict=True)
            if bar.before
        ],
        "middles": [left + wide / 2 for left in lefts],
        "shown": [_shown(bar) for bar in bars],
        "months": _months(tuple([bar.month for bar in bars])),
        "notes": "\n".join(notes),
    }


@lru_cache(maxsize=13)
def _across(count: int) -> tuple[list[float], float]:
    """Return the left edge of each column of a chart, and how wide one is."""
    step = _WIDTH / count
    return [number * step for number in range(count)], step - _GAP


def _shown(bar: MonthBar) -> str:
    return "" if bar.kwh is None else words.number(bar.kwh) + "*" * bar.estimated


@lru_cache(maxsize=100)
def _months(months: tuple[date, ...]) -> list[str]:
    return [f"{month:%m/%y}" for month in months]
