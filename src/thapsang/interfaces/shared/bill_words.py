"""A bill in plain words: what was used, how each amount came about, and the law behind each price.

Shared by the portal's page and the printed bill, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from thapsang.domain.billing.types import LaterBill, LineView, LinkView, bill_code
from thapsang.interfaces.shared import words
from thapsang.interfaces.shared.charts import MonthBar
from thapsang.interfaces.shared.words import gettext

RELIEF = "relief"
HOUSEHOLD = frozenset({"residential", "residential-prepaid", "tenant"})


class Usage(Protocol):
    """What is read of a month's use."""

    @property
    def month(self) -> date: ...  # noqa: D102
    @property
    def kwh(self) -> int: ...  # noqa: D102
    @property
    def estimated(self) -> bool: ...  # noqa: D102


class Law(Protocol):
    """What is read of a legal reference: one line of text, and what is not certain about it."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def doubt(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class ShownLine:
    """One line of a bill as it is shown."""

    said: str
    """In words: "50 kWh đầu tiên"."""
    name: str
    """Short name: "Bậc 1"."""
    kwh: int
    price: int
    amount: int
    share: float
    """Part of the bill's net amount before reliefs, 0 to 1; below zero for a relief."""
    measured: bool
    """False for reactive power, where kWh and price say nothing to a reader."""
    law: Law | None
    relief: bool = False
    """True for what a resolution took off."""

    @property
    def each(self) -> str:
        """The price in words: "mỗi kWh 1.984 đ"."""
        return gettext("mỗi kWh %(price)s") % {"price": words.dong(self.price)}

    @property
    def sum(self) -> str:
        """The line as a sum: "50 kWh × 1.984 đ = 99.200 đ"."""
        return f"{words.kwh(self.kwh)} × {words.dong(self.price)} = {words.dong(self.amount)}"

    @property
    def because(self) -> str:
        """The law behind the price or the relief, in one sentence; empty when none is known."""
        if self.law and self.relief:
            return gettext("Giảm theo %(law)s.") % {"law": self.law.text}
        return gettext("Giá theo %(law)s.") % {"law": self.law.text} if self.law else ""


@dataclass(frozen=True)
class Stretch:
    """Days at one set of prices; several where a price or the household count changed in between."""

    start: date
    end: date
    lines: list[ShownLine]


def follows(link: LinkView | None) -> str:
    """Name a later bill by what it follows: "Hóa đơn điều chỉnh của HD2610-000000123."; empty for a regular one."""
    if link is None:
        return ""
    texts = {
        "adjusts": gettext("Hóa đơn điều chỉnh của %(code)s."),
        "cancels": gettext("Hóa đơn hủy %(code)s."),
        "replaces": gettext("Hóa đơn thay thế %(code)s."),
        "final": gettext("Hóa đơn chấm dứt hợp đồng."),
    }
    return texts[link.kind] % {"code": link.of_code}


@dataclass(frozen=True)
class LaterNote:
    """What a later bill did to the one it follows, in words, with its law and what is uncertain in it."""

    code: str
    said: str
    because: str
    doubt: str


def later_note(later: LaterBill, laws: Sequence[Law]) -> LaterNote:
    """Say what a later bill took off or added, with VAT: a relief, its reversal, an adjustment, a replacement."""
    less = later.total < 0
    if later.relief:
        text = gettext("Được giảm %(amount)s.") if less else gettext("Thu lại %(amount)s đã giảm.")
    else:
        texts = {
            "adjusts": gettext("Điều chỉnh giảm %(amount)s.")
            if less
            else gettext("Điều chỉnh tăng %(amount)s."),
            "cancels": gettext("Hóa đơn này đã hủy."),
            "replaces": gettext("Hóa đơn thay thế: %(amount)s."),
        }
        text = texts[later.kind]
    said = text % {"amount": words.dong(abs(later.total))}
    doubts = dict.fromkeys(law.doubt for law in laws if law.doubt)
    return LaterNote(bill_code(later.id), said, "; ".join(law.text for law in laws), " ".join(doubts))


def stretches(lines: Sequence[LineView], net: int, laws: Mapping[int, Law]) -> list[Stretch]:
    """Group the lines by their days and put each into words.

    `laws` by number: those of prices as the lines cite them, those of reliefs below zero (another book's numbers).
    """
    found: dict[tuple[date, date], list[LineView]] = {}
    for line in lines:
        found.setdefault((line.start, line.end), []).append(line)
    rated = sum(line.amount for line in lines if line.kind != RELIEF) or net
    return [
        Stretch(start, end, [_shown(line, i, _priced(group), rated, laws) for i, line in enumerate(group)])
        for (start, end), group in found.items()
    ]


def _priced(lines: list[LineView]) -> int:
    """Return how many lines are of prices: those of reliefs stand behind them."""
    return sum(1 for line in lines if line.kind != RELIEF)


def _shown(line: LineView, index: int, count: int, net: int, laws: Mapping[int, Law]) -> ShownLine:
    return ShownLine(
        said=_said(line, index, count),
        name=_name(line),
        kwh=line.kwh,
        price=line.price,
        amount=line.amount,
        share=line.amount / net if net else 0.0,
        measured=line.kind not in {"reactive", RELIEF},
        law=laws.get(-line.reference if line.kind == RELIEF else line.reference),
        relief=line.kind == RELIEF,
    )


def _name(line: LineView) -> str:
    if line.kind == RELIEF:
        return gettext("Giảm tiền điện")
    if line.kind == "tier":
        return gettext("Bậc %(tier)s") % {"tier": line.tier}
    if line.kind == "band":
        return {
            "normal": gettext("Giờ bình thường"),
            "peak": gettext("Giờ cao điểm"),
            "offpeak": gettext("Giờ thấp điểm"),
        }.get(line.band, line.band)
    return gettext("Công suất phản kháng") if line.kind == "reactive" else gettext("Một giá")


def _said(line: LineView, index: int, count: int) -> str:
    amount = words.kwh(line.kwh)
    if line.kind == "band":
        return {
            "normal": gettext("%(kwh)s vào giờ bình thường"),
            "peak": gettext("%(kwh)s vào giờ cao điểm"),
            "offpeak": gettext("%(kwh)s vào giờ thấp điểm"),
        }.get(line.band, "%(kwh)s") % {"kwh": amount}
    if line.kind == "reactive":
        return gettext("Tiền mua công suất phản kháng")
    if line.kind == RELIEF:
        return gettext("Tiền điện được giảm") if line.amount <= 0 else gettext("Thu hồi tiền điện đã giảm")
    if line.kind != "tier" or count == 1:
        return gettext("%(kwh)s, mọi kWh cùng một giá") % {"kwh": amount}
    if index == 0:
        return gettext("%(kwh)s đầu tiên") % {"kwh": amount}
    if index == count - 1:
        return gettext("%(kwh)s còn lại") % {"kwh": amount}
    return gettext("%(kwh)s tiếp theo") % {"kwh": amount}


def used(month: date, kwh: int, before: int | None, category: str) -> str:
    """Say what was used and how it compares: "Tháng 10 nhà mình dùng 134 kWh, ít hơn tháng trước 12 kWh."."""
    values = {
        "month": _month_name(month),
        "kwh": words.kwh(kwh),
        "change": words.kwh(abs(kwh - (before or 0))),
    }
    home = category in HOUSEHOLD
    if before is None:
        text = gettext("%(month)s nhà mình dùng %(kwh)s.") if home else gettext("%(month)s dùng %(kwh)s.")
    elif home:
        text = _compared_at_home(kwh, before)
    else:
        text = _compared(kwh, before)
    return text % values


def _compared_at_home(kwh: int, before: int) -> str:
    if kwh < before:
        return gettext("%(month)s nhà mình dùng %(kwh)s, ít hơn tháng trước %(change)s.")
    if kwh > before:
        return gettext("%(month)s nhà mình dùng %(kwh)s, nhiều hơn tháng trước %(change)s.")
    return gettext("%(month)s nhà mình dùng %(kwh)s, bằng tháng trước.")


def _compared(kwh: int, before: int) -> str:
    if kwh < before:
        return gettext("%(month)s dùng %(kwh)s, ít hơn tháng trước %(change)s.")
    if kwh > before:
        return gettext("%(month)s dùng %(kwh)s, nhiều hơn tháng trước %(change)s.")
    return gettext("%(month)s dùng %(kwh)s, bằng tháng trước.")


def _month_name(month: date) -> str:
    name = words.month(month).split("/")[0]
    return name[0].upper() + name[1:]


def a_year_ago(month: date, kwh: int, usage: Mapping[date, int]) -> str:
    """Compare with the same month of last year; empty when that is not known."""
    before = usage.get(month.replace(year=month.year - 1))
    if before is None:
        return ""
    values = {"kwh": words.kwh(before), "change": words.kwh(abs(kwh - before))}
    if kwh == before:
        return gettext("Cùng tháng năm ngoái cũng dùng %(kwh)s.") % values
    less = gettext("Cùng tháng năm ngoái dùng %(kwh)s: năm nay ít hơn %(change)s.")
    more = gettext("Cùng tháng năm ngoái dùng %(kwh)s: năm nay nhiều hơn %(change)s.")
    return (less if kwh < before else more) % values


def each_day(kwh: int, total: int, days: int) -> str:
    """Say what a day came to: kWh (one decimal) and đồng."""
    tenths = (kwh * 10 + days // 2) // days
    shown = words.number(tenths // 10) + ("," if words.number(1000) == "1.000" else ".") + str(tenths % 10)
    return gettext("%(days)s ngày: mỗi ngày khoảng %(kwh)s, %(money)s.") % {
        "days": days,
        "kwh": f"{shown}{words.NARROW}kWh",
        "money": words.dong((total + days // 2) // days),
    }


def year_of(month: date, usage: Sequence[Usage]) -> list[MonthBar]:
    """Return the thirteen months up to `month`, each beside the same month a year before."""
    by_month = {row.month.replace(day=1): row for row in usage}
    bars = []
    for back in range(12, -1, -1):
        number = month.year * 12 + month.month - 1 - back
        this, before = date(number // 12, number % 12 + 1, 1), date(number // 12 - 1, number % 12 + 1, 1)
        row, old = by_month.get(this), by_month.get(before)
        bars.append(
            MonthBar(this, row.kwh if row else None, old.kwh if old else None, bool(row and row.estimated))
        )
    while bars and bars[0].kwh is None and len(bars) > 1:
        bars.pop(0)
    return bars
